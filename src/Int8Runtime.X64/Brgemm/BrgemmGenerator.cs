// The batch-reduce matrix kernel, for every instruction set and element type.
//
//   for each tile of MR rows:                         source rows lie at a constant stride
//     acc[m, n] = compensation[n]                     MR·NR vector registers
//     for each run:                                   a contiguous piece of each row, found by a table of offsets
//       (at the edges of a source only the rows that a tap meets take part, see TapClip; a tile may span lines, see TileLines)
//       for each step:                                4 bytes of a row × one vector of packed weights per column vector
//         acc[m, n] += repeat(source[m, step]) · weights[n, run, step]
//     for each residual of n:                         weights that would have saturated, one step each (SaturationSplit)
//       acc[m, n] += repeat(source[m, step]) · residual[n]
//     destination[m, n] = epilogue(acc[m, n])
//
// Packed weights of a column vector are read from start to end: [run][step][lane][interleave]. Compact ones (CompactFormat) become f32 in
// registers; their groups take the place of runs.
using Int8Runtime.Jit;
using static Int8Runtime.Jit.VectorOp;

namespace Int8Runtime.X64;

/// <summary>Generates the kernel of a <see cref="BrgemmSpec"/>.</summary>
internal sealed class BrgemmGenerator : KernelGenerator<BrgemmSpec>
{
    // Instructions of products in straight-line code: enough to make loop control vanish, few enough that the kernels of a line, which
    // take turns, stay in the micro-op cache together.
    private const int UnrolledInstructions = 112, LongestUnroll = 16;

    // A loop of fewer rounds costs more by its mispredicted end than it saves.
    private const int ShortestLoop = 3;

    private const int StepBytes = 4;

    /// <inheritdoc/>
    public override string NameOf(BrgemmSpec spec) =>
        $"brgemm_{spec.Product.ToString().ToLowerInvariant()}_{spec.Rows}x{spec.Vectors}"
        + (spec.TailLanes > 0 ? $"t{spec.TailLanes}" : "") + (spec.Chains > 1 ? $"c{spec.Chains}" : "")
        + $"_a{spec.SourceStride}_d{spec.DestinationStride}_k{spec.RunSteps}_b{spec.WeightsStride}"
        + (spec.Clip is { } clip ? $"_e{clip}" : "")
        + (spec.Lines is { } lines ? $"_l{lines.Pixels}:{lines.SourceStep}:{lines.DestinationStep}" : "")
        + (spec.Lines?.Clip is { } ends ? $"_v{ends}" : "")
        + (spec.Prefetch == BrgemmPrefetch.None ? "" : $"_f{(int)spec.Prefetch}")
        + (spec.Compact is { } compact ? $"_w{compact}" : "")
        + (spec.HasCompensation ? "_comp" : "") + (spec.Residuals is null ? "" : "_split") + $"_{spec.Epilogue}";

    /// <inheritdoc/>
    protected override void Emit(KernelAssembler asm, BrgemmSpec spec) => new Body(asm, spec).Emit();

    // One kernel being written.
    private sealed class Body
    {
        private readonly KernelAssembler _asm;
        private readonly BrgemmSpec _spec;
        private readonly IDotProduct _product;
        private readonly int _chains;
        private readonly int _group; // steps whose products are summed first
        private readonly int _vectorBytes;
        private readonly VecArray _accumulators; // [m, n]
        private readonly Gpr _source, _destination, _weights;
        private CompactReader? _reader; // of compact weights, while they are read
        private PrefetchEmitter? _prefetch; // of other weights, while they are read

        public Body(KernelAssembler asm, BrgemmSpec spec)
        {
            (_asm, _spec) = (asm, spec);
            _vectorBytes = asm.Traits.VectorBytes;
            _product = DotProducts.Create(spec.Product, asm.Traits);
            _product.Prepare(asm);
            _group = spec.Compact?.RowsTogether ?? spec.Product.StepsOfSum();
            _chains = spec.Chains > 0 ? spec.Chains
                : BrgemmRegisters.For(asm.Traits, spec.Product, spec.Compact).ChainsOf(spec.Rows, spec.Vectors);
            _accumulators = asm.Registers.Vecs("acc", spec.Rows, spec.Vectors);
            _source = asm.Registers.Gpr("source");
            _destination = asm.Registers.Gpr("destination");
            _weights = asm.Registers.Gpr("weights");
        }

