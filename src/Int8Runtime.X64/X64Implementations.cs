// Which generated code computes a primitive, in the order in which it is tried. Reading starts here.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>The implementations with generated kernels. Of each kind the first one that takes the problem is used.</summary>
internal static class X64Implementations
{
    /// <summary>The ordered list for one engine.</summary>
    /// <param name="cache">Where kernels are kept.</param>
    /// <param name="cpu">Cache sizes that blockings are chosen by.</param>
    public static IReadOnlyList<IImplementation> Create(KernelCache cache, CpuFeatures cpu)
    {
        ArgumentNullException.ThrowIfNull(cache);
        ArgumentNullException.ThrowIfNull(cpu);
        IImplementation[] convolutions = [new DepthwiseConvolution(cache), new BrgemmConvolution(cache, cpu)];
        IImplementation innerProduct = new BrgemmInnerProduct(cache, cpu), product = new BrgemmMatMul(cache, cpu);
        IImplementation fused = new FusedDepthwiseConvolution(convolutions, cpu.Caches.L2);
        var deconvolution = new PhasedDeconvolution(convolutions);
        IImplementation[] shuffles = [new JitShuffle(cache, needsAvx512: true), new JitShuffle(cache, needsAvx512: false)];
        IImplementation[] groupNormalizations =
        [
            new JitNormalization(cache, PrimitiveKind.GroupNormalization, "jit_gnorm", needsAvx512: true),
            new JitNormalization(cache, PrimitiveKind.GroupNormalization, "jit_gnorm", needsAvx512: false),
        ];
        return
        [
            .. convolutions,
            fused,
            new StagedProduct(PrimitiveKind.Convolution, [.. convolutions, fused], cache),
            deconvolution,
            new LayoutDetour([deconvolution], cache),
            innerProduct,
            new StagedProduct(PrimitiveKind.InnerProduct, [innerProduct], cache),
            product,
            new StagedProduct(PrimitiveKind.MatMul, [product], cache),

            new JitPooling(cache),
            new LayoutDetour([new JitPooling(cache)], cache),
            new JitResampling(cache),
            new LayoutDetour([new JitResampling(cache)], cache),

            new JitEltwise(cache, needsAvx512: true),
            new JitEltwise(cache, needsAvx512: false),

            new JitBinary(cache, needsAvx512: true),
            new JitBinary(cache, needsAvx512: false),

            new JitPRelu(cache, needsAvx512: true),
            new JitPRelu(cache, needsAvx512: false),

            new JitSelect(cache, needsAvx512: true),
            new JitSelect(cache, needsAvx512: false),

            new JitReorder(cache, needsAvx512: true),
            new JitReorder(cache, needsAvx512: false),

            new JitConcat(cache, needsAvx512: true),
            new JitConcat(cache, needsAvx512: false),

            new JitSum(cache, needsAvx512: true),
            new JitSum(cache, needsAvx512: false),

            .. shuffles,
            new LayoutDetour(shuffles, cache, takesAnyStrides: true),

            new JitSoftmax(cache, needsAvx512: true),
            new JitSoftmax(cache, needsAvx512: false),

            new JitLrn(cache, needsAvx512: true),
            new JitLrn(cache, needsAvx512: false),
            new LrnWithinChannel(cache, needsAvx512: true),
            new LrnWithinChannel(cache, needsAvx512: false),

            new JitNormalization(cache, PrimitiveKind.LayerNormalization, "jit_lnorm", needsAvx512: true),
            new JitNormalization(cache, PrimitiveKind.LayerNormalization, "jit_lnorm", needsAvx512: false),

            new JitNormalization(cache, PrimitiveKind.BatchNormalization, "jit_bnorm", needsAvx512: true),
            new JitNormalization(cache, PrimitiveKind.BatchNormalization, "jit_bnorm", needsAvx512: false),

            .. groupNormalizations,
            new LayoutDetour(groupNormalizations, cache, takesAnyStrides: true),

            new JitReduction(cache, needsAvx512: true),
            new JitReduction(cache, needsAvx512: false),
        ];
    }
}
