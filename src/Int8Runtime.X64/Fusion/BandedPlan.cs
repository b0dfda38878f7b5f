// The plan of a chain of convolutions in bands. Units of work are (image, band of destination rows).
// Scratch of each worker: [rows behind stage 0][rows behind stage 1]…[scratch of a stage].
namespace Int8Runtime.X64;

/// <summary>Executes convolutions band by band. Arguments are those of the context's stages.</summary>
internal sealed unsafe class BandedPlan : PrimitivePlan
{
    private readonly IReadOnlyList<ConvolutionStage> _stages;
    private readonly BandStage[][] _bands;
    private readonly TensorRows _source, _destination;
    private readonly TensorRows?[][] _operands; // of post-ops, by stage
    private readonly long[] _rowBytes, _start; // of the rows behind each stage but the last, from the start of a worker's scratch
    private readonly long _bytesBetween, _scratchOfThread;
    private readonly int _threads, _images;

    /// <summary>Creates the plan.</summary>
    /// <param name="name">The algorithm.</param>
    /// <param name="stages">The convolutions.</param>
    /// <param name="bands">What they do for each band.</param>
    /// <param name="plans">The plans of that, each once.</param>
    /// <param name="threads">Number of threads.</param>
    public BandedPlan(
        string name, IReadOnlyList<ConvolutionStage> stages, BandStage[][] bands, IReadOnlyCollection<PrimitivePlan> plans, int threads)
    {
        (_stages, _bands, _threads) = (stages, bands, threads);
        string first = stages[0].Whole.Name;
        Name = $"{name}:{first[(first.IndexOf(':', StringComparison.Ordinal) + 1)..]}";
        _source = new TensorRows(stages[0].Descriptor.Source);
        _destination = new TensorRows(stages[^1].Descriptor.Destination);
        _images = stages[^1].Descriptor.Destination.Dimensions[0];
        _operands = [.. stages.Select(stage => stage.Attributes.PostOps
            .Select(postOp => postOp is OperandPostOp operand ? new TensorRows(operand.Operand) : (TensorRows?)null).ToArray())];
        _rowBytes = [.. stages.Take(stages.Count - 1).Select(stage => stage.RowBytes)];
        _start = new long[_rowBytes.Length];
        for (int i = 0; i < _rowBytes.Length; i++)
        {
            _start[i] = _bytesBetween;
            _bytesBetween += ScratchLayout.RoundUp((bands.Max(band => band[i].Rows) * _rowBytes[i]) + ScratchLayout.Alignment);
        }

        _scratchOfThread = _bytesBetween + ScratchLayout.RoundUp(plans.Max(plan => plan.ScratchBytes));
        SizeInBytes = 2048 + plans.Sum(plan => plan.SizeInBytes);
    }

    /// <inheritdoc/>
    public override string Name { get; }

    /// <summary>The last convolution, which writes the result.</summary>
    public override PrimitiveDescriptor Descriptor => _stages[^1].Descriptor;

    /// <inheritdoc/>
    public override long ScratchBytes => _scratchOfThread * _threads;

    /// <inheritdoc/>
    public override long SizeInBytes { get; }

    /// <inheritdoc/>
    public override string Details => $"{Summary}; {string.Join("; ", _bands[0].Select(stage => stage.Fresh.Plan.Details))}";

    /// <summary>Number of bands of an image.</summary>
    public int Bands => _bands.Length;

    /// <summary>The size of the bands, for reports.</summary>
    public string Summary => $"{Bands} bands of {_bands[0][^1].Rows} rows, {_bytesBetween} bytes between";

    /// <inheritdoc/>
    public override void Execute(in ExecutionContext context)
    {
        var body = new Body { Plan = this, Stages = context.Stages, Pool = context.Pool, Scratch = context.Scratch };
        context.Run(ref body);
        GC.KeepAlive(this);
    }

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
        public BandedPlan Plan;
        public ReadOnlySpan<ExecutionArguments> Stages;
        public IThreadPool Pool;
        public byte* Scratch;
        public UnitQueue Queue;

        public void Run(int worker, int workers)
        {
            int bands = Plan._bands.Length, units = Plan._images * bands, visited = 0, previous = -2;
            while (Queue.TryTake(units, worker, workers, ref visited, out int unit))
            {
                (int image, int index) = Math.DivRem(unit, bands);

                // Where this worker computed the band before, the rows that both need are still there.
                BandStage[]? before = unit == previous + 1 && index > 0 ? Plan._bands[index - 1] : null;
                for (int stage = 0; stage < Stages.Length; stage++)
                    Execute(stage, image, Plan._bands[index], before, Scratch + (worker * Plan._scratchOfThread));
                previous = unit;
            }
        }

        private readonly void Execute(int index, int image, BandStage[] band, BandStage[]? before, byte* scratch)
        {
            BandedPlan plan = Plan;
            BandStage stage = band[index];
            bool isLast = index == Stages.Length - 1;
            int kept = before is null ? 0 : stage.Shared;
            if (kept > 0)
            {
                byte* rows = scratch + plan._start[index];
                long bytes = kept * plan._rowBytes[index];
                Buffer.MemoryCopy(rows + ((stage.First - before![index].First) * plan._rowBytes[index]), rows, bytes, bytes);
            }

            if ((kept > 0 ? stage.Continued : stage.Fresh) is not { } window)
                return;
            ref readonly ExecutionArguments whole = ref Stages[index];
            ExecutionArguments arguments = whole;
            arguments[ArgumentSlot.Source] = index == 0
                ? plan._source.At(whole[ArgumentSlot.Source], image, window.SourceRow)
                : scratch + plan._start[index - 1] + ((window.SourceRow - band[index - 1].First) * plan._rowBytes[index - 1]);
            arguments[ArgumentSlot.Destination] = isLast
                ? plan._destination.At(whole[ArgumentSlot.Destination], image, window.Row)
                : scratch + plan._start[index] + ((window.Row - stage.First) * plan._rowBytes[index]);
            TensorRows?[] operands = plan._operands[index];
            for (int i = 0; i < operands.Length; i++)
                if (operands[i] is { } operand)
                    arguments[ArgumentSlot.PostOp0 + i] = operand.At(whole.PostOpOperand(i), image, window.Row);
            window.Plan.Execute(new ExecutionContext(in arguments, Pool, 1, scratch + plan._bytesBetween));
        }
    }
}
