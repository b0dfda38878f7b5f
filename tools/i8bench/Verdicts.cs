// How a case can end, and the reasons for which it is not run.
namespace Int8Runtime.Bench;

/// <summary>The end of a case.</summary>
internal enum Verdict
{
    /// <summary>The result agrees with the reference.</summary>
    Passed,

    /// <summary>The result differs, or the case broke.</summary>
    Failed,

    /// <summary>Outside what an inference runtime on this kind of device does, or the case contradicts itself.</summary>
    Skipped,

    /// <summary>Inside the scope, but no implementation takes it.</summary>
    Unimplemented,

    /// <summary>The result agrees, but it is all zero, which proves little.</summary>
    Mistrusted,

    /// <summary>Only listed or timed, not compared.</summary>
    Unchecked,
}

/// <summary>The catalogue of reasons to skip.</summary>
internal enum SkipReason
{
    /// <summary>A backward pass.</summary>
    Backward,

    /// <summary>A feature of training.</summary>
    Training,

    /// <summary>Another engine than the CPU.</summary>
    Gpu,

    /// <summary>8-bit floating point.</summary>
    Fp8,

    /// <summary>4-bit floating point.</summary>
    Fp4,

    /// <summary>4-bit integers that are no weights of a product.</summary>
    Int4,

    /// <summary>64-bit floating point.</summary>
    Float64,

    /// <summary>Sparse operands.</summary>
    Sparse,

    /// <summary>The options exclude the implementation that was chosen.</summary>
    ImplementationFilter,

    /// <summary>Options that do not go together, such as in-place execution with different types.</summary>
    InvalidCombination,
}

/// <summary>A case is skipped.</summary>
internal sealed class SkipException(SkipReason reason, string detail) : Exception($"{reason}: {detail}");

/// <summary>A case asks for something that the library has no way to express.</summary>
internal sealed class UnimplementedException(string what) : Exception(what);
