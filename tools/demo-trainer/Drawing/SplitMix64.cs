// The random numbers of the trainer: SplitMix64 (Steele, Lea, Flood, 2014), because its sequence is fixed by definition.
namespace Int8Runtime.DemoTrainer;

/// <summary>A small seeded generator; independent streams come from <see cref="ForStream"/>.</summary>
internal sealed class SplitMix64(ulong seed)
{
    private ulong _state = seed;

    /// <summary>A generator for one item of one stream; different (seed, stream, index) give unrelated sequences.</summary>
    public static SplitMix64 ForStream(ulong seed, ulong stream, ulong index)
    {
        var mixer = new SplitMix64(seed);
        mixer._state = mixer.Next() ^ stream;
        mixer._state = mixer.Next() ^ index;
        return new SplitMix64(mixer.Next());
    }

    public ulong Next()
    {
        _state += 0x9E3779B97F4A7C15;
        ulong z = (_state ^ (_state >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// <summary>An integer from 0 to <paramref name="end"/> − 1.</summary>
    public int Below(int end) => (int)(Next() % (ulong)end);

    /// <summary>A number in [<paramref name="from"/>, <paramref name="to"/>).</summary>
    public float Uniform(float from, float to) => from + (to - from) * ((Next() >> 40) * (1f / (1 << 24)));

    /// <summary>A number of the standard normal distribution (Box and Muller).</summary>
    public float Normal() => MathF.Sqrt(-2 * MathF.Log(1 - Uniform(0, 1))) * MathF.Cos(Uniform(0, 2 * MathF.PI));
}
