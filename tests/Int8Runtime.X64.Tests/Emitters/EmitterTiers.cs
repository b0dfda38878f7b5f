// The tiers that emitter tests run over, and a one-off kernel from a lambda.
using Int8Runtime.Jit;
using Int8Runtime.TestKit;

namespace Int8Runtime.X64.Tests;

internal static class EmitterTiers
{
    public static IEnumerable<Isa> Runnable => Tiers.Generated.Select(tier => tier.Isa);

    /// <summary>Generates, verifies and loads a kernel.</summary>
    public static CompiledKernel Compile(Isa isa, string name, Action<KernelAssembler> emit)
    {
        var asm = new KernelAssembler(isa);
        emit(asm);
        KernelImage image = asm.Build(name);
        KernelVerifier.Verify(image);
        return CompiledKernel.Load(image);
    }
}
