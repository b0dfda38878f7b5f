// The weights of a primitive at execution: packed beforehand, or packed into scratch memory when they are activations.
namespace Int8Runtime.X64;

/// <summary>The weights of one execution; the address of each part for its first matrix.</summary>
/// <param name="Spec">The packed layout.</param>
/// <param name="Vectors">Packed vectors of columns.</param>
/// <param name="Compensation">Initial accumulators, without meaning if there are none.</param>
/// <param name="Residuals">Residuals of split weights, without meaning if there are none.</param>
/// <param name="MatrixBytes">Bytes from the vectors of a matrix to those of the next.</param>
internal readonly unsafe record struct PreparedWeights(
    BrgemmWeightsSpec Spec, nint Vectors, nint Compensation, nint Residuals, long MatrixBytes)
{
    /// <summary>The weights from a matrix on.</summary>
    public PreparedWeights Matrix(int index) => this with
    {
        Vectors = Vectors + (nint)(index * MatrixBytes),
        Compensation = Compensation + (nint)((long)index * Spec.CompensationStride * sizeof(int)),
        Residuals = Residuals + (nint)((long)index * Spec.Vectors * (Spec.Residuals?.Stride ?? 0)),
    };
}

/// <summary>Where a kernel finds its weights and their compensation.</summary>
internal sealed unsafe class BrgemmWeightsOperand
{
    private readonly BrgemmWeightsSpec _spec;
    private readonly BrgemmPacker? _packer; // null if the caller packs
    private readonly bool _hasRuntimeZeroPoint;
    private readonly int _shift;

    private BrgemmWeightsOperand(
        BrgemmWeightsSpec spec, MemoryDescriptor descriptor, BrgemmPacker? packer, bool hasRuntimeZeroPoint, int shift)
    {
        (_spec, Descriptor, _packer, _hasRuntimeZeroPoint, _shift) = (spec, descriptor, packer, hasRuntimeZeroPoint, shift);
        ScratchBytes = (packer is null ? 0 : ScratchLayout.RoundUp(spec.SizeInBytes)) + (hasRuntimeZeroPoint ? ScratchLayout.RoundUp(CompensationBytes) : 0);
    }

    /// <summary>The layout of weights that stay integers although the product is one of floats; null for all others.</summary>
    public CompactWeights? Compact { get; private init; }

    /// <summary>The layout in which the weights are given.</summary>
    public MemoryDescriptor Descriptor { get; }

    /// <summary>Scratch bytes of an execution.</summary>
    public long ScratchBytes { get; }

    /// <summary>Whether accumulators start from a compensation.</summary>
    public bool HasCompensation => _spec.CompensationFactor != 0;

    private long CompensationBytes => (long)_spec.Matrices * _spec.CompensationStride * sizeof(int);

    /// <summary>Decides how weights of a given layout are read.</summary>
    /// <param name="name">Implementation, for the refusal.</param>
    /// <param name="given">The descriptor of the problem.</param>
    /// <param name="spec">The packed layout, without its compensation.</param>
    /// <param name="operands">The product.</param>
    /// <param name="sourceZeroPoint">The source's zero point.</param>
    /// <param name="rejection">Why the layout is not served, if the result is null.</param>
    /// <param name="takesCompact">Whether the plan has kernels for <see cref="Compact"/> weights.</param>
    public static BrgemmWeightsOperand? TryCreate(
        string name, MemoryDescriptor given, BrgemmWeightsSpec spec, BrgemmOperands operands, ZeroPoint? sourceZeroPoint,
        out Rejection? rejection, bool takesCompact = false)
    {
        rejection = null;
        if (spec.Excess is { } excess)
        {
            rejection = new Rejection(name, RejectionReason.Shape, excess);
            return null;
        }

        // Σ(w) itself is stored, negated, where the zero point becomes known at execution only.
        bool runtime = sourceZeroPoint is { IsRuntime: true } && operands.CompensationFactor(1) != 0;
        spec = spec with { CompensationFactor = runtime ? -1 : operands.CompensationFactor(ConstantOf(sourceZeroPoint)) };
        int shift = operands.ShiftsSource ? 128 : 0;
        var layout = new BrgemmWeights(spec);
        if (spec.ZeroPoint is { IsRuntime: true })
        {
            // What is subtracted from the weights becomes known at execution, and so they are packed then.
            spec = spec with { ZeroPoint = null };
            given = given.IsAny ? new MemoryDescriptor(given.Dimensions, given.DataType) : given;
        }

        if (takesCompact && CompactWeights.TryCreate(spec) is { } compact && (given.IsAny || compact.Equals(given.Packed)))
        {
            var integers = MemoryDescriptor.ForPacked(given.Dimensions, given.DataType, compact);
            return new BrgemmWeightsOperand(spec, integers, null, runtime, shift) { Compact = compact };
        }

        if (given.IsAny || layout.Equals(given.Packed))
        {
            var packed = MemoryDescriptor.ForPacked(given.Dimensions, given.DataType, layout);
            return new BrgemmWeightsOperand(spec, packed, null, runtime, shift);
        }

        if (given.IsStrided && given.InnerBlocks.IsEmpty)
            return new BrgemmWeightsOperand(spec, given, new BrgemmPacker(spec, given), runtime, shift);
        rejection = new Rejection(name, RejectionReason.Layout, $"weights {given}");
        return null;
    }

