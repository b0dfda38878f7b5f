// A planned resampling: kernels, the pixels and rows that each output is computed from, and the division of the work.
// Scratch: numbers that are given at execution.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>Executes a resampling row by row.</summary>
internal sealed unsafe class ResamplingPlan : PrimitivePlan
{
    // Wide enough to hide the latency of the sums, narrow enough for 16 registers.
    private const int VectorsOfBlock = 4;

    private readonly ResamplingDescriptor _descriptor;
    private readonly EpiloguePlan _epilogue;
    private readonly CompiledKernel? _full, _rest;
    private readonly ResamplingColumn[] _columns;
    private readonly OuterAxis[] _outer;
    private readonly ImageLayout _source, _destination;
    private readonly int _lanes, _blockLanes, _sourceLaneBytes, _destinationLaneBytes, _threads, _rowsOfImage, _sourceRows;
    private readonly PrimitiveAttributes _attributes;
    private readonly OperandQuantization _dequantization;

    /// <summary>Creates the kernels and tables.</summary>
    /// <param name="name">Name of the plan.</param>
    /// <param name="cache">Where kernels are kept.</param>
    /// <param name="isa">Instruction sets.</param>
    /// <param name="descriptor">The problem with resolved layouts.</param>
    /// <param name="copies">Whether elements are stored bit by bit.</param>
    /// <param name="attributes">Scales and zero points as they were given; none where stored units are kept.</param>
    /// <param name="epilogue">What happens to the values.</param>
    /// <param name="threads">Threads of one execution at most.</param>
    public ResamplingPlan(
        string name, KernelCache cache, Isa isa, ResamplingDescriptor descriptor, bool copies,
        PrimitiveAttributes attributes, EpiloguePlan epilogue, int threads)
    {
        (Name, _descriptor, _epilogue, _attributes, _threads) = (name, descriptor, epilogue, attributes, threads);
        _dequantization = OperandQuantization.OfSource(attributes);
        MemoryDescriptor source = descriptor.Source, destination = descriptor.Destination;
        (_source, _destination) = (new ImageLayout(source), new ImageLayout(destination));
        int last = descriptor.SpatialRank - 1, pixel = _source.Pixel;
        _columns = new ResamplingColumn[destination.Dimensions[^1]];
        for (int i = 0; i < _columns.Length; i++)
        {
            ResamplingTaps taps = descriptor.TapsOf(last, i);
            _columns[i] = new ResamplingColumn(taps.First * pixel, taps.Second * pixel, taps.FirstWeight, taps.SecondWeight);
        }

        _outer = [.. Enumerable.Range(0, last).Select(axis => new OuterAxis(
            [.. Enumerable.Range(0, destination.Dimensions[axis + 2]).Select(i => descriptor.TapsOf(axis, i))],
            _source.Step(axis), _destination.Step(axis)))];
        _rowsOfImage = _outer.Aggregate(1, (count, axis) => checked(count * axis.Taps.Length));

        bool interpolates = descriptor.Algorithm == ResamplingAlgorithm.Linear;
        _sourceRows = interpolates ? 1 << last : 1;
        (_sourceLaneBytes, _destinationLaneBytes) = copies ? (1, 1) : (_source.ElementBytes, _destination.ElementBytes);
        _lanes = source.Dimensions[1] * (copies ? _source.ElementBytes : 1);
        _blockLanes = VectorsOfBlock * ChannelBlock.LanesOf(IsaTraits.For(isa), copies);
        var spec = new ResamplingKernelSpec(
            source.DataType, _sourceRows, interpolates, _destination.Pixel, _blockLanes,
            !_dequantization.IsIdentity, copies ? null : epilogue.Spec);
        var generator = new ResamplingKernelGenerator();
        int rest = _lanes % _blockLanes;
        _full = _lanes >= _blockLanes ? generator.GetOrCreate(cache, spec, isa) : null;
        _rest = rest > 0 ? generator.GetOrCreate(cache, spec with { Lanes = rest }, isa) : null;
    }

    /// <inheritdoc/>
    public override string Name { get; }

    /// <inheritdoc/>
    public override PrimitiveDescriptor Descriptor => _descriptor;

