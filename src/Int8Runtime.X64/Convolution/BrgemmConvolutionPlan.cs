// The plan of a convolution: units of work are (image, group, block of lines, block of pixels, part of the output channels).
// Inside a unit the channel block is the outer loop and lines are the inner one, so that a panel of weights stays in the
// cache while lines sweep over it.
using System.Runtime.CompilerServices;
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>A planned convolution.</summary>
internal sealed unsafe class BrgemmConvolutionPlan : PrimitivePlan
{
    private const int ScratchSlack = 64;

    private readonly ConvolutionGeometry _geometry;
    private readonly ConvolutionRows _rows;
    private readonly BrgemmKernels _kernels;
    private readonly BrgemmWeightsSpec _weightsSpec;
    private readonly BrgemmWeightsOperand _weights;
    private readonly EpiloguePlan _epilogue;
    private readonly PrimitiveAttributes _attributes;
    private readonly WorkSplit _split;
    private readonly long _scratchOfThread;
    private readonly int _threads;

    public BrgemmConvolutionPlan(
        string name, ConvolutionDescriptor descriptor, PlanRequest request, BrgemmOperands operands, ConvolutionGeometry geometry,
        ConvolutionRows rows, BrgemmWeightsSpec weightsSpec, BrgemmWeightsOperand weights, EpiloguePlan epilogue,
        KernelCache cache, CpuFeatures cpu)
    {
        (Name, Descriptor, _attributes, _geometry, _rows) = (name, descriptor, request.Attributes, geometry, rows);
        (_weightsSpec, _weights, _epilogue, _threads) = (weightsSpec, weights, epilogue, request.Threads);
        IsaTraits traits = IsaTraits.For(operands.Isa);
        var template = new BrgemmSpec
        {
            Product = operands.Product,
            Rows = 1,
            Vectors = 1,
            SourceStride = rows.PixelStep,
            DestinationStride = checked((int)geometry.Destination.Pixel),
            RunSteps = weightsSpec.RunSteps,
            WeightsStride = weightsSpec.VectorStride,
            Residuals = weightsSpec.Residuals,
            HasCompensation = weights.HasCompensation,
            Epilogue = epilogue.Spec,
        };
        BrgemmBlocking blocking = BrgemmBlocking.Choose(
            BrgemmRegisters.For(traits, operands.Product, epilogue.Spec, geometry.OutputChannels), rows.Pixels, weightsSpec.Vectors,
            weightsSpec.Runs * weightsSpec.RunSteps, traits.VectorBytes);
        _kernels = new BrgemmKernels(cache, operands.Isa, template, blocking, [rows.Pixels], geometry.OutputChannels);

        int pixelBytes = geometry.OutputChannels * descriptor.Destination.DataType.SizeInBytes();
        long lineBytes = (rows.Copy is null ? (long)rows.PixelStep * rows.Pixels : rows.LineStep) + ((long)pixelBytes * rows.Pixels);
        _split = WorkSplit.Choose(
            new WorkShape(rows.Images * geometry.Groups, rows.Lines, rows.Pixels, _kernels.BlockCount, lineBytes,
                weightsSpec.MatrixBytes, weightsSpec.MatrixBytes / _kernels.BlockCount),
            blocking.Rows, request.Threads, cpu.Caches.L2);
        _scratchOfThread = rows.Copy is null ? 0 : ((long)geometry.RowsOf(_split.LineBlock) * rows.ScratchRowBytes) + ScratchSlack;
    }

    /// <inheritdoc/>
    public override string Name { get; }

    /// <inheritdoc/>
    public override PrimitiveDescriptor Descriptor { get; }

    /// <inheritdoc/>
    public override long ScratchBytes => _weights.ScratchBytes + (_scratchOfThread * _threads);

    /// <inheritdoc/>
    public override long SizeInBytes => 2048 + _epilogue.SizeInBytes + (_rows.RunOffsets.Length * sizeof(long));

    /// <inheritdoc/>
    public override string Details => $"tile {_kernels.Tile}, {(_rows.Copy is null ? "direct" : "copied")} rows{(_weightsSpec.SplitsPairs ? ", pairs split against saturation" : "")}, {_split}";

