// From accumulators to stored elements: the code of an Epilogue.
using Int8Runtime.Jit;
using static Int8Runtime.Jit.VectorOp;

namespace Int8Runtime.X64;

/// <summary>
/// Emits an <see cref="Epilogue"/> for groups of vectors. A kernel asks <see cref="NeedsOf"/> before it divides the registers,
/// calls <see cref="Begin"/> once its accumulators are final, <see cref="Emit"/> as often as it likes, and disposes the
/// emitter.
/// </summary>
/// <remarks>
/// <code>
/// using var epilogue = EpilogueEmitter.Begin(asm, spec.Epilogue, asm.Arguments[EpilogueField], channel);
/// epilogue.Emit([new(acc[0, 0], c[0], 0), new(acc[1, 0], c[row], 0), new(acc[0, 1], c[64], 16, tail)]);
/// </code>
/// Vectors of one column should follow each other: scale and bias of a column are loaded once for such a sequence.
/// </remarks>
internal sealed class EpilogueEmitter : IDisposable
{
    private readonly EpilogueSpec _spec;
    private readonly EpilogueScope _scope;
    private readonly IPostOpEmitter[] _postOps;

    private EpilogueEmitter(EpilogueSpec spec, EpilogueScope scope, IPostOpEmitter[] postOps) =>
        (_spec, _scope, _postOps) = (spec, scope, postOps);

    /// <summary>Registers that are leased between <see cref="Begin"/> and <see cref="Dispose"/>.</summary>
    public static RegisterNeeds NeedsOf(EpilogueSpec spec)
    {
        // Scale and bias of a column take two vectors, and so does a store.
        var needs = new RegisterNeeds(2, 1, 1);
        foreach (IPostOpEmitter postOp in EmittersOf(spec))
            needs = RegisterNeeds.Max(needs, postOp.Needs);
        return needs with { General = needs.General + EpilogueScope.GeneralRegisters };
    }

    /// <summary>Leases the registers.</summary>
    /// <param name="asm">The kernel.</param>
    /// <param name="spec">What to emit.</param>
    /// <param name="arguments">Where the kernel finds the address of its <see cref="EpilogueArguments"/>.</param>
    /// <param name="channel">Register that holds the channel (in elements) of column 0; null for channel 0.</param>
    public static EpilogueEmitter Begin(KernelAssembler asm, EpilogueSpec spec, Mem arguments, Gpr? channel = null) =>
        new(spec, new EpilogueScope(asm, spec, arguments, channel), EmittersOf(spec));

    /// <summary>Finishes and stores vectors; their registers are destroyed.</summary>
    public void Emit(ReadOnlySpan<ResultVector> vectors)
    {
        if (_spec.StoresAccumulator)
        {
            foreach (ResultVector vector in vectors)
                TypedStore.FromInt32(_scope.Assembler, vector.Destination, DataType.Int32, vector.Register, vector.Active);
            return;
        }

        EmitScaleAndBias(vectors);
        if (StoresPacked(vectors))
        {
            foreach (ResultVector vector in vectors)
                EmitPostOps(vector);
            PackedStore.Emit(_scope, _spec, vectors);
            return;
        }

        bool inPairs = _spec.Destination == DataType.BFloat16 && _scope.Assembler.Traits.HasBf16 && vectors.Length > 1;
        foreach (ResultVector vector in vectors)
        {
            EmitPostOps(vector);
            EmitBounds(vector.Register);
            if (!inPairs)
                EmitStore(vector);
        }

        if (inPairs)
            PairedStore.Emit(_scope.Assembler, vectors);
    }

    /// <summary>
    /// Finishes vectors for a kernel with an 8-bit destination that stores them itself: the bytes of each quad of vectors
    /// are left in its first register, packed inside of 128-bit lanes. Lanes may hold channels in any order as long as
    /// scales and biases are stored in that order; see <see cref="EpilogueSpec.DependsOnLane"/>.
    /// </summary>
    /// <param name="vectors">All vectors, those of one column behind each other.</param>
    /// <param name="quads">Their registers in fours, in the order of the packs.</param>
    public void EmitBytes(ReadOnlySpan<ResultVector> vectors, IEnumerable<Vec[]> quads)
    {
        EmitScaleAndBias(vectors);
        foreach (ResultVector vector in vectors)
            EmitPostOps(vector);
        PackedStore.Pack(_scope, _spec, quads);
    }

    /// <inheritdoc/>
    public void Dispose() => _scope.Dispose();

    // Four vectors at a time pay off from two vectors on; their addresses and tails must be known.
    private bool StoresPacked(ReadOnlySpan<ResultVector> vectors)
    {
        if (!_spec.Destination.IsInt8() || vectors.Length < 2 || !_spec.FitsWords || _spec.HasZeroPoints)
            return false;
        foreach (ResultVector vector in vectors)
            if (vector.Destination.Index is not null || vector.Active.RuntimeCount is not null)
                return false;
        return true;
    }

