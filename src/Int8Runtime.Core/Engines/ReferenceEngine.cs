// The engine that computes everything by the normative scalar semantics.
using Int8Runtime.Reference;

namespace Int8Runtime;

/// <summary>An engine without generated code: every primitive runs its scalar reference. Slow; for tests and comparison.</summary>
public sealed class ReferenceEngine : Engine
{
    /// <summary>Creates the engine.</summary>
    public ReferenceEngine()
        : this(OutputSample.All)
    {
    }

    /// <summary>Creates an engine that computes a part of each destination, for spot checks of large problems.</summary>
    internal ReferenceEngine(OutputSample outputs)
        : base(Isa.None, SharedThreadPool.Default, 1, 16 << 20) => Register(ReferenceImplementations.Create(outputs));
}
