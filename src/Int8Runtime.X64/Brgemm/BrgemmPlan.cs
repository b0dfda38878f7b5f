// What plans around the matrix kernel have in common: operands, scratch memory, and workers that take units of work.
// Scratch: [numbers of the epilogue][weights that are packed or completed at execution]
// [for each worker: copied rows, then a block of expanded weights], each if it is needed.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>Runs the matrix kernel over units of work; a derived plan chooses the tile and the units, and computes one.</summary>
internal abstract unsafe class BrgemmPlan : PrimitivePlan
{
    /// <summary>Bytes that the last step of a run may reach beyond copied rows, rounded up.</summary>
    protected const int ScratchSlack = 64;

    private readonly BrgemmOperands _operands;
    private readonly BrgemmWeightsOperand _weights;
    private readonly EpiloguePlan _epilogue;
    private readonly PrimitiveAttributes _attributes;
    private readonly MemoryDescriptor _destination;
    private readonly bool _isPadded;
    private readonly int _threads;

    protected BrgemmPlan(
        string name, PrimitiveDescriptor descriptor, MemoryDescriptor source, MemoryDescriptor destination, bool isPadded,
        PlanRequest request, BrgemmOperands operands, BrgemmWeightsSpec weightsSpec, BrgemmWeightsOperand weights, EpiloguePlan epilogue)
    {
        (Name, Descriptor, SourceType, _destination, _isPadded) = (name, descriptor, source.DataType, destination, isPadded);
        (_attributes, _threads, _operands) = (request.Attributes, request.Threads, operands);
        (WeightsSpec, _weights, _epilogue) = (weightsSpec, weights, epilogue);
    }

    /// <inheritdoc/>
    public sealed override string Name { get; }

    /// <inheritdoc/>
    public sealed override PrimitiveDescriptor Descriptor { get; }

    /// <inheritdoc/>
    public sealed override IReadOnlyList<KernelTile> Tiles => Blocking.Candidates();

    /// <inheritdoc/>
    public sealed override long ScratchBytes => _epilogue.ScratchBytes + _weights.ScratchBytes + (ScratchOfWorker * _threads);

    /// <inheritdoc/>
    public override long SizeInBytes => 2048 + _epilogue.SizeInBytes;

    /// <summary>Type of the source.</summary>
    protected DataType SourceType { get; }

    /// <summary>Type of the stored values.</summary>
    protected DataType DestinationType => _epilogue.Spec.Destination;

    /// <summary>The weights as kernels read them.</summary>
    protected BrgemmWeightsSpec WeightsSpec { get; }

    /// <summary>What the tile was chosen from.</summary>
    protected BlockingProblem Blocking { get; init; }

    /// <summary>The division into units.</summary>
    protected WorkSplit Split { get; init; } = null!;

    /// <summary>Scratch bytes of a worker for copied rows.</summary>
    protected long CopyBytes { get; init; }

    /// <summary>Expands compact weights that kernels do not read themselves; null for all others.</summary>
    protected ExpandedBlocks? Expansion { get; init; }

    /// <summary>How weights are kept, for reports; empty if as they are multiplied.</summary>
    protected string WeightsDetails => WeightsSpec.SplitDetails + (_weights.Compact is not { Format: var format } ? ""
        : $", {format.Bits}-bit weights {(Expansion is null ? "in registers" : "expanded by blocks")}");

    private long ScratchOfWorker => CopyBytes + (Expansion?.ScratchBytes ?? 0);

    /// <inheritdoc/>
    public sealed override void Execute(in ExecutionContext context)
    {
        int zeroPoint = Reference.RefEpilogue.SourceZeroPoint(_attributes, in context.Arguments);
        _operands.RequireZeroPoint(zeroPoint, SourceType, _isPadded);
        _epilogue.Prepare(in context.Arguments, _destination, context.Scratch, out EpilogueArguments epilogue);
        byte* scratch = context.Scratch + _epilogue.ScratchBytes;
        var body = new Body
        {
            Plan = this,
            Arguments = ref context.Arguments,
            Weights = _weights.Prepare(in context, scratch, zeroPoint),
            Scratch = scratch + _weights.ScratchBytes,
            ZeroPoint = zeroPoint,
            Epilogue = &epilogue,
        };
        context.Run(ref body);
        GC.KeepAlive(this); // and with it the kernels' memory
    }

