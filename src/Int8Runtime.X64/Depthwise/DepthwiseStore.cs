// From the accumulators of a depthwise tile to the destination. Three forms:
//   linear accumulators (f32 products)                                        → the epilogue stores them
//   unpacked order, 8-bit destination, nothing in the epilogue needs the place of a lane → packs, which undo the unpacks
//   unpacked order otherwise                                                  → transpose 128-bit lanes, then as linear
using Int8Runtime.Jit;
using static Int8Runtime.Jit.VectorOp;

namespace Int8Runtime.X64;

/// <summary>Emits epilogue and stores of a depthwise kernel.</summary>
internal sealed class DepthwiseStore : IDisposable
{
    private readonly KernelAssembler _asm;
    private readonly DepthwiseKernelSpec _spec;
    private readonly TapGeometry _geometry;
    private readonly ByteRun? _bytes;
    private readonly ActiveLanes? _lanes;

    /// <summary>Leases what lasts as long as the kernel.</summary>
    public DepthwiseStore(KernelAssembler asm, DepthwiseKernelSpec spec)
    {
        (_asm, _spec, _geometry) = (asm, spec, TapGeometry.Of(spec.Product, asm.Traits, spec.Vectors));
        if (StoresPacked(spec))
            _bytes = new ByteRun(asm, spec.Channels);
        else if (spec.Channels % _geometry.Lanes != 0)
            _lanes = ActiveLanes.First(asm, spec.Channels % _geometry.Lanes);
    }

    /// <summary>
    /// Vector registers needed beside the accumulators: those of the epilogue, one for the transposition, one for the
    /// vector mask of a tail.
    /// </summary>
    public int Registers => EpilogueEmitter.NeedsOf(_spec.Epilogue).Vectors
        + (_geometry.IsUnpackedOrder && !StoresPacked(_spec) ? 1 : 0)
        + (_lanes is not null && !_asm.Traits.HasOpmask ? 1 : 0);

    /// <summary>Whether results leave by packs, so that scales and biases are read in unpacked order.</summary>
    public static bool StoresPacked(DepthwiseKernelSpec spec) =>
        spec.Product != TapProductKind.Fma && spec.Epilogue.Destination.IsInt8() && spec.Epilogue.FitsWords
        && !spec.Epilogue.DependsOnLane;

    /// <summary>Emits the epilogue of consecutive outputs.</summary>
    /// <param name="sums">The accumulators of each; they are destroyed.</param>
    /// <param name="destination">The first of the pixels.</param>
    /// <param name="channel">The first channel.</param>
    /// <param name="arguments">Where the epilogue's arguments lie.</param>
    public void Emit(Vec[][] sums, Gpr destination, Gpr channel, Mem arguments)
    {
        if (StoresPacked(_spec))
        {
            EmitPacked(sums, destination, channel, arguments);
            return;
        }

        if (!_geometry.IsUnpackedOrder)
        {
            EmitLinear(sums, destination, channel, arguments);
            return;
        }

        using Vec spare = _asm.Registers.Vec("spare");
        Vec free = spare;
        EmitLinear([.. sums.Select(s => Transpose(s, ref free))], destination, channel, arguments);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _bytes?.Dispose();
        _lanes?.Dispose();
    }

    private void EmitLinear(Vec[][] vectors, Gpr destination, Gpr channel, Mem arguments)
    {
        var results = new List<ResultVector>();
        int size = _spec.Epilogue.Destination.SizeInBytes();
        for (int v = 0; v < _geometry.Vectors && v * _geometry.Lanes < _spec.Channels; v++)
        {
            int first = v * _geometry.Lanes;
            bool isTail = first + _geometry.Lanes > _spec.Channels;
            for (int o = 0; o < vectors.Length; o++)
                results.Add(new(vectors[o][v], destination[(o * _spec.DestinationPixel) + (first * size)], first, isTail ? _lanes : null));
        }

        using EpilogueEmitter epilogue = EpilogueEmitter.Begin(_asm, _spec.Epilogue, arguments, channel);
        epilogue.Emit(results.ToArray());
    }

    private void EmitPacked(Vec[][] sums, Gpr destination, Gpr channel, Mem arguments)
    {
        using EpilogueEmitter epilogue = EpilogueEmitter.Begin(_asm, _spec.Epilogue, arguments, channel);
        var results = new List<ResultVector>();
        for (int v = 0; v < _geometry.Vectors; v++)
            for (int o = 0; o < sums.Length; o++)
                results.Add(new(sums[o][v], destination[o * _spec.DestinationPixel], v * _geometry.Lanes));
        epilogue.EmitBytes(results.ToArray(), sums);
        for (int o = 0; o < sums.Length; o++)
            _bytes!.Store(destination[o * _spec.DestinationPixel], sums[o][0]);
    }

    // Gathers lane L of the four accumulators into vector L (512 bits), or lane pairs into halves (256 bits). Takes one
    // free register and leaves another.
    private Vec[] Transpose(Vec[] sums, ref Vec free)
    {
        (Vec a, Vec b, Vec c, Vec d, Vec e) = (sums[0], sums[1], sums[2], sums[3], free);
        if (_asm.Traits.Width == VectorWidth.V256)
        {
            const int LowLanes = 0x20, HighLanes = 0x31;
            _asm.Emit(Vperm2i128, e, a, b, LowLanes);
            _asm.Emit(Vperm2i128, b, a, b, HighLanes);
            _asm.Emit(Vperm2i128, a, c, d, LowLanes);
            _asm.Emit(Vperm2i128, d, c, d, HighLanes);
            free = c;
            return [e, a, b, d];
        }

        const int Lanes01 = 0x44, Lanes23 = 0xEE, EvenLanes = 0x88, OddLanes = 0xDD;
        _asm.Emit(Vshufi32x4, e, a, b, Lanes01);
        _asm.Emit(Vshufi32x4, b, a, b, Lanes23);
        _asm.Emit(Vshufi32x4, a, c, d, Lanes01);
        _asm.Emit(Vshufi32x4, d, c, d, Lanes23);
        _asm.Emit(Vshufi32x4, c, e, a, EvenLanes);
        _asm.Emit(Vshufi32x4, a, e, a, OddLanes);
        _asm.Emit(Vshufi32x4, e, b, d, EvenLanes);
        _asm.Emit(Vshufi32x4, d, b, d, OddLanes);
        free = b;
        return [c, a, e, d];
    }
}
