// The seam between kernels and post-ops.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>Registers that code leases while it runs; whoever calls it leaves as many free.</summary>
/// <param name="Vectors">Vector registers.</param>
/// <param name="Masks">Opmasks, where the instruction set has them.</param>
/// <param name="General">General registers.</param>
internal readonly record struct RegisterNeeds(int Vectors, int Masks = 0, int General = 0)
{
    /// <summary>Enough for either.</summary>
    public static RegisterNeeds Max(RegisterNeeds a, RegisterNeeds b) =>
        new(Math.Max(a.Vectors, b.Vectors), Math.Max(a.Masks, b.Masks), Math.Max(a.General, b.General));
}

/// <summary>One vector of results and the place of its lanes in the destination.</summary>
/// <param name="Register">32-bit lanes: the accumulator before, destroyed by the epilogue.</param>
/// <param name="Destination">Address of the element in lane 0.</param>
/// <param name="Column">Channel of lane 0, counted from the channel that the epilogue was begun at.</param>
/// <param name="Lanes">The lanes that exist; null for all.</param>
internal readonly record struct ResultVector(Vec Register, Mem Destination, int Column, ActiveLanes? Lanes = null)
{
    /// <summary>The lanes that exist.</summary>
    public ActiveLanes Active => Lanes ?? ActiveLanes.All;
}

/// <summary>Emits one post-op; one class per kind, made from its spec.</summary>
internal interface IPostOpEmitter
{
    /// <summary>Registers that <see cref="Emit"/> leases.</summary>
    RegisterNeeds Needs { get; }

    /// <summary>Applies the post-op to the f32 lanes of <paramref name="vector"/>.</summary>
    void Emit(EpilogueScope scope, ResultVector vector);
}
