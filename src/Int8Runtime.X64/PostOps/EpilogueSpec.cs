// What the code of an epilogue depends on.
namespace Int8Runtime.X64;

/// <summary>The code-relevant part of an <see cref="Epilogue"/>; part of the spec of every kernel that has one.</summary>
internal sealed record EpilogueSpec
{
    /// <summary>Type of the accumulators: s32 or f32.</summary>
    public required DataType Accumulator { get; init; }

    /// <summary>Type of the stored values.</summary>
    public required DataType Destination { get; init; }

    /// <summary>Factor of the accumulator.</summary>
    public OperandMode Scale { get; init; }

    /// <summary>Addend of the scaled accumulator.</summary>
    public OperandMode Bias { get; init; }

    /// <summary>Element type of the bias.</summary>
    public DataType BiasType { get; init; } = DataType.Float32;

    /// <summary>Whether the bias is multiplied before it is added. Constant: the factor.</summary>
    public bool ScalesBias { get; init; }

    /// <summary>The chain.</summary>
    public ValueList<PostOpSpec> PostOps { get; init; } = new();

    /// <summary>Whether the value is multiplied after the post-ops. Constant: the factor.</summary>
    public bool Multiplies { get; init; }

    /// <summary>Whether there is a lower bound. Constant: the bound.</summary>
    public bool ClampsBelow { get; init; }

    /// <summary>Whether there is an upper bound. Constant: the bound.</summary>
    public bool ClampsAbove { get; init; }

    /// <summary>Whether an integer is added after rounding. Constant: that integer.</summary>
    public bool HasZeroPoint { get; init; }

    /// <summary>Which integers of an array are added after rounding, if any; 8-bit values saturate after that.</summary>
    public OperandMode ZeroPoints { get; init; }

    /// <summary>The operand that is this array; null for <see cref="EpilogueArguments.ZeroPoints"/>.</summary>
    public int? ZeroPointsOperand { get; init; }

    /// <summary>Offset of the array's pointer in <see cref="EpilogueArguments"/>.</summary>
    public int ZeroPointsField =>
        ZeroPointsOperand is { } operand ? EpilogueArguments.OffsetOfOperand(operand) : EpilogueArguments.ZeroPointsOffset;

    /// <summary>Whether integers of an array are added after rounding.</summary>
    public bool HasZeroPoints => ZeroPoints != OperandMode.None;

    /// <summary>Whether 8-bit results may be packed to words before the zero point is added, which is then a word.</summary>
    public bool FitsWords { get; init; } = true;

    /// <summary>
    /// Whether an 8-bit destination has a lower bound above that of its type, which <see cref="PackedStore"/> applies to bytes.
    /// Constant: the byte.
    /// </summary>
    public bool HasLowerByte { get; init; }

    /// <summary>Whether the accumulator is stored as it is.</summary>
    public bool StoresAccumulator { get; init; }

    /// <summary>The operands that are read from memory.</summary>
    public IEnumerable<int> Operands
    {
        get
        {
            for (int i = 0; i < PostOps.Count; i++)
                if (PostOps[i] is OperandSpec { Mode: not OperandMode.Constant } postOp)
                    yield return postOp.Operand;
            if (ZeroPointsOperand is { } zeroPoints)
                yield return zeroPoints;
        }
    }

    /// <summary>Whether the destination's previous content is read.</summary>
    public bool ReadsDestination
    {
        get
        {
            foreach (PostOpSpec postOp in PostOps.Span)
                if (postOp is SumSpec)
                    return true;
            return false;
        }
    }

    /// <summary>Whether a post-op reads memory by the place of a lane, so that lanes must hold consecutive channels.</summary>
    public bool DependsOnLane
    {
        get
        {
            foreach (PostOpSpec postOp in PostOps.Span)
                if (postOp is SumSpec or OperandSpec { Mode: not OperandMode.PerTensor })
                    return true;
            return HasZeroPoints || Bias == OperandMode.PerElement;
        }
    }

    // Slots after those of the post-ops: bias factor, multiplier, lower bound, upper bound, zero point,
    // lower byte, zero point in words.

    /// <summary>Slot of the bias factor.</summary>
    public int BiasFactorSlot => PostOps.Count == 0 ? 0 : PostOps[^1].Constant + PostOps[^1].ConstantCount;

    /// <summary>Slot of the multiplier.</summary>
    public int MultiplierSlot => BiasFactorSlot + 1;

    /// <summary>Slot of the lower bound.</summary>
    public int LowerSlot => BiasFactorSlot + 2;

    /// <summary>Slot of the upper bound.</summary>
    public int UpperSlot => BiasFactorSlot + 3;

    /// <summary>Slot of the zero point.</summary>
    public int ZeroPointSlot => BiasFactorSlot + 4;

    /// <summary>Slot of the lower bound as a byte.</summary>
    public int LowerByteSlot => BiasFactorSlot + 5;

    /// <summary>Slot of the zero point as 16-bit words.</summary>
    public int ZeroPointWordSlot => BiasFactorSlot + 6;

    /// <summary>Number of slots.</summary>
    public int SlotCount => BiasFactorSlot + 7;

    /// <summary>As part of a kernel's name, for example <c>s32u8-sc-bc-relu0-max-min</c>.</summary>
    public override string ToString()
    {
        List<string> parts = [Accumulator.ToShortName() + Destination.ToShortName()];
        if (StoresAccumulator)
            parts.Add("raw");
        if (Scale != OperandMode.None)
            parts.Add(Scale == OperandMode.PerChannel ? "sc" : "s");
        if (Bias != OperandMode.None)
            parts.Add((Bias == OperandMode.PerChannel ? "bc" : Bias == OperandMode.PerTensor ? "b" : "be")
                + (BiasType == DataType.Float32 ? "" : BiasType.ToShortName()) + (ScalesBias ? "m" : ""));
        foreach (PostOpSpec postOp in PostOps.Span)
            parts.Add(postOp.ToString());
        if (Multiplies)
            parts.Add("mul");
        if (ClampsBelow)
            parts.Add("max");
        if (ClampsAbove)
            parts.Add("min");
        if (HasLowerByte)
            parts.Add("low");
        if (HasZeroPoint)
            parts.Add(FitsWords ? "zp" : "zpw");
        if (HasZeroPoints)
            parts.Add(ZeroPoints == OperandMode.PerChannel ? "zpc" : "zpt");
        if (ZeroPointsOperand is { } operand)
            parts.Add($"op{operand}");
        return string.Join('-', parts);
    }
}
