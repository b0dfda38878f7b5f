// A loop of independent products: the most that the arithmetic units can do.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>What the loop repeats.</summary>
internal sealed record PeakSpec(DotProductKind Product);

/// <summary>Generates loops of products whose operands stay in registers, in as many independent chains as there are registers.</summary>
internal sealed class PeakLoopGenerator : KernelGenerator<PeakSpec>
{
    /// <summary>Products of each chain in an iteration.</summary>
    public const int Unrolling = 4;

    /// <inheritdoc/>
    public override string NameOf(PeakSpec spec) => $"peak_{spec.Product}";

    /// <summary>Independent chains: all registers but the operands and the product's temporaries.</summary>
    public static int ChainsOf(DotProductKind product, IsaTraits traits) =>
        traits.VectorRegisters - DotProducts.Create(product, traits).Temporaries - 2;

    /// <inheritdoc/>
    protected override void Emit(KernelAssembler asm, PeakSpec spec)
    {
        IDotProduct product = DotProducts.Create(spec.Product, asm.Traits);
        product.Prepare(asm);
        using Gpr count = asm.Registers.Gpr("iterations");
        asm.Mov(count, asm.Arguments[0]);
        using Vec a = asm.Registers.Vec("a"), b = asm.Registers.Vec("b");
        using VecArray sums = asm.Registers.Vecs("sum", ChainsOf(spec.Product, asm.Traits));

        // Bytes of ordinary size that are ordinary numbers as f32, bf16 and s16 as well.
        product.LoadSource(asm, a, asm.Table(0x3C3D3E3F));
        product.LoadSource(asm, b, asm.Table(0x3B3C3D3E));
        for (int i = 0; i < sums.Count; i++)
            asm.Clear(sums[i]);
        asm.CountDown(count, () =>
        {
            for (int i = 0; i < Unrolling * sums.Count; i++)
                product.Accumulate(asm, sums[i % sums.Count], a, b);
        });
    }
}

/// <summary>Runs the loop on any number of threads.</summary>
internal sealed unsafe class PeakLoop
{
    private const long Iterations = 10_000;

    private readonly CompiledKernel _kernel;
    private readonly long _operationsOfThread;

    /// <summary>Prepares the loop for products of a kind.</summary>
    public PeakLoop(KernelCache cache, Isa isa, DotProductKind product)
    {
        IsaTraits traits = IsaTraits.For(isa);
        _kernel = new PeakLoopGenerator().GetOrCreate(cache, new PeakSpec(product), isa);
        int products = PeakLoopGenerator.ChainsOf(product, traits) * PeakLoopGenerator.Unrolling;
        _operationsOfThread = Iterations * products * traits.Lanes32 * product.Interleave() * 2;
    }

    /// <summary>Runs the loop once on each thread and returns the number of operations done; a multiply-add is two.</summary>
    public long Run(IThreadPool pool, int threads)
    {
        var body = new Body(_kernel);
        Parallel.Run(pool, threads, ref body);
        return _operationsOfThread * Math.Max(1, body.Workers);
    }

    private struct Body(CompiledKernel kernel) : IParallelBody
    {
        public int Workers { get; private set; }

        public void Run(int worker, int workers)
        {
            if (worker == 0)
                Workers = workers;
            long iterations = Iterations;
            kernel.Invoke(&iterations);
        }
    }
}
