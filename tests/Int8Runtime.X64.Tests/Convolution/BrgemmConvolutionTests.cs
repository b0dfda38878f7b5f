// Convolutions of random shapes on every tier that the host can be limited to.
using FsCheck.Fluent;
using Int8Runtime.Jit;
using Int8Runtime.TestKit;

namespace Int8Runtime.X64.Tests.Convolution;

public sealed class BrgemmConvolutionTests
{
    private static readonly KernelCache Cache = new();

    [Fact]
    public void Integer_convolutions_are_exact_on_every_tier()
    {
        foreach ((string tier, Isa isa) in Tiers.Generated)
            Properties.Check(Arbitraries.IntegerConvolution, problem => Check(isa, problem), 60);
    }

    [Fact]
    public void Float_convolutions_stay_within_the_bound_of_a_sum()
    {
        foreach ((string tier, Isa isa) in Tiers.Generated)
            Properties.Check(Arbitraries.FloatConvolution.Where(problem => problem.IsLinear()), problem => Check(isa, problem), 40);
    }

    private static void Check(Isa isa, Problem problem)
    {
        using var engine = new TestEngine(isa, [new BrgemmConvolution(Cache, CpuFeatures.Host)], threads: 1 + (problem.Options.Seed % 2));
        PrimitiveCheck.AgainstReference(engine, problem.Descriptor, problem.Attributes, problem.Options);
    }
}
