// The plan of a 1×1 convolution with a depthwise post-op. Units of work are (image, band of destination rows).
// Scratch: [1×1 weights packed at execution][depthwise weights packed at execution], and for each worker
// [rows between the convolutions][scratch of a stage].
namespace Int8Runtime.X64;

/// <summary>Executes the two convolutions band by band.</summary>
internal sealed unsafe class FusedDepthwisePlan : PrimitivePlan
{
    private readonly ConvolutionDescriptor _descriptor;
    private readonly FusedDepthwise _fused;
    private readonly Band[] _bands;
    private readonly TensorRows _source, _destination;
    private readonly TensorRows?[] _pointwiseOperands, _depthwiseOperands;
    private readonly MemoryDescriptor _pointwiseWeights, _depthwiseWeights;
    private readonly long _rowBytes, _bandBytes, _scratchOfThread;
    private readonly int _threads;

    public FusedDepthwisePlan(string name, ConvolutionDescriptor descriptor, PlanRequest request, FusedDepthwise fused, Bands bands)
    {
        (Name, _descriptor, _fused, _threads, _bands) = (name, descriptor, fused, request.Threads, [.. bands.Items]);
        (_pointwiseWeights, _depthwiseWeights) = (bands.PointwiseWeights, bands.DepthwiseWeights);
        (_source, _destination) = (new TensorRows(fused.Pointwise.Source), new TensorRows(fused.Depthwise.Destination));
        _pointwiseOperands = OperandsOf(fused.PointwiseAttributes);
        _depthwiseOperands = OperandsOf(fused.DepthwiseAttributes);
        _rowBytes = (long)fused.Intermediate.Dimensions[1] * fused.Intermediate.Dimensions[3] * fused.Intermediate.DataType.SizeInBytes();
        _bandBytes = ScratchLayout.RoundUp((bands.Items.Max(band => band.InputRows) * _rowBytes) + ScratchLayout.Alignment);
        _scratchOfThread = _bandBytes + ScratchLayout.RoundUp(bands.Plans.Max(plan => plan.ScratchBytes));
        SizeInBytes = 2048 + bands.Plans.Sum(plan => plan.SizeInBytes);
    }

    /// <inheritdoc/>
    public override string Name { get; }

    /// <inheritdoc/>
    public override PrimitiveDescriptor Descriptor =>
        _descriptor.Weights.IsStrided ? _descriptor : _descriptor with { Weights = _pointwiseWeights };

    /// <inheritdoc/>
    public override long ScratchBytes => PackedBytes(_descriptor.Weights, _pointwiseWeights)
        + PackedBytes(_fused.Depthwise.Weights, _depthwiseWeights) + (_scratchOfThread * _threads);

    /// <inheritdoc/>
    public override long SizeInBytes { get; }

    /// <inheritdoc/>
    public override string Details =>
        $"{_bands.Length} bands of {_bandBytes} bytes; {_bands[0].Fresh.Details}; {_bands[0].Depthwise.Details}";

    /// <inheritdoc/>
    public override PrimitiveAttributes Resolve(PrimitiveAttributes asked)
    {
        var postOp = (DepthwisePostOp)asked.PostOps[_fused.Place];
        if (postOp.Weights.IsStrided)
            return asked;
        PostOp[] chain = [.. asked.PostOps];
        chain[_fused.Place] = postOp with { Weights = _depthwiseWeights };
        return asked with { PostOps = PostOpChain.Create(chain) };
    }

    /// <inheritdoc/>
    public override void Execute(in ExecutionContext context)
    {
        ExecutionArguments pointwise = FusedDepthwise.PointwiseArguments(in context.Arguments, null);
        ExecutionArguments depthwise = _fused.DepthwiseArguments(in context.Arguments, null);
        byte* scratch = context.Scratch;
        PackWeights(ref pointwise, _descriptor.Weights, _pointwiseWeights, ref scratch);
        PackWeights(ref depthwise, _fused.Depthwise.Weights, _depthwiseWeights, ref scratch);
        var body = new Body
        {
            Plan = this, Pointwise = ref pointwise, Depthwise = ref depthwise, Pool = context.Pool, Scratch = scratch,
        };
        context.Run(ref body);
        GC.KeepAlive(this);
    }

