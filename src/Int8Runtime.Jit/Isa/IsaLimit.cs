// The user's upper bound on instruction sets: an engine option, by default the variable INT8RT_MAX_ISA.
namespace Int8Runtime.Jit;

/// <summary>Restricts the instruction sets that kernels use.</summary>
internal static class IsaLimit
{
    /// <summary>Name of the environment variable.</summary>
    public const string Variable = "INT8RT_MAX_ISA";

    /// <summary>The part of <paramref name="available"/> within the bound that <c>INT8RT_MAX_ISA</c> sets.</summary>
    /// <exception cref="FormatException">The variable holds no tier name.</exception>
    public static Isa FromEnvironment(Isa available) => Apply(available, Environment.GetEnvironmentVariable(Variable));

    /// <summary>The part of <paramref name="available"/> inside the tier called <paramref name="tier"/>.</summary>
    /// <param name="available">Instruction sets to choose from.</param>
    /// <param name="tier">A name of <see cref="IsaTiers.All"/>; null or empty sets no bound.</param>
    /// <exception cref="FormatException">No tier has that name.</exception>
    public static Isa Apply(Isa available, string? tier)
    {
        if (string.IsNullOrWhiteSpace(tier))
            return available;
        try
        {
            return available & IsaTiers.Parse(tier.Trim());
        }
        catch (FormatException e)
        {
            throw new FormatException($"{Variable}: {e.Message}", e);
        }
    }
}