    /// <summary>Computes a unit.</summary>
    protected abstract void Run(WorkUnit unit, ref Worker worker);

    /// <summary>The spec of a kernel but for the size of its tile.</summary>
    /// <param name="sourceStride">Bytes from a row of the source to the next.</param>
    /// <param name="destinationStride">Bytes from a row of the destination to the next.</param>
    protected BrgemmSpec KernelWith(int sourceStride, int destinationStride) => new()
    {
        Product = _operands.Product,
        Rows = 1,
        Vectors = 1,
        SourceStride = sourceStride,
        DestinationStride = destinationStride,
        RunSteps = WeightsSpec.RunSteps,
        WeightsStride = WeightsSpec.VectorStride,
        Residuals = WeightsSpec.Residuals,
        HasCompensation = _weights.HasCompensation,
        Epilogue = _epilogue.Spec,
    };

    /// <summary>Moves operands of the epilogue that differ from image to image.</summary>
    protected void SelectImage(ref Worker worker, int image)
    {
        if (_epilogue.MovesPerImage && image != worker.Image)
            _epilogue.SelectImage(in worker.Arguments, worker.Image = image, ref *worker.Call.Epilogue);
    }

    /// <summary>The weights of a block of columns; expanded if they are compact, unless the block is that of the last call.</summary>
    /// <param name="worker">The worker.</param>
    /// <param name="matrix">The matrix.</param>
    /// <param name="weights">Its weights.</param>
    /// <param name="block">The block.</param>
    protected PreparedWeights WeightsOf(ref Worker worker, int matrix, PreparedWeights weights, int block)
    {
        if (Expansion is null)
            return weights;
        byte* room = worker.Scratch + CopyBytes;
        if (worker.Expanded != (matrix, block))
            Expansion.Expand(weights, block, room);
        worker.Expanded = (matrix, block);
        return Expansion.View(weights, block, room);
    }

    /// <summary>What a worker keeps from unit to unit.</summary>
    protected ref struct Worker
    {
        /// <summary>The memory of the execution.</summary>
        public ref readonly ExecutionArguments Arguments;

        /// <summary>Start of the tensor.</summary>
        public byte* Source, Destination;

        /// <summary>Copied rows, then a block of expanded weights.</summary>
        public byte* Scratch;

        /// <summary>The weights of all matrices.</summary>
        public PreparedWeights Weights;

        /// <summary>The source's zero point.</summary>
        public int ZeroPoint;

        /// <summary>The arguments of kernels, with an epilogue of this worker.</summary>
        public BrgemmArguments Call;

        /// <summary>The image whose operands the epilogue has; −1 for none.</summary>
        public int Image;

        /// <summary>Matrix and block whose expanded weights are in scratch memory.</summary>
        public (int Matrix, int Block) Expanded;

        private (int Batch, int First) _copied;

        public Worker()
        {
            Image = -1;
            Expanded = _copied = (-1, -1);
        }

        /// <summary>Whether the rows of a unit have to be copied: those of the unit before are still there.</summary>
        /// <param name="batch">The unit's batch.</param>
        /// <param name="first">Its first row.</param>
        public bool HasToCopy(int batch, int first)
        {
            if (_copied == (batch, first))
                return false;
            _copied = (batch, first);
            return true;
        }
    }

    // The share of one worker. Lives on the stack of the caller.
    private ref struct Body : IParallelBody
    {
        public BrgemmPlan Plan;
        public ref readonly ExecutionArguments Arguments;
        public byte* Scratch;
        public PreparedWeights Weights;
        public int ZeroPoint;
        public EpilogueArguments* Epilogue;
        public UnitQueue Queue;

        public void Run(int worker, int workers)
        {
            EpilogueArguments epilogue = *Epilogue; // operands that differ from image to image move in this worker's copy
            var state = new Worker
            {
                Arguments = ref Arguments,
                Source = (byte*)Arguments[ArgumentSlot.Source],
                Destination = (byte*)Arguments[ArgumentSlot.Destination],
                Scratch = Scratch + (worker * Plan.ScratchOfWorker),
                Weights = Weights,
                ZeroPoint = ZeroPoint,
            };
            state.Call.Epilogue = &epilogue;
            int visited = 0;
            while (Queue.TryTake(Plan.Split.Units, worker, workers, ref visited, out int unit))
                Plan.Run(Plan.Split[unit], ref state);
        }
    }
}
