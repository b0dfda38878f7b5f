// Small arrays that kernels read, at addresses that do not move.
namespace Int8Runtime.X64;

/// <summary>Pinned f32 values, 64-byte aligned and followed by enough zeros to read whole vectors.</summary>
internal sealed unsafe class AlignedFloats
{
    private const int Lanes = 16;

    private readonly float[] _array;

    private AlignedFloats(int count)
    {
        _array = GC.AllocateArray<float>(count + (2 * Lanes), pinned: true);
        fixed (float* start = _array)
            Data = (float*)(((nint)start + 63) & ~63);
    }

    /// <summary>The first value; valid while this object lives.</summary>
    public float* Data { get; }

    /// <summary>Bytes kept alive.</summary>
    public long SizeInBytes => _array.LongLength * sizeof(float);

    /// <summary>A copy of the values.</summary>
    public static AlignedFloats Copy(ReadOnlySpan<float> values)
    {
        var copy = new AlignedFloats(values.Length);
        values.CopyTo(new Span<float>(copy.Data, values.Length));
        return copy;
    }

    /// <summary>Each value repeated over 64 bytes.</summary>
    public static AlignedFloats Splats(ReadOnlySpan<float> values)
    {
        var splats = new AlignedFloats(values.Length * Lanes);
        for (int i = 0; i < values.Length; i++)
            new Span<float>(splats.Data + (i * Lanes), Lanes).Fill(values[i]);
        return splats;
    }
}
