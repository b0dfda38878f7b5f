// The plan of matrix products and fully connected layers: units of work are (product, block of rows, part of the columns).
using System.Runtime.CompilerServices;
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>A planned batch of matrix products.</summary>
internal sealed unsafe class BrgemmMatrixPlan : PrimitivePlan
{
    private const int ScratchAlignment = 64;

    private readonly MatrixProblem _problem;
    private readonly MemoryDescriptor _destination;
    private readonly BrgemmKernels _kernels;
    private readonly BrgemmWeightsSpec _weightsSpec;
    private readonly BrgemmWeightsOperand _weights;
    private readonly EpiloguePlan _epilogue;
    private readonly PrimitiveAttributes _attributes;
    private readonly RowCopy? _copy;
    private readonly BrgemmOperands _operands;
    private readonly DataType _sourceType;
    private readonly WorkSplit _split;
    private readonly BrgemmRun[] _runs = GC.AllocateArray<BrgemmRun>(1, pinned: true); // one run at offset 0
    private readonly int _threads;
    private readonly BlockingProblem _blocking;
    private readonly long _copyBytes, _scratchOfThread; // of each worker: copied rows, then a block of expanded weights
    private readonly CompactFormat? _compact;
    private readonly ExpandedBlocks? _expansion; // of compact weights that kernels do not read themselves

    public BrgemmMatrixPlan(
        string name, PrimitiveDescriptor descriptor, MemoryDescriptor source, MemoryDescriptor destination, PlanRequest request,
        BrgemmOperands operands, MatrixProblem problem, BrgemmWeightsSpec weightsSpec, BrgemmWeightsOperand weights,
        EpiloguePlan epilogue, KernelCache cache, CpuFeatures cpu)
    {
        (Name, Descriptor, _destination, _attributes, _problem) = (name, descriptor, destination, request.Attributes, problem);
        (_weightsSpec, _weights, _epilogue, _threads) = (weightsSpec, weights, epilogue, request.Threads);
        (_operands, _sourceType) = (operands, source.DataType);
        bool direct = problem.SourceElement == 1 && operands.Product.ReadsDirectly(source.DataType)
            && problem.Sum % operands.Product.Interleave() == 0;
        _copy = direct ? null : new RowCopy(
            operands.Product, source.DataType, problem.Sum, problem.SourceRow, problem.SourceElement, problem.ZeroPoints);
        var template = new BrgemmSpec
        {
            Product = operands.Product,
            Rows = 1,
            Vectors = 1,
            // A single row has no stride; a constant lets products with different strides share a kernel.
            SourceStride = problem.Rows == 1 ? 0 : _copy?.ScratchPixelBytes ?? checked((int)problem.SourceRow),
            DestinationStride = problem.Rows == 1 ? 0 : checked((int)problem.DestinationRow),
            RunSteps = weightsSpec.RunSteps,
            WeightsStride = weightsSpec.VectorStride,
            Residuals = weightsSpec.Residuals,
            HasCompensation = weights.HasCompensation,
            Epilogue = epilogue.Spec,
        };
        IsaTraits traits = IsaTraits.For(operands.Isa);
        _compact = weights.Compact?.Format;
        var registers = BrgemmRegisters.For(traits, operands.Product, epilogue.Spec, problem.Columns, _compact);

        // Where each weight is read by one tile only, it becomes f32 in a register.
        long rowStep = template.SourceStride, destinationStep = template.DestinationStride;
        bool readsCompact = _compact is not null && registers.Fits(problem.Rows, 1)
            && problem.Rows <= BlockingProblem.RowsWithin(rowStep, destinationStep);
        if (readsCompact)
            template = template with { Compact = _compact, WeightsStride = checked((int)_compact!.VectorStride) };
        else
            registers = BrgemmRegisters.For(traits, operands.Product, epilogue.Spec, problem.Columns);
        bool expands = _compact is not null && !readsCompact;
        _blocking = new BlockingProblem(
            registers, problem.Rows, weightsSpec.Vectors, weightsSpec.RunSteps, weightsSpec.Lanes * 4, rowStep,
            CacheBytes: cpu.Caches.L2, IsOneTile: readsCompact, DestinationStep: destinationStep,
            KeepsOrder: operands.Product.AccumulatorType() == DataType.Float32);
        BrgemmBlocking blocking = _blocking.Choose(request.Tile);
        if (expands)
        {
            blocking = blocking with { Vectors = Math.Min(blocking.Vectors, ExpandedBlocks.MostVectors(weightsSpec, cpu)) };
            _expansion = new ExpandedBlocks(cache, operands.Isa, _compact!, weightsSpec, blocking.Vectors);
        }

        long destinationBytes = (long)problem.Rows * problem.Columns * destination.DataType.SizeInBytes();
        if (!readsCompact)
            template = template with { Prefetch = _blocking.PrefetchOf(blocking, weightsSpec.RunSteps, 0, destinationBytes) };
        _kernels = new BrgemmKernels(cache, operands.Isa, template, blocking, problem.Rows, problem.Columns);
        int rowBlocks = expands ? ExpandedBlocks.MoreRows : 1;
        long matrixBytes = readsCompact ? weights.Compact!.MatrixBytes : weightsSpec.MatrixBytes;
        long sourceBytes = (long)problem.Rows * problem.Sum * operands.Product.ElementBytes();
        _split = WorkSplit.Choose(
            new WorkShape(problem.Batches, 1, problem.Rows, _kernels.BlockCount, sourceBytes / rowBlocks, destinationBytes / rowBlocks,
                matrixBytes, matrixBytes / _kernels.BlockCount),
            blocking.Rows, request.Threads, cpu.Caches.L2);
        long copyBytes = _copy is null ? 0 : (long)_split.PixelBlock * _copy.ScratchPixelBytes;
        _copyBytes = _copy is null ? 0 : (copyBytes + (2 * ScratchAlignment) - 1) / ScratchAlignment * ScratchAlignment;
        _scratchOfThread = _copyBytes + (_expansion?.ScratchBytes ?? 0);
    }

