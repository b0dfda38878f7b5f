// The plan of matrix products and fully connected layers: units of work are (product, block of rows, part of the columns).
using System.Runtime.CompilerServices;
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>A planned batch of matrix products.</summary>
internal sealed unsafe class BrgemmMatrixPlan : BrgemmPlan
{
    private readonly MatrixProblem _problem;
    private readonly BrgemmKernels _kernels;
    private readonly RowCopy? _copy;
    private readonly BrgemmRun[] _runs = GC.AllocateArray<BrgemmRun>(1, pinned: true); // one run at offset 0

    public BrgemmMatrixPlan(
        string name, PrimitiveDescriptor descriptor, MemoryDescriptor source, MemoryDescriptor destination, PlanRequest request,
        BrgemmOperands operands, MatrixProblem problem, BrgemmWeightsSpec weightsSpec, BrgemmWeightsOperand weights,
        EpiloguePlan epilogue, KernelCache cache, CpuFeatures cpu)
        : base(name, descriptor, source, destination, isPadded: false, request, operands, weightsSpec, weights, epilogue)
    {
        _problem = problem;
        bool direct = problem.SourceElement == 1 && operands.Product.ReadsDirectly(source.DataType)
            && problem.Sum % operands.Product.Interleave() == 0;
        _copy = direct ? null : new RowCopy(
            operands.Product, source.DataType, problem.Sum, problem.SourceRow, problem.SourceElement, problem.ZeroPoints);
        // A single row has no stride; a constant lets products with different strides share a kernel.
        BrgemmSpec template = KernelWith(
            problem.Rows == 1 ? 0 : _copy?.ScratchPixelBytes ?? checked((int)problem.SourceRow),
            problem.Rows == 1 ? 0 : checked((int)problem.DestinationRow));
        IsaTraits traits = IsaTraits.For(operands.Isa);
        CompactFormat? compact = weights.Compact?.Format;
        var registers = BrgemmRegisters.For(traits, operands.Product, epilogue.Spec, problem.Columns, compact);

        // Where each weight is read by one tile only, it becomes f32 in a register.
        long rowStep = template.SourceStride, destinationStep = template.DestinationStride;
        bool readsCompact = compact is not null && registers.Fits(problem.Rows, 1)
            && problem.Rows <= BlockingProblem.RowsWithin(rowStep, destinationStep);
        if (readsCompact)
            template = template with { Compact = compact, WeightsStride = checked((int)compact!.VectorStride) };
        else
            registers = BrgemmRegisters.For(traits, operands.Product, epilogue.Spec, problem.Columns);
        Blocking = new BlockingProblem(
            registers, problem.Rows, weightsSpec.Vectors, weightsSpec.RunSteps, weightsSpec.Lanes * 4, rowStep,
            CacheBytes: cpu.Caches.L2, IsOneTile: readsCompact, DestinationStep: destinationStep,
            KeepsOrder: operands.Product.AccumulatorType() == DataType.Float32);
        BrgemmBlocking blocking = Blocking.Choose(request.Tile);
        if (compact is not null && !readsCompact)
        {
            blocking = blocking with { Vectors = Math.Min(blocking.Vectors, ExpandedBlocks.MostVectors(weightsSpec, cpu)) };
            Expansion = new ExpandedBlocks(cache, operands.Isa, compact, weightsSpec, blocking.Vectors);
        }

        long destinationBytes = (long)problem.Rows * problem.Columns * destination.DataType.SizeInBytes();
        if (!readsCompact)
            template = template with { Prefetch = Blocking.PrefetchOf(blocking, weightsSpec.RunSteps, 0, destinationBytes) };
        _kernels = new BrgemmKernels(cache, operands.Isa, template, blocking, problem.Rows, problem.Columns);
        int moreRows = Expansion is null ? 1 : ExpandedBlocks.MoreRows;
        long matrixBytes = readsCompact ? weights.Compact!.MatrixBytes : weightsSpec.MatrixBytes;
        long sourceBytes = (long)problem.Rows * problem.Sum * operands.Product.ElementBytes();
        Split = WorkSplit.Choose(
            new WorkShape(problem.Batches, 1, problem.Rows, _kernels.BlockCount, sourceBytes / moreRows, destinationBytes / moreRows,
                matrixBytes, matrixBytes / _kernels.BlockCount),
            blocking.Rows, request.Threads, cpu.Caches.L2);
        CopyBytes = _copy is null ? 0 : ScratchLayout.RoundUp(((long)Split.PixelBlock * _copy.ScratchPixelBytes) + ScratchSlack);
    }

    /// <inheritdoc/>
    public override long SizeInBytes => base.SizeInBytes + (_problem.Batches * 24L);

    /// <inheritdoc/>
    public override string Details => $"tile {_kernels.Tile}, {(_copy is null ? "direct" : "copied")} rows{WeightsDetails}, {Split}";

    /// <inheritdoc/>
    protected override void Run(WorkUnit unit, ref Worker worker)
    {
        int matrix = _problem.Matrices[unit.Batch];
        SelectImage(ref worker, _problem.Images[unit.Batch]);
        worker.Call.Runs = worker.Call.PackedRuns = (BrgemmRun*)Unsafe.AsPointer(ref _runs[0]); // pinned
        worker.Call.RunCount = 1;
        byte* source = worker.Source + _problem.SourceOffsets[unit.Batch] + (unit.Pixel * _problem.SourceRow);
        if (_copy is not null)
        {
            if (worker.HasToCopy(unit.Batch, unit.Pixel))
                _copy.Copy(worker.Scratch, source, 0, unit.Pixels, unit.Pixels, worker.ZeroPoint);
            source = worker.Scratch;
        }

        byte* destination = worker.Destination + _problem.DestinationOffsets[unit.Batch] + (unit.Pixel * _problem.DestinationRow);
        PreparedWeights weights = worker.Weights.Matrix(matrix);
        for (int block = unit.Block; block < unit.BlockEnd; block++)
            _kernels.Run(
                ref worker.Call, block, source, WeightsOf(ref worker, matrix, weights, block), destination, 0, unit.Pixel, unit.Pixels);
    }
}
