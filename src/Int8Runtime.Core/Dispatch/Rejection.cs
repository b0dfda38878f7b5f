// Why an implementation did not take a problem.
namespace Int8Runtime;

/// <summary>The kinds of reasons for which an implementation refuses a problem.</summary>
public enum RejectionReason
{
    /// <summary>The CPU, or the tier the engine was limited to, lacks the instructions.</summary>
    InstructionSet,

    /// <summary>The combination of data types is not served.</summary>
    DataTypes,

    /// <summary>The memory layout is not served.</summary>
    Layout,

    /// <summary>Extents, strides, paddings or groups are not served.</summary>
    Shape,

    /// <summary>A scale or zero point is not served.</summary>
    Quantization,

    /// <summary>A post-op or the order of post-ops is not served.</summary>
    PostOps,

    /// <summary>The algorithm is not served.</summary>
    Algorithm,

    /// <summary>The numeric mode is not served.</summary>
    NumericMode,

    /// <summary>Another implementation is expected to be faster.</summary>
    SlowerThanNext,
}

/// <summary>One refusal.</summary>
/// <param name="Implementation">Name of the implementation that refused.</param>
/// <param name="Reason">Kind of the reason.</param>
/// <param name="Detail">What exactly was refused.</param>
public sealed record Rejection(string Implementation, RejectionReason Reason, string Detail)
{
    /// <summary>For example <c>brgemm_conv:avx512_vnni refused (DataTypes): source f16</c>.</summary>
    public override string ToString() => $"{Implementation} refused ({Reason}): {Detail}";
}

/// <summary>The outcome of a dispatch: what was chosen and what was refused before it.</summary>
/// <param name="Problem">The problem as a command line of i8bench.</param>
/// <param name="Chosen">Name of the chosen implementation; null if every one refused.</param>
/// <param name="Rejections">Refusals in the order of the implementation list.</param>
public sealed record DispatchReport(ProblemLine Problem, string? Chosen, IReadOnlyList<Rejection> Rejections)
{
    /// <summary>True if a scalar reference implementation was chosen.</summary>
    public bool IsReference => Chosen is not null && Chosen.StartsWith("ref", StringComparison.Ordinal);

    /// <summary>One line for the choice, one for each refusal, and the problem as a line that i8bench accepts.</summary>
    public override string ToString() => string.Join(Environment.NewLine,
        [Chosen ?? "No implementation takes the problem.", .. Rejections.Select(r => "  " + r), "  " + Problem]);
}

/// <summary>No implementation takes a problem; the message holds every refusal.</summary>
public sealed class UnsupportedPrimitiveException : NotSupportedException
{
    /// <summary>Creates the exception from a dispatch that chose nothing.</summary>
    public UnsupportedPrimitiveException(DispatchReport report)
        : base(report?.ToString()) => Report = report!;

    /// <summary>The problem and the refusals.</summary>
    public DispatchReport Report { get; }
}