    /// <inheritdoc/>
    public override void Execute(in ExecutionContext context)
    {
        int zeroPoint = Reference.RefEpilogue.SourceZeroPoint(_attributes, in context.Arguments);
        MemoryDescriptor destination = ((ConvolutionDescriptor)Descriptor).Destination;
        _epilogue.Prepare(in context.Arguments, destination, out EpilogueArguments epilogue);
        PreparedWeights weights = _weights.Prepare(in context, context.Scratch, zeroPoint);
        var body = new Body
        {
            Plan = this,
            Arguments = ref context.Arguments,
            Source = (byte*)context.Arguments[ArgumentSlot.Source] + _geometry.Source.Offset,
            Destination = (byte*)context.Arguments[ArgumentSlot.Destination] + _geometry.Destination.Offset,
            Weights = weights,
            Scratch = context.Scratch + _weights.ScratchBytes,
            ZeroPoint = zeroPoint,
            Epilogue = &epilogue,
        };
        context.Run(ref body);
        GC.KeepAlive(this); // and with it the kernels' memory
    }

    // The share of one worker. Lives on the stack of the caller.
    private ref struct Body : IParallelBody
    {
        public BrgemmConvolutionPlan Plan;
        public ref readonly ExecutionArguments Arguments;
        public byte* Source, Destination, Scratch;
        public PreparedWeights Weights;
        public int ZeroPoint;
        public EpilogueArguments* Epilogue;
        public UnitQueue Queue;

        public void Run(int worker, int workers)
        {
            BrgemmConvolutionPlan plan = Plan;
            ConvolutionGeometry geometry = plan._geometry;
            ConvolutionRows rows = plan._rows;
            WorkSplit split = plan._split;
            byte* scratch = Scratch + (worker * plan._scratchOfThread);
            EpilogueArguments epilogue = *Epilogue; // operands that differ from image to image move in this worker's copy
            BrgemmArguments call = default;
            call.Epilogue = &epilogue;
            call.Runs = (long*)Unsafe.AsPointer(ref rows.RunOffsets[0]); // pinned
            call.RunCount = rows.RunOffsets.Length;
            int selectedImage = -1;
            (int, int) copied = (-1, -1);
            int visited = 0;
            while (Queue.TryTake(split.Units, worker, workers, ref visited, out int index))
            {
                WorkUnit unit = split[index];
                (int image, int group) = (unit.Batch / geometry.Groups, unit.Batch % geometry.Groups);
                if (plan._epilogue.MovesPerImage && image != selectedImage)
                    plan._epilogue.SelectImage(in Arguments, selectedImage = image, ref epilogue);
                byte* source = Source + (image * geometry.Source.Image)
                    + ((long)group * geometry.InputChannels * SourceElementBytes);
                if (rows.Copy is not null)
                {
                    if (copied != (unit.Batch, unit.Line))
                        CopyRows(scratch, source, unit.Line, unit.Lines);
                    copied = (unit.Batch, unit.Line);
                    source = scratch;
                }
                else
                {
                    source += unit.Line * rows.LineStep;
                }

                byte* destination = Destination + (image * geometry.Destination.Image) + (unit.Line * geometry.Destination.Row)
                    + ((long)group * geometry.OutputChannels * plan._epilogue.Spec.Destination.SizeInBytes())
                    + (unit.Pixel * geometry.Destination.Pixel);
                source += (long)unit.Pixel * rows.PixelStep;
                PreparedWeights weights = Weights.Matrix(group);
                for (int block = unit.Block; block < unit.BlockEnd; block++)
                    for (int line = 0; line < unit.Lines; line++)
                        plan._kernels.Run(
                            ref call, block, source + (line * rows.LineStep), weights,
                            destination + (line * geometry.Destination.Row), group * geometry.OutputChannels, unit.Pixels);
            }
        }

        private readonly int SourceElementBytes => ((ConvolutionDescriptor)Plan.Descriptor).Source.DataType.SizeInBytes();

        private readonly void CopyRows(byte* scratch, byte* source, int line, int lines)
        {
            ConvolutionGeometry geometry = Plan._geometry;
            ConvolutionRows rows = Plan._rows;
            int first = (line * geometry.StrideHeight) - geometry.Top;
            for (int r = 0; r < geometry.RowsOf(lines); r++)
            {
                bool inside = (uint)(first + r) < (uint)geometry.InputHeight;
                rows.Copy!.Copy(
                    scratch + ((long)r * rows.ScratchRowBytes), inside ? source + ((first + r) * geometry.Source.Row) : null,
                    -geometry.Left, geometry.RowPixels, geometry.InputWidth, ZeroPoint);
            }
        }
    }
}