        // Either the weights of a step are held and the rows pass by, or the other way round; a single row takes its weights
        // from memory.
        private bool HoldsWeights => _spec.Vectors <= _spec.Rows;

        public void Emit()
        {
            using Gpr tiles = _asm.Registers.Gpr("tiles");
            _asm.Mov(_source, Argument(nameof(BrgemmArguments.Source)));
            _asm.Mov(_destination, Argument(nameof(BrgemmArguments.Destination)));
            _asm.Mov(tiles, Argument(nameof(BrgemmArguments.Tiles)));
            using ActiveLanes? tail = _spec.TailLanes > 0 ? ActiveLanes.First(_asm, _spec.TailLanes) : null;
            _asm.CountDown(tiles, () =>
            {
                PrefetchEmitter.Destination(_asm, _spec, m => _destination[DestinationOffset(m)]);
                using (VecArray chains = _asm.Registers.Vecs("chain", _chains - 1, _spec.Rows * _spec.Vectors))
                {
                    EmitStart(chains);
                    if (_spec.Compact is { } compact)
                        EmitGroups(compact, chains);
                    else
                        EmitRuns(chains);
                    EmitChainSums(chains);
                }

                if (_spec.Residuals is { } residuals)
                    EmitResiduals(residuals);

                EmitEpilogue(tail);
                _asm.Add(_source, SourceOffset(_spec.Rows));
                _asm.Add(_destination, DestinationOffset(_spec.Rows));
            });
        }

        private Mem Argument(string field) => _asm.Arguments[(int)System.Runtime.InteropServices.Marshal.OffsetOf<BrgemmArguments>(field)];

        private void EmitStart(VecArray chains)
        {
            _asm.Comment("accumulators start");
            if (_spec.HasCompensation)
            {
                using Gpr compensation = _asm.Registers.Gpr("compensation");
                _asm.Mov(compensation, Argument(nameof(BrgemmArguments.Compensation)));
                for (int m = 0; m < _spec.Rows; m++)
                    for (int n = 0; n < _spec.Vectors; n++)
                        _asm.Emit(Vmovdqu, _accumulators[m, n], m == 0 ? compensation[n * _vectorBytes] : _accumulators[0, n]);
            }
            else
            {
                for (int i = 0; i < _accumulators.Count; i++)
                    _asm.Clear(_accumulators[i]);
            }

            for (int i = 0; i < chains.Count; i++)
                _asm.Clear(chains[i]);
        }

        private void EmitRuns(VecArray chains)
        {
            using Gpr runs = _asm.Registers.Gpr("runs"), run = _asm.Registers.Gpr("run"), row = _asm.Registers.Gpr("row");
            using VecArray held = HeldOperands(), passing = _asm.Registers.Vecs("passing", _group);
            using var prefetch = new PrefetchEmitter(_asm, _spec);
            _prefetch = prefetch;
            _asm.Mov(run, Argument(nameof(BrgemmArguments.Runs)));
            _asm.Mov(runs, Argument(nameof(BrgemmArguments.RunCount)));
            foreach (RunGroup group in GroupsOfRuns())
            {
                if (group.EndLine == group.FirstLine)
                {
                    _asm.Add(run, group.Runs * BrgemmRun.Bytes);
                    continue;
                }

                if (group.Runs > 0)
                    _asm.Mov(runs, group.Runs);
                if (_spec.Clip is { TapsAreRuns: true } clip)
                    _asm.StepDown(runs, clip.Taps, () =>
                    {
                        for (int tap = 0; tap < clip.Taps; tap++)
                            EmitRun(PieceOfTap(tap, _spec.RunSteps, group.FirstLine, group.EndLine));
                    });
                else
                    _asm.CountDown(runs, () => EmitRun([.. PiecesOfRun(group.FirstLine, group.EndLine)]));
            }

            void EmitRun(params ReadOnlySpan<Piece> pieces)
            {
                _asm.Mov(row, run[0]);
                _asm.Add(row, _source);
                prefetch.BeginRun(row);
                _asm.Mov(_weights, run[sizeof(long)]);
                _asm.Add(_weights, Argument(nameof(BrgemmArguments.Weights)));
                _asm.Add(run, BrgemmRun.Bytes);
                foreach (Piece piece in pieces)
                    EmitPiece(piece, row, chains, held, passing);
            }
        }