    private static IPostOpEmitter[] EmittersOf(EpilogueSpec spec)
    {
        var emitters = new IPostOpEmitter[spec.PostOps.Count];
        for (int i = 0; i < emitters.Length; i++)
        {
            emitters[i] = spec.PostOps[i] switch
            {
                SumSpec sum => new SumEmitter(sum),
                EltwiseSpec eltwise => new EltwiseEmitter(eltwise),
                OperandSpec operand => OperandEmitter.Of(operand),
                var other => throw new InvalidOperationException($"No code is generated for {other}."),
            };
        }

        return emitters;
    }

    // The chain and the multiplier behind it.
    private void EmitPostOps(ResultVector vector)
    {
        foreach (IPostOpEmitter postOp in _postOps)
            postOp.Emit(_scope, vector);
        if (_spec.Multiplies)
            _scope.Assembler.Emit(Vmulps, vector.Register, vector.Register, _scope.Constant(_spec.MultiplierSlot));
    }

    // v = fma(f32(acc), scale, bias).
    private void EmitScaleAndBias(ReadOnlySpan<ResultVector> vectors)
    {
        KernelAssembler asm = _scope.Assembler;
        bool hasScale = _spec.Scale != OperandMode.None, hasBias = _spec.Bias != OperandMode.None;
        Vec? scale = hasScale ? asm.Registers.Vec("scale") : null, bias = hasBias ? asm.Registers.Vec("bias") : null;
        int loaded = -1;
        foreach (ResultVector vector in vectors)
        {
            Vec x = vector.Register;
            if (_spec.Accumulator == DataType.Int32)
                asm.Emit(Vcvtdq2ps, x, x);
            if (loaded != vector.Column || _spec.Bias == OperandMode.PerElement)
            {
                LoadColumn(vector, scale, bias);
                loaded = vector.Column;
            }

            if (scale is { } factor && bias is { } addend)
                asm.Emit(Vfmadd213ps, x, factor, addend);
            else if (scale is { } onlyFactor)
                asm.Emit(Vmulps, x, x, onlyFactor);
            else if (bias is { } onlyAddend)
                asm.Emit(Vaddps, x, x, onlyAddend);
        }

        bias?.Dispose();
        scale?.Dispose();
    }

    private void LoadColumn(ResultVector vector, Vec? scale, Vec? bias)
    {
        if (scale is { } factor)
            _scope.Load(factor, DataType.Float32, _spec.Scale, EpilogueArguments.ScaleOffset, vector);
        if (bias is not { } addend)
            return;
        _scope.Load(addend, _spec.BiasType, _spec.Bias, EpilogueArguments.BiasOffset, vector);
        if (_spec.ScalesBias)
            _scope.Assembler.Emit(Vmulps, addend, addend, _scope.Constant(_spec.BiasFactorSlot));
    }

    // Integers of an array, loaded as the bits that they are. The sum is inside s32; it saturates to 8 bits here.
    private void AddZeroPoints(ResultVector vector)
    {
        KernelAssembler asm = _scope.Assembler;
        Vec x = vector.Register;
        using (Vec zeroPoints = asm.Registers.Vec("zero points"))
        {
            _scope.Load(zeroPoints, DataType.Float32, _spec.ZeroPoints, _spec.ZeroPointsField, vector);
            asm.Emit(Vpaddd, x, x, zeroPoints);
        }

        if (!_spec.Destination.IsInt8())
            return;
        (int min, int max) = _spec.Destination.IntegerRange();
        asm.Emit(Vpmaxsd, x, x, asm.Splat(min));
        asm.Emit(Vpminsd, x, x, asm.Splat(max));
    }

    // Bounds, the lower one first: NaN gives the lower bound.
    private void EmitBounds(Vec x)
    {
        if (_spec.ClampsBelow)
            _scope.Assembler.Emit(Vmaxps, x, x, _scope.Constant(_spec.LowerSlot));
        if (_spec.ClampsAbove)
            _scope.Assembler.Emit(Vminps, x, x, _scope.Constant(_spec.UpperSlot));
    }

    // Rounding, zero point, store.
    private void EmitStore(ResultVector vector)
    {
        KernelAssembler asm = _scope.Assembler;
        Vec x = vector.Register;
        if (_spec.Destination.IsFloatingPoint())
        {
            TypedStore.FromFloat(asm, vector.Destination, _spec.Destination, x, vector.Active);
            return;
        }

        asm.Emit(Vcvtps2dq, x, x);
        if (_spec.HasZeroPoint)
            asm.Emit(Vpaddd, x, x, _scope.Constant(_spec.ZeroPointSlot));
        if (_spec.HasZeroPoints)
            AddZeroPoints(vector);
        TypedStore.FromInt32(asm, vector.Destination, _spec.Destination, x, vector.Active);
    }
}
