// Engines that hold the vector primitives of one tier, without the reference to fall back on.
using FsCheck;
using Int8Runtime.Jit;
using Int8Runtime.TestKit;

namespace Int8Runtime.X64.Tests;

internal static class VectorEngines
{
    /// <summary>The tiers that differ for vector primitives.</summary>
    public static IEnumerable<Isa> Tiers => TestKit.Tiers.Generated.Select(tier => tier.Isa)
        .Where(isa => isa is IsaTiers.Sse41 or IsaTiers.Avx2 or IsaTiers.Avx512 or IsaTiers.Avx512Bf16);

    /// <summary>An engine of a tier.</summary>
    public static Engine Create(Isa isa, int threads = 1) =>
        new TestEngine(isa, X64Implementations.Create(KernelCache.Shared, CpuFeatures.Host), threads);

    /// <summary>Checks that a primitive allocates nothing once it has run; a collection in between may spoil single counts.</summary>
    public static void CheckAllocatesNothing(Primitive primitive, ExecutionStream stream, TensorMemory source, TensorMemory destination)
    {
        Assert.Equal(0, Allocations.Fewest(() => primitive.Execute(stream, new UnaryArguments(source, destination))));
    }

    /// <summary>Checks random problems, each on every tier.</summary>
    public static void CheckOnAllTiers(Gen<Problem> problems, int count) =>
        Properties.Check(problems, p => CheckOnAllTiers(p.Descriptor, p.Attributes, p.Options), count);

    /// <summary>Checks a problem on every tier.</summary>
    public static void CheckOnAllTiers(PrimitiveDescriptor descriptor, PrimitiveAttributes attributes, CheckOptions options)
    {
        foreach (Isa isa in Tiers)
        {
            using Engine engine = Create(isa);
            PrimitiveCheck.AgainstReference(engine, descriptor, attributes, options);
        }
    }
}
