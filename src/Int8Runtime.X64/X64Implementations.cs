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
        IImplementation dequantized = new DequantizedMatMul(product, cache);
        IImplementation fused = new FusedDepthwiseConvolution(convolutions, cpu.Caches.L2);
        var deconvolution = new PhasedDeconvolution(convolutions);
        IImplementation[] reorders = OnEachTier(tier => new JitReorder(cache, tier));
        IImplementation[] reductions = OnEachTier(tier => new JitReduction(cache, tier));
        IImplementation[] shuffles = OnEachTier(tier => new JitShuffle(cache, tier));
        IImplementation[] softmaxes = OnEachTier(tier => new JitSoftmax(cache, tier));
        IImplementation[] groupNormalizations =
            OnEachTier(tier => new JitNormalization(cache, PrimitiveKind.GroupNormalization, "jit_gnorm", tier));
        return
        [
            .. convolutions,
            fused,
            new StagedProduct(PrimitiveKind.Convolution, [.. convolutions, fused], cache),
            deconvolution,
            new LayoutDetour([deconvolution], cache),
            new StagedProduct(PrimitiveKind.Deconvolution, [deconvolution], cache),
            innerProduct,
            new StagedProduct(PrimitiveKind.InnerProduct, [innerProduct], cache),
            product,
            dequantized,
            new StagedProduct(PrimitiveKind.MatMul, [product, dequantized], cache),

            new JitPooling(cache),
            new LayoutDetour([new JitPooling(cache)], cache),
            new JitResampling(cache),
            new LayoutDetour([new JitResampling(cache)], cache),

            .. OnEachTier(tier => new JitEltwise(cache, tier)),
            .. OnEachTier(tier => new JitBinary(cache, tier)),
            .. OnEachTier(tier => new JitPRelu(cache, tier)),
            .. OnEachTier(tier => new JitSelect(cache, tier)),
            .. reorders,
            new CompensatedReorder(reorders, reductions),
            .. OnEachTier(tier => new JitConcat(cache, tier)),
            .. OnEachTier(tier => new JitSum(cache, tier)),
            .. shuffles,
            new LayoutDetour(shuffles, cache, takesAnyStrides: true),
            .. softmaxes,
            new LayoutDetour(softmaxes, cache, takesAnyStrides: true),
            .. OnEachTier(tier => new JitLrn(cache, tier)),
            .. OnEachTier(tier => new LrnWithinChannel(cache, tier)),
            .. OnEachTier(tier => new JitNormalization(cache, PrimitiveKind.LayerNormalization, "jit_lnorm", tier)),
            .. OnEachTier(tier => new JitNormalization(cache, PrimitiveKind.BatchNormalization, "jit_bnorm", tier)),
            .. groupNormalizations,
            new LayoutDetour(groupNormalizations, cache, takesAnyStrides: true),
            .. reductions,
        ];
    }

    private static IImplementation[] OnEachTier(Func<Isa, IImplementation> create) => [.. KernelTier.Widths.Select(create)];
}