        // Compact weights: rows of K from the first to the last, group by group.
        private void EmitGroups(CompactFormat compact, VecArray chains)
        {
            using Gpr row = _asm.Registers.Gpr("row");
            using VecArray held = HeldOperands(), passing = _asm.Registers.Vecs("passing", _group);
            using CompactReader reader = new(_asm, compact, _spec.Vectors);
            _reader = reader;
            _asm.Mov(row, _source);
            _asm.Mov(_weights, Argument(nameof(BrgemmArguments.Weights)));
            int[] rows = [.. Enumerable.Range(0, _spec.Rows)];
            reader.ForGroups(_weights, steps => EmitPiece(new Piece(steps, rows), row, chains, held, passing));
        }

        // Of the rows or the weights, whichever are fewer; of a single row compact weights, which cannot be operands in memory.
        private VecArray HeldOperands() => _asm.Registers.Vecs(
            "held", _spec.Rows > 1 ? Math.Min(_spec.Rows, _spec.Vectors) : _spec.Compact is null ? 0 : 1, _group);

        // Neighbouring runs in which the same lines of the tile take part; Runs is 0 for as many as the caller gives.
        private readonly record struct RunGroup(int Runs, int FirstLine, int EndLine);

        private List<RunGroup> GroupsOfRuns()
        {
            int lines = _spec.Rows / PixelsOfLine;
            if (_spec.Lines is not { Clip: { } clip } spanned)
                return [new RunGroup(0, 0, lines)];
            var groups = new List<RunGroup>();
            for (int tap = 0; tap < clip.Taps; tap++)
            {
                (int first, int end) = clip.RowsOf(tap, lines);
                if (groups.Count > 0 && groups[^1] is var last && (last.FirstLine, last.EndLine) == (first, end))
                    groups[^1] = last with { Runs = last.Runs + spanned.RunsOfTap };
                else
                    groups.Add(new RunGroup(spanned.RunsOfTap, first, end));
            }

            return groups;
        }

        // Steps of a run in which the same rows take part.
        private readonly record struct Piece(int Steps, int[] Rows);

        private List<Piece> PiecesOfRun(int firstLine, int endLine)
        {
            var pieces = new List<Piece>();
            int taps = _spec.Clip?.Taps ?? 1;
            for (int tap = 0; tap < taps; tap++)
            {
                Piece piece = PieceOfTap(tap, _spec.RunSteps / taps, firstLine, endLine);
                if (pieces.Count > 0 && pieces[^1].Rows.AsSpan().SequenceEqual(piece.Rows))
                    pieces[^1] = piece with { Steps = pieces[^1].Steps + piece.Steps };
                else
                    pieces.Add(piece);
            }

            return pieces;
        }

        private Piece PieceOfTap(int tap, int steps, int firstLine, int endLine)
        {
            (int first, int end) = _spec.Clip?.RowsOf(tap, PixelsOfLine) ?? (0, PixelsOfLine);
            return new Piece(steps, [.. from line in Enumerable.Range(firstLine, endLine - firstLine)
                                        from pixel in Enumerable.Range(first, end - first)
                                        select (line * PixelsOfLine) + pixel]);
        }

        private int PixelsOfLine => _spec.Lines?.Pixels ?? _spec.Rows;

        // Also of the row behind the last one, where the next tile begins.
        private int SourceOffset(int m) => OffsetOf(m, _spec.SourceStride, _spec.Lines?.SourceStep);