    /// <inheritdoc/>
    public override string Name { get; }

    /// <inheritdoc/>
    public override PrimitiveDescriptor Descriptor { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<KernelTile> Tiles => _blocking.Candidates();

    /// <inheritdoc/>
    public override long ScratchBytes => _epilogue.ScratchBytes + _weights.ScratchBytes + (_scratchOfThread * _threads);

    /// <inheritdoc/>
    public override long SizeInBytes => 2048 + _epilogue.SizeInBytes + (_problem.Batches * 24L);

    /// <inheritdoc/>
    public override string Details =>
        $"tile {_kernels.Tile}, {(_copy is null ? "direct" : "copied")} rows{_weightsSpec.SplitDetails}{CompactDetails}, {_split}";

    private string CompactDetails => _compact is null ? ""
        : $", {_compact.Bits}-bit weights {(_expansion is null ? "in registers" : "expanded by blocks")}";

    /// <inheritdoc/>
    public override void Execute(in ExecutionContext context)
    {
        int zeroPoint = Reference.RefEpilogue.SourceZeroPoint(_attributes, in context.Arguments);
        _operands.RequireZeroPoint(zeroPoint, _sourceType, isPadded: false);
        _epilogue.Prepare(in context.Arguments, _destination, context.Scratch, out EpilogueArguments epilogue);
        byte* scratch = context.Scratch + _epilogue.ScratchBytes;
        PreparedWeights weights = _weights.Prepare(in context, scratch, zeroPoint);
        var body = new Body
        {
            Plan = this,
            Arguments = ref context.Arguments,
            Source = (byte*)context.Arguments[ArgumentSlot.Source],
            Destination = (byte*)context.Arguments[ArgumentSlot.Destination],
            Weights = weights,
            Scratch = scratch + _weights.ScratchBytes,
            ZeroPoint = zeroPoint,
            Epilogue = &epilogue,
        };
        context.Run(ref body);
        GC.KeepAlive(this); // and with it the kernels' memory
    }

    // The share of one worker.
    private ref struct Body : IParallelBody
    {
        public BrgemmMatrixPlan Plan;
        public ref readonly ExecutionArguments Arguments;
        public byte* Source, Destination, Scratch;
        public PreparedWeights Weights;
        public int ZeroPoint;
        public EpilogueArguments* Epilogue;
        public UnitQueue Queue;

        public void Run(int worker, int workers)
        {
            BrgemmMatrixPlan plan = Plan;
            MatrixProblem problem = plan._problem;
            WorkSplit split = plan._split;
            byte* scratch = Scratch + (worker * plan._scratchOfThread);
            EpilogueArguments epilogue = *Epilogue; // operands that differ from image to image move in this worker's copy
            BrgemmArguments call = default;
            call.Epilogue = &epilogue;
            call.Runs = call.PackedRuns = (BrgemmRun*)Unsafe.AsPointer(ref plan._runs[0]); // pinned
            call.RunCount = 1;
            int selectedImage = -1;
            (int, int) copied = (-1, -1), expanded = (-1, -1);
            int visited = 0;
            while (Queue.TryTake(split.Units, worker, workers, ref visited, out int index))
            {
                WorkUnit unit = split[index];
                int image = problem.Images[unit.Batch], matrix = problem.Matrices[unit.Batch];
                if (plan._epilogue.MovesPerImage && image != selectedImage)
                    plan._epilogue.SelectImage(in Arguments, selectedImage = image, ref epilogue);
                byte* source = Source + problem.SourceOffsets[unit.Batch] + (unit.Pixel * problem.SourceRow);
                if (plan._copy is not null)
                {
                    if (copied != (unit.Batch, unit.Pixel))
                        plan._copy.Copy(scratch, source, 0, unit.Pixels, unit.Pixels, ZeroPoint);
                    copied = (unit.Batch, unit.Pixel);
                    source = scratch;
                }

                byte* destination = Destination + problem.DestinationOffsets[unit.Batch] + (unit.Pixel * problem.DestinationRow);
                PreparedWeights weights = Weights.Matrix(matrix);
                for (int block = unit.Block; block < unit.BlockEnd; block++)
                {
                    PreparedWeights read = weights;
                    if (plan._expansion is { } expansion)
                    {
                        byte* room = scratch + plan._copyBytes;
                        if (expanded != (matrix, block))
                            expansion.Expand(weights, block, room);
                        expanded = (matrix, block);
                        read = expansion.View(weights, block, room);
                    }

                    plan._kernels.Run(ref call, block, source, read, destination, 0, unit.Pixel, unit.Pixels);
                }
            }
        }
    }
}
