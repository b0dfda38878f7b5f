// Which implementations were executed on which instruction-set tiers, and a check that none is left out.
using System.Collections.Concurrent;

namespace Int8Runtime.TestKit;

/// <summary>A small problem that some implementation is expected to take.</summary>
/// <param name="Descriptor">The operation.</param>
/// <param name="Attributes">Quantization and post-ops.</param>
/// <param name="Tolerance">Accepted difference from the reference.</param>
public sealed record CatalogueProblem(PrimitiveDescriptor Descriptor, PrimitiveAttributes Attributes, Tolerance Tolerance = default);

/// <summary>Coverage of (implementation, tier) pairs.</summary>
public static class TierCoverage
{
    private static readonly ConcurrentDictionary<(string Implementation, string Tier), int> Executions = new();

    /// <summary>All pairs executed so far in this process, with the number of executions.</summary>
    public static IReadOnlyDictionary<(string Implementation, string Tier), int> Executed => Executions;

    /// <summary>Notes one execution; <see cref="PrimitiveCheck"/> does this itself.</summary>
    public static void Record(string implementation, Isa isa) =>
        Executions.AddOrUpdate((implementation, IsaTiers.NameOf(isa)), 1, (_, count) => count + 1);

    /// <summary>
    /// Runs, for each implementation and each tier of the host, the problems of the catalogue that it takes, and compares
    /// them with the reference.
    /// </summary>
    /// <returns>
    /// One line for each gap: an implementation that took no problem on a tier for another reason than missing
    /// instructions, or on no tier at all. Empty when everything was executed.
    /// </returns>
    /// <exception cref="MismatchException">A result differs from the reference.</exception>
    internal static IReadOnlyList<string> RunAll(
        IEnumerable<IImplementation> implementations, IReadOnlyList<CatalogueProblem> catalogue)
    {
        var gaps = new List<string>();
        foreach (IImplementation implementation in implementations)
        {
            bool executed = false;
            foreach ((string tier, Isa isa) in Tiers.Runnable)
            {
                var refusals = new List<Rejection>();
                bool taken = false;
                foreach (CatalogueProblem problem in catalogue.Where(p => p.Descriptor.Kind == implementation.Kind))
                {
                    PlanResult result = implementation.TryPlan(new PlanRequest(problem.Descriptor, problem.Attributes, isa, 1));
                    if (result.Rejection is { } refusal)
                    {
                        refusals.Add(refusal);
                        continue;
                    }

                    using var engine = new TestEngine(isa, [implementation]);
                    PrimitiveCheck.AgainstReference(engine, problem.Descriptor, problem.Attributes, 1, problem.Tolerance);
                    taken = true;
                }

                executed |= taken;
                if (!taken && refusals.Exists(r => r.Reason != RejectionReason.InstructionSet))
                    gaps.Add($"{implementation.Name} took no problem on {tier}: "
                        + $"{refusals.First(r => r.Reason != RejectionReason.InstructionSet)}");
            }

            if (!executed)
                gaps.Add($"{implementation.Name} ({implementation.Kind}) was executed on no tier of this host.");
        }

        return gaps;
    }
}