        private int DestinationOffset(int m) => OffsetOf(m, _spec.DestinationStride, _spec.Lines?.DestinationStep);

        private int OffsetOf(int m, int stride, int? step) => checked(
            step is { } line ? (m / PixelsOfLine * line) + (m % PixelsOfLine * stride) : m * stride);

        private void EmitPiece(Piece piece, Gpr row, VecArray chains, VecArray held, VecArray passing)
        {
            int rest = piece.Steps;
            if (piece.Rows.Length > 0)
            {
                int unroll = UnrolledInstructions
                    / (_spec.Vectors * ((_spec.Rows * _product.Instructions) + (_reader is null ? 0 : CompactReader.Instructions)));
                unroll = Math.Clamp(unroll, _chains * _group, LongestUnroll) / (_chains * _group) * (_chains * _group);
                if (rest > unroll * ShortestLoop)
                {
                    using Gpr loops = _asm.Registers.Gpr("loops");
                    _asm.Mov(loops, rest / unroll);
                    _asm.CountDown(loops, () =>
                    {
                        EmitSteps(piece with { Steps = unroll }, row, chains, held, passing);
                        _prefetch?.NextTile(unroll);
                        Advance(unroll);
                    });
                    rest %= unroll;
                }

                EmitSteps(piece with { Steps = rest }, row, chains, held, passing);
            }

            if (rest > 0 && (_spec.Clip is not null || _reader is not null)) // otherwise nothing of the run follows
                Advance(rest);

            void Advance(int steps)
            {
                _asm.Add(row, steps * StepBytes);
                _asm.Add(_weights, _spec.Compact?.BytesOf(steps) ?? steps * _vectorBytes);
            }
        }

        private void EmitSteps(Piece piece, Gpr row, VecArray chains, VecArray held, VecArray passing)
        {
            for (int first = 0; first < piece.Steps; first += _group)
            {
                int steps = Math.Min(_group, piece.Steps - first), chain = first / _group % _chains;
                Mem Source(int m, int s) => row[SourceOffset(m) + ((first + s) * StepBytes)];
                Mem Weights(int n, int s) => _weights[(n * _spec.WeightsStride) + ((first + s) * _vectorBytes)];
                Vec Sum(int m, int n) => chain == 0 ? _accumulators[m, n] : chains[chain - 1, (m * _spec.Vectors) + n];
                void Load(int m, Func<int, Vec> to)
                {
                    for (int s = 0; s < steps; s++)
                        _product.LoadSource(_asm, to(s), Source(m, s));
                }

                void LoadWeights(int n, Func<int, Vec> to)
                {
                    if (_reader is not null)
                        _reader.Load(_weights, n, first, steps, to);
                    else
                        for (int s = 0; s < steps; s++)
                        {
                            _asm.Emit(Vmovups, to(s), Weights(n, s));
                            _prefetch?.Weights(Weights(n, s));
                        }
                }

                void Accumulate(int m, int n, Func<int, Vec> source, Func<int, Operand> weights)
                {
                    if (steps == 1)
                        _product.Accumulate(_asm, Sum(m, n), source(0), weights(0));
                    else
                        _product.AccumulateTwo(_asm, Sum(m, n), source(0), weights(0), source(1), weights(1));
                }

                if (_spec.Rows == 1)
                {
                    Load(0, s => passing[s]);
                    for (int n = 0; n < _spec.Vectors; n++)
                    {
                        if (_reader is not null)
                            LoadWeights(n, s => held[0, s]);
                        Accumulate(0, n, s => passing[s], s => _reader is null ? Weights(n, s) : held[0, s]);
                    }
                }
                else if (HoldsWeights)
                {
                    for (int n = 0; n < _spec.Vectors; n++)
                        LoadWeights(n, s => held[n, s]);
                    foreach (int m in piece.Rows)
                    {
                        if (_spec.Vectors == 1 && _product.EmbedsBroadcast)
                        {
                            for (int s = 0; s < steps; s++)
                                _product.Accumulate(_asm, Sum(m, 0), held[0, s], Source(m, s).Broadcast);
                            continue;
                        }

                        Load(m, s => passing[s]);
                        for (int n = 0; n < _spec.Vectors; n++)
                            Accumulate(m, n, s => passing[s], s => held[n, s]);
                    }
                }
                else
                {
                    foreach (int m in piece.Rows)
                        Load(m, s => held[m, s]);
                    for (int n = 0; n < _spec.Vectors; n++)
                    {
                        LoadWeights(n, s => passing[s]);
                        foreach (int m in piece.Rows)
                            Accumulate(m, n, s => held[m, s], s => passing[s]);
                    }
                }
            }
        }

