// The instruction-set tiers that make a difference to generated kernels, by their shortest names.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>Which tiers kernels are generated for, and how a tier without product instructions is called.</summary>
internal static class KernelTier
{
    /// <summary>The tiers that differ in encoding and width, from the highest to the lowest.</summary>
    public static IReadOnlyList<Isa> Widths { get; } = [IsaTiers.Avx512, IsaTiers.Avx2, IsaTiers.Sse41];

    /// <summary>The highest of <see cref="Widths"/> inside <paramref name="isa"/>.</summary>
    /// <exception cref="ArgumentException">Kernels cannot be generated for the set.</exception>
    public static Isa Of(Isa isa) => IsaTraits.For(isa).Encoding switch
    {
        VectorEncoding.Evex => IsaTiers.Avx512,
        VectorEncoding.Vex => IsaTiers.Avx2,
        _ => IsaTiers.Sse41,
    };

    /// <summary>The name of <see cref="Of"/>, for example <c>avx2</c>.</summary>
    public static string NameOf(Isa isa) => IsaTiers.NameOf(Of(isa));

    /// <summary>A refusal if kernels cannot be generated for an instruction set.</summary>
    /// <param name="implementation">Who refuses.</param>
    /// <param name="isa">The instruction set.</param>
    public static Rejection? Refusal(string implementation, Isa isa) => isa.HasFlag(IsaTiers.Sse41)
        ? null : new(implementation, RejectionReason.InstructionSet, $"needs at least sse41, has {IsaTiers.NameOf(isa)}");
}