    /// <summary>The value of a constant zero point; 0 if it is given at execution.</summary>
    public static int ConstantOf(ZeroPoint? zeroPoint) => zeroPoint is null or { IsRuntime: true } ? 0 : zeroPoint.At(0);

    /// <summary>Packs what is not packed yet and computes the compensation of a run-time zero point.</summary>
    /// <param name="context">The execution.</param>
    /// <param name="scratch"><see cref="ScratchBytes"/> bytes, 64-byte aligned.</param>
    /// <param name="sourceZeroPoint">The source's zero point.</param>
    public PreparedWeights Prepare(in ExecutionContext context, byte* scratch, int sourceZeroPoint)
    {
        var weights = (byte*)context.Arguments[ArgumentSlot.Weights];
        if (_packer is not null)
        {
            var body = new PackBody
            {
                Packer = _packer, Source = weights, Destination = scratch,
                ZeroPoint = ZeroPointAtExecution(_spec.Product == DotProductKind.Int16, in context.Arguments),
            };
            context.Run(ref body);
            weights = scratch;
            scratch += ScratchLayout.RoundUp(_spec.SizeInBytes);
        }

        var compensation = (int*)(weights + _spec.CompensationOffset);
        if (_hasRuntimeZeroPoint)
        {
            var scaled = (int*)scratch;
            int factor = sourceZeroPoint + _shift;
            for (long i = 0; i < CompensationBytes / sizeof(int); i++)
                scaled[i] = unchecked(compensation[i] * factor);
            compensation = scaled;
        }

        return new PreparedWeights(_spec, (nint)weights, (nint)compensation, (nint)(weights + _spec.ResidualOffset),
            Compact?.MatrixBytes ?? _spec.MatrixBytes);
    }

    /// <summary>The zero point of weights that are packed at execution; 0 if it is no argument.</summary>
    /// <param name="packsWords">Whether the difference has to fit 16 bits.</param>
    /// <param name="arguments">The arguments of the execution.</param>
    /// <exception cref="ArgumentException">It does not.</exception>
    public static int ZeroPointAtExecution(bool packsWords, in ExecutionArguments arguments)
    {
        void* given = arguments[ArgumentSlot.WeightsZeroPoint];
        int zeroPoint = given is null ? 0 : *(int*)given;
        const int Largest = BrgemmOperands.LargestWordZeroPoint;
        return !packsWords || zeroPoint is >= -Largest and <= Largest
            ? zeroPoint
            : throw new ArgumentException($"The weights zero point {zeroPoint} is beyond ±{Largest}, which this primitive takes.");
    }

    private struct PackBody : IParallelBody
    {
        public BrgemmPacker Packer;
        public byte* Source, Destination;
        public int ZeroPoint;

        public readonly void Run(int worker, int workers)
        {
            (int start, int end) = Parallel.Share(Packer.VectorCount, worker, workers);
            for (int i = start; i < end; i++)
                Packer.PackVector(i, Source, Destination, ZeroPoint);
        }
    }
}