        // Few steps, each at a place of its own: an entry gives the run and the step within it.
        private void EmitResiduals(BrgemmResiduals residuals)
        {
            using Gpr count = _asm.Registers.Gpr("count"), entry = _asm.Registers.Gpr("entry"), row = _asm.Registers.Gpr("row");
            using Gpr place = _asm.Registers.Gpr("place");
            using Vec passing = _asm.Registers.Vec("passing");
            using VecArray held = _asm.Registers.Vecs("held", _spec.Rows == 1 ? 0 : 1);
            for (int n = 0; n < _spec.Vectors; n++)
            {
                Label none = _asm.NewLabel("no residuals");
                _asm.Mov(entry, Argument(nameof(BrgemmArguments.Residuals)));
                _asm.Mov(count, entry[n * residuals.Stride]);
                _asm.Test(count, count);
                _asm.JumpIf(Condition.Equal, none);
                _asm.Lea(_weights, entry[(n * residuals.Stride) + residuals.WeightsOffset]);
                _asm.Add(entry, (n * residuals.Stride) + BrgemmResiduals.EntriesOffset);
                _asm.CountDown(count, () =>
                {
                    _asm.MovSx32(row, entry[0]);
                    _asm.Add(row, Argument(nameof(BrgemmArguments.PackedRuns)));
                    _asm.Mov(row, row[0]);
                    _asm.MovSx32(place, entry[sizeof(int)]);
                    _asm.Add(row, place);
                    _asm.Add(row, _source);
                    if (_spec.Rows > 1)
                        _asm.Emit(Vmovups, held[0], _weights[0]);
                    for (int m = 0; m < _spec.Rows; m++)
                    {
                        _product.LoadSource(_asm, passing, row[SourceOffset(m)]);
                        _product.Accumulate(_asm, _accumulators[m, n], passing, _spec.Rows > 1 ? held[0] : _weights[0]);
                    }

                    _asm.Add(entry, BrgemmResiduals.EntryBytes);
                    _asm.Add(_weights, _vectorBytes);
                });
                _asm.Bind(none);
            }
        }

        private void EmitChainSums(VecArray chains)
        {
            int tile = _accumulators.Count;
            Vec Sum(int i) => i < tile ? _accumulators[i] : chains[i - tile];
            for (int width = _chains / 2; width > 0; width /= 2)
                for (int i = 0; i < width * tile; i++)
                    _product.Add(_asm, Sum(i), Sum(i + (width * tile)));
        }

        private void EmitEpilogue(ActiveLanes? tail)
        {
            using Gpr channel = _asm.Registers.Gpr("channel");
            _asm.Mov(channel, Argument(nameof(BrgemmArguments.Channel)));
            int lanes = _asm.Traits.Lanes32, elementBytes = _spec.Epilogue.Destination.SizeInBytes();
            var results = new ResultVector[_spec.Rows * _spec.Vectors];
            for (int n = 0; n < _spec.Vectors; n++)
                for (int m = 0; m < _spec.Rows; m++)
                    results[(n * _spec.Rows) + m] = new ResultVector(
                        _accumulators[m, n],
                        _destination[DestinationOffset(m) + (n * lanes * elementBytes)],
                        n * lanes,
                        n == _spec.Vectors - 1 ? tail : null);
            using EpilogueEmitter epilogue = EpilogueEmitter.Begin(
                _asm, _spec.Epilogue, Argument(nameof(BrgemmArguments.Epilogue)), channel);
            epilogue.Emit(results);
        }
    }
}