    private static void PackWeights(ref ExecutionArguments arguments, MemoryDescriptor given, MemoryDescriptor packed, ref byte* scratch)
    {
        long bytes = PackedBytes(given, packed);
        if (bytes == 0)
            return;
        packed.Packed!.Pack(given, arguments[ArgumentSlot.Weights], scratch);
        arguments[ArgumentSlot.Weights] = scratch;
        scratch += bytes;
    }

    // Plans that read plain weights (those whose zero point is given at execution) pack them themselves.
    private static long PackedBytes(MemoryDescriptor given, MemoryDescriptor packed) =>
        given.IsStrided && packed.Packed is not null ? ScratchLayout.RoundUp(packed.SizeInBytes) : 0;

    private static TensorRows?[] OperandsOf(PrimitiveAttributes attributes) =>
        [.. attributes.PostOps.Select(postOp => postOp is OperandPostOp operand ? new TensorRows(operand.Operand) : (TensorRows?)null)];

    // Byte distances of images and rows; 0 where the tensor is broadcast.
    private readonly struct TensorRows(MemoryDescriptor tensor)
    {
        private readonly long _image = tensor.Dimensions[0] > 1 ? tensor.Strides[0] * tensor.DataType.SizeInBytes() : 0;
        private readonly long _row = tensor.Dimensions[2] > 1 ? tensor.Strides[2] * tensor.DataType.SizeInBytes() : 0;

        public void* At(void* start, int image, int row) => (byte*)start + (image * _image) + (row * _row);
    }

    // The share of one worker. Lives on the stack of the caller.
    private ref struct Body : IParallelBody
    {
        public FusedDepthwisePlan Plan;
        public ref readonly ExecutionArguments Pointwise, Depthwise;
        public IThreadPool Pool;
        public byte* Scratch;
        public UnitQueue Queue;

        public void Run(int worker, int workers)
        {
            FusedDepthwisePlan plan = Plan;
            byte* rows = Scratch + (worker * plan._scratchOfThread), scratch = rows + plan._bandBytes;
            ExecutionArguments pointwise = Pointwise, depthwise = Depthwise;
            int bands = plan._bands.Length, units = plan._fused.Intermediate.Dimensions[0] * bands;
            int visited = 0, previous = -2;
            while (Queue.TryTake(units, worker, workers, ref visited, out int unit))
            {
                (int image, int index) = Math.DivRem(unit, bands);
                Band band = plan._bands[index];

                // Where this worker computed the band before, the rows that both meet are still there.
                int kept = unit == previous + 1 && index > 0 ? band.Shared : 0;
                if (kept > 0)
                {
                    Band before = plan._bands[index - 1];
                    long bytes = kept * plan._rowBytes;
                    Buffer.MemoryCopy(rows + ((band.FirstInput - before.FirstInput) * plan._rowBytes), rows, bytes, bytes);
                }

                if ((kept > 0 ? band.Continued : band.Fresh) is { } convolution)
                {
                    int row = band.FirstInput + kept, sourceRow = row * plan._fused.Pointwise.Stride(0);
                    pointwise[ArgumentSlot.Source] = plan._source.At(Pointwise[ArgumentSlot.Source], image, sourceRow);
                    pointwise[ArgumentSlot.Destination] = rows + (kept * plan._rowBytes);
                    Place(plan._pointwiseOperands, ref pointwise, in Pointwise, image, row);
                    convolution.Execute(new ExecutionContext(in pointwise, Pool, 1, scratch));
                }

                depthwise[ArgumentSlot.Source] = rows;
                depthwise[ArgumentSlot.Destination] =
                    plan._destination.At(Depthwise[ArgumentSlot.Destination], image, band.FirstRow);
                Place(plan._depthwiseOperands, ref depthwise, in Depthwise, image, band.FirstRow);
                band.Depthwise.Execute(new ExecutionContext(in depthwise, Pool, 1, scratch));
                previous = unit;
            }
        }

        private static void Place(
            TensorRows?[] operands, ref ExecutionArguments arguments, in ExecutionArguments whole, int image, int row)
        {
            for (int i = 0; i < operands.Length; i++)
                if (operands[i] is { } operand)
                    arguments[ArgumentSlot.PostOp0 + i] = operand.At(whole.PostOpOperand(i), image, row);
        }
    }
}