    /// <inheritdoc/>
    public override long SizeInBytes => 1024 + (_full?.Footprint ?? 0) + (_rest?.Footprint ?? 0) + _epilogue.SizeInBytes
        + (_columns.Length * sizeof(ResamplingColumn)) + _outer.Sum(axis => axis.Taps.Length * sizeof(ResamplingTaps));

    /// <inheritdoc/>
    public override string Details => $"kernel {(_full ?? _rest)!.Name}";

    /// <inheritdoc/>
    public override long ScratchBytes => _epilogue.ScratchBytes;

    /// <inheritdoc/>
    public override void Execute(in ExecutionContext context)
    {
        MemoryDescriptor destination = _descriptor.Destination;
        ExecutionArguments arguments = PassThrough.Complete(_attributes, in context.Arguments);
        _epilogue.Prepare(in arguments, destination, context.Scratch, out EpilogueArguments table);
        long bytes = destination.ElementCount * Math.Max(destination.DataType.SizeInBytes(), _sourceRows);
        var body = new Body(this, in arguments, in table);
        Parallel.Run(context.Pool, Math.Min(WorkSharing.Threads(bytes, context.Threads), _threads), ref body);
    }

    // A spatial dimension but the last one: what its indices are computed from, and its steps in bytes.
    private sealed record OuterAxis(ResamplingTaps[] Taps, long SourceStep, long DestinationStep);

    private readonly ref struct Body(
        ResamplingPlan plan, ref readonly ExecutionArguments arguments, ref readonly EpilogueArguments table) : IParallelBody
    {
        private readonly ref readonly ExecutionArguments _arguments = ref arguments;
        private readonly ref readonly EpilogueArguments _table = ref table;

        public void Run(int worker, int workers)
        {
            (int start, int end) = Parallel.Share(plan._descriptor.Source.Dimensions[0] * plan._rowsOfImage, worker, workers);
            EpilogueArguments table = _table;
            int selected = -1;
            for (int item = start; item < end; item++)
            {
                (int image, int row) = Math.DivRem(item, plan._rowsOfImage);
                if (image != selected)
                {
                    selected = image;
                    plan._epilogue.SelectImage(in _arguments, image, ref table);
                }

                RunRow(image, row, &table);
            }
        }

        private void RunRow(int image, int row, EpilogueArguments* table)
        {
            byte* source = (byte*)_arguments[ArgumentSlot.Source] + plan._source.Start + (image * plan._source.Image);
            byte* destination = (byte*)_arguments[ArgumentSlot.Destination] + plan._destination.Start + (image * plan._destination.Image);
            ResamplingKernelArguments call = default;
            for (int r = 0; r < plan._sourceRows; r++)
                (call.Rows[r], call.Weights[r]) = ((nint)source, 1f);

            // Bit b of a row's number chooses between the neighbours along the b-th dimension from the inside.
            for (int axis = plan._outer.Length - 1, bit = 0; axis >= 0; axis--, bit++)
            {
                OuterAxis outer = plan._outer[axis];
                (row, int index) = Math.DivRem(row, outer.Taps.Length);
                ResamplingTaps taps = outer.Taps[index];
                destination += index * outer.DestinationStep;
                for (int r = 0; r < plan._sourceRows; r++)
                {
                    bool second = ((r >> bit) & 1) != 0;
                    call.Rows[r] += (nint)((second ? taps.Second : taps.First) * outer.SourceStep);
                    call.Weights[r] *= second ? taps.SecondWeight : taps.FirstWeight;
                }
            }

            fixed (ResamplingColumn* columns = plan._columns)
            {
                call.Destination = destination;
                call.Table = columns;
                call.Columns = plan._columns.Length;
                call.Epilogue = table;
                call.ZeroPoint = plan._dequantization.ZeroPointIn(in _arguments);
                call.Scale = plan._dequantization.ScaleIn(in _arguments);
                int blocks = plan._lanes / plan._blockLanes;
                ResamplingKernelArguments rest = call;
                if (blocks > 0)
                {
                    call.Blocks = blocks;
                    plan._full!.Entry(&call);
                }

                if (plan._rest is not { } tail)
                    return;
                int done = blocks * plan._blockLanes;
                for (int r = 0; r < plan._sourceRows; r++)
                    rest.Rows[r] += done * plan._sourceLaneBytes;
                rest.Destination += done * plan._destinationLaneBytes;
                rest.Channel = done;
                rest.Blocks = 1;
                tail.Entry(&rest);
            }
        }
    }
}
