// A conversion between layouts whose innermost dimensions differ: convert rows, transpose bits, in blocks that stay in the
// first-level cache. The transpose works on whichever type is narrower.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>
/// A box in which the destination is consecutive along loop A and the source along loop B. Values pass a run stage along the
/// rows of one side and a transposer, through scratch memory of the worker.
/// </summary>
internal sealed unsafe class TransposingBox : ElementwiseBox
{
    private const int BlockElements = 8192, MostRows = 64, RowAlignment = 64;

    private readonly Loop _a, _b;
    private readonly int _blockA, _blockB, _size;
    private readonly bool _convertsFirst;
    private readonly RunStage _stage;
    private readonly Transposer _transposer;

    private TransposingBox(
        LoopNest nest, Loop[] outer, Loop a, Loop b, Isa isa, KernelCache cache, DataType source,
        IReadOnlyList<ElementwiseStep> steps, Epilogue epilogue, int[] sizes)
        : base(new OuterLoops(nest.Start, outer))
    {
        (_a, _b) = (a, b);
        _blockA = Math.Min(a.Extent, MostRows);
        _blockB = Math.Min(b.Extent, Math.Max(RowAlignment, BlockElements / _blockA / RowAlignment * RowAlignment));
        _convertsFirst = sizes[0] <= sizes[1];
        _size = Math.Min(sizes[0], sizes[1]);
        long row = (_convertsFirst ? _blockB : _blockA) * _size; // of the scratch memory
        if (_convertsFirst)
        {
            // Rows a, consecutive along b: source → scratch[a][b] → destination.
            _stage = RunStage.Create(isa, cache, source, steps, epilogue, With(a, 0, row), With(b, 0, sizes[0]));
            _transposer = new Transposer(isa, cache, _size, _blockA, _blockB, row, b.Strides[0]);
        }
        else
        {
            // Rows b, consecutive along a: source → scratch[b][a] → destination.
            _transposer = new Transposer(isa, cache, _size, _blockA, _blockB, a.Strides[1], row);
            _stage = RunStage.Create(isa, cache, source, steps, epilogue, With(b, 1, row), With(a, 1, sizes[1]));
        }
    }

    /// <inheritdoc/>
    public override string Details => $"{_stage.KernelName}, {_transposer.KernelName}";

    /// <inheritdoc/>
    public override RunStage Stage => _stage;

    /// <inheritdoc/>
    public override int ScratchBytes => (int)ScratchLayout.RoundUp(_blockA * _blockB * _size);

    /// <inheritdoc/>
    public override long Elements => Outer.Count * _a.Extent * _b.Extent;

    /// <summary>The box, or null if there are no two loops to transpose or operands do not go along.</summary>
    public static TransposingBox? TryCreate(
        LoopNest nest, Isa isa, KernelCache cache, DataType source, IReadOnlyList<ElementwiseStep> steps, Epilogue epilogue, int[] sizes)
    {
        if (FindLoops(nest, sizes[0], sizes[1]) is not var (a, b))
            return null;
        Loop run = sizes[0] <= sizes[1] ? b : a;
        for (int t = 2; t < sizes.Length; t++)
            if (run.Strides[t] != 0 && run.Strides[t] != sizes[t])
                return null;
        Loop[] outer = [.. nest.Loops.Where(loop => loop != a && loop != b)];
        return new TransposingBox(nest, outer, a, b, isa, cache, source, steps, epilogue, sizes);
    }

    /// <summary>The loops along which destination and source are consecutive, if they are two.</summary>
    public static (Loop A, Loop B)? FindLoops(LoopNest nest, int destinationBytes, int sourceBytes)
    {
        Loop? a = nest.Loops.FirstOrDefault(loop => loop.Strides[0] == destinationBytes && loop.Strides[1] != 0);
        Loop? b = nest.Loops.FirstOrDefault(loop => loop.Strides[1] == sourceBytes && loop.Strides[0] != 0);
        return a is null || b is null || ReferenceEquals(a, b) ? null : (a, b);
    }

    /// <inheritdoc/>
    public override void Run(in ExecutionArguments arguments, byte* numbers, byte* scratch, int worker, int workers)
    {
        int blocksA = ((_a.Extent - 1) / _blockA) + 1, blocksB = ((_b.Extent - 1) / _blockB) + 1;
        (long start, long end) = Parallel.Share(Outer.Count * blocksA * blocksB, worker, workers);
        Span<long> offsets = stackalloc long[Outer.Tensors];
        for (long block = start; block < end; block++)
        {
            (long rest, long blockB) = Math.DivRem(block, blocksB);
            (long iteration, long blockA) = Math.DivRem(rest, blocksA);
            int firstA = (int)blockA * _blockA, firstB = (int)blockB * _blockB;
            int countA = Math.Min(_blockA, _a.Extent - firstA), countB = Math.Min(_blockB, _b.Extent - firstB);
            Outer.OffsetsOf(iteration, offsets);
            OuterLoops.Move(offsets, _a, firstA);
            OuterLoops.Move(offsets, _b, firstB);
            byte* source = (byte*)arguments[ArgumentSlot.Source] + offsets[1];
            byte* destination = (byte*)arguments[ArgumentSlot.Destination] + offsets[0];
            if (_convertsFirst)
            {
                _stage.Invoke(in arguments, numbers, source, scratch, offsets, countA, countB);
                _transposer.Run(scratch, destination, countA, countB);
            }
            else
            {
                _transposer.Run(source, scratch, countA, countB);
                _stage.Invoke(in arguments, numbers, scratch, destination, offsets, countB, countA);
            }
        }
    }

    private static Loop With(Loop loop, int tensor, long stride)
    {
        long[] strides = [.. loop.Strides];
        strides[tensor] = stride;
        return loop with { Strides = strides };
    }
}
