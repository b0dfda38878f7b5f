// FakeQuantize of OpenVINO: quantization to a number of levels, simulated on real numbers.
namespace Int8Runtime.Graph;

/// <summary>
/// The parameters of a FakeQuantize node. With low and high as input range, L levels and t = round((x − low)/(high − low)·(L − 1)),
/// ties to even, the result is outputLow where x ≤ min(low, high), outputHigh where x > max(low, high), and
/// t·(outputHigh − outputLow)/(L − 1) + outputLow otherwise (OpenVINO operation set 1).
/// </summary>
/// <remarks>
/// The numbers below fix the order of the f32 operations, so that kernels and the portable evaluator agree to the bit:
/// <c>t = round((x − low)·InputFactor)</c>, <c>y = t·OutputStep + outputLow</c>, each operation rounded, then y is clamped to the
/// output range. OutputStep is the smallest f32 that reaches outputHigh, so that both borders are exact. NaN counts as below
/// the range.
/// </remarks>
public sealed class FakeQuantizeView
{
    // A zero point may deviate from an integer by what f32 borders can express, and by no step that anybody could see.
    private const double ZeroPointTolerance = 0.01;

    private FakeQuantizeView(int levels, Shape shape, float[] inputLow, float[] inputHigh, float[] outputLow, float[] outputHigh)
    {
        Levels = levels;
        RangeShape = shape;
        (InputLow, InputHigh, OutputLow, OutputHigh) = (inputLow, inputHigh, outputLow, outputHigh);
        InputFactor = new float[inputLow.Length];
        OutputStep = new float[inputLow.Length];
        for (int i = 0; i < inputLow.Length; i++)
        {
            InputFactor[i] = inputHigh[i] == inputLow[i] ? 0 : (float)((levels - 1) / ((double)inputHigh[i] - inputLow[i]));
            OutputStep[i] = StepThatReaches(outputLow[i], outputHigh[i], levels - 1);
        }
    }

    /// <summary>The number of levels, 2 or more.</summary>
    public int Levels { get; }

    /// <summary>The shape of the ranges; it is broadcast to that of the operand.</summary>
    public Shape RangeShape { get; }

    /// <summary>Lower ends of the input ranges.</summary>
    public float[] InputLow { get; }

    /// <summary>Upper ends of the input ranges.</summary>
    public float[] InputHigh { get; }

    /// <summary>Results at and below the lower ends.</summary>
    public float[] OutputLow { get; }

    /// <summary>Results above the upper ends.</summary>
    public float[] OutputHigh { get; }

    /// <summary>Levels for each unit of the input.</summary>
    public float[] InputFactor { get; }

    /// <summary>Distance of neighbouring results.</summary>
    public float[] OutputStep { get; }

    /// <summary>
    /// Whether every input range is ascending and hits its last level at the upper end, so that clamping to the range comes to the
    /// same as the comparisons of the definition.
    /// </summary>
    public bool IsClamp => Enumerable.Range(0, InputLow.Length).All(i =>
        InputLow[i] < InputHigh[i] ? MathF.Abs(((InputHigh[i] - InputLow[i]) * InputFactor[i]) - (Levels - 1)) < 0.25f
        : InputLow[i] == InputHigh[i] && OutputLow[i] == OutputHigh[i]);

    /// <summary>Whether one range serves the whole tensor.</summary>
    public bool IsPerTensor => InputLow.Length == 1;

    /// <summary>
    /// The dimension along which the ranges differ, counted from the end (−1 is the last one); 0 where there is one range, null where
    /// they differ along several dimensions.
    /// </summary>
    public int? ChannelAxis
    {
        get
        {
            int axis = 0;
            for (int d = 0; d < RangeShape.Rank; d++)
            {
                if (RangeShape[d] == 1)
                    continue;
                if (axis != 0)
                    return null;
                axis = d - RangeShape.Rank;
            }

            return axis;
        }
    }

    /// <summary>Reads a FakeQuantize node whose ranges are known.</summary>
    /// <exception cref="UnsupportedModelException">A range is computed at run time.</exception>
    /// <exception cref="ModelFormatException">The operands do not fit.</exception>
    public static FakeQuantizeView Of(NodeOperands operands)
    {
        FakeQuantizeView view = OfRanges(operands);
        return view.RangeShape.Rank <= operands[0].Rank
            && Broadcasting.Combine(operands, view.RangeShape, operands[0].Shape) == operands[0].Shape
            ? view
            : throw operands.Defect($"ranges of shape {view.RangeShape} do not fit the operand {operands[0].Shape}");
    }

    /// <summary>Reads a FakeQuantize node whose operand has no shape yet; null where a range is not constant.</summary>
    /// <inheritdoc cref="Of(NodeOperands)" path="/exception"/>
    public static FakeQuantizeView? OfRanges(GraphNode node) => Enumerable.Range(1, 4).All(i => node.ConstantInput(i) is not null)
        ? OfRanges(NodeOperands.Of(node, [null, .. Enumerable.Range(1, 4).Select(node.ConstantInput)]))
        : null;

    private static FakeQuantizeView OfRanges(NodeOperands operands)
    {
        Shape shape = [];
        for (int i = 1; i <= 4; i++)
            shape = Broadcasting.Combine(operands, shape, operands[i].Shape);
        long levels = operands.Attributes.GetInteger("levels");
        if (levels is < 2 or > 1 << 20)
            throw operands.Defect($"the number of levels is {levels}");
        float[] Range(int index, string role) => Evaluation.Elementwise.Broadcast(
            operands.KnownValue(index, role).ConvertTo(DataType.Float32), shape).ToSingleArray();
        return new FakeQuantizeView(
            (int)levels, shape, Range(1, "input range"), Range(2, "input range"), Range(3, "output range"), Range(4, "output range"));
    }

    /// <summary>The result for an element whose range is the one at <paramref name="index"/>.</summary>
    public float Evaluate(float x, int index)
    {
        int level = LevelOf(x, index);
        if (level == 0)
            return OutputLow[index];
        if (level == Levels - 1)
            return OutputHigh[index];
        float value = (level * OutputStep[index]) + OutputLow[index];
        return EltwiseMath.Clamp(value, Math.Min(OutputLow[index], OutputHigh[index]), Math.Max(OutputLow[index], OutputHigh[index]));
    }

    /// <summary>The level of an element, from 0 to <see cref="Levels"/> − 1.</summary>
    public int LevelOf(float x, int index)
    {
        float low = InputLow[index], high = InputHigh[index];
        if (!(x > Math.Min(low, high)))
            return 0;
        return x > Math.Max(low, high)
            ? Levels - 1
            : (int)Math.Clamp(MathF.Round((x - low) * InputFactor[index], MidpointRounding.ToEven), 0, Levels - 1);
    }

    /// <summary>Scales and zero points of 8-bit integers that say the same, or the reason why there are none.</summary>
    /// <param name="scales">One scale for each range.</param>
    /// <param name="zeroPoints">One zero point for each range.</param>
    /// <param name="type">u8, or s8 where every zero point can be 0.</param>
    public string? FindIntegers(out float[] scales, out int[] zeroPoints, out DataType type)
    {
        (scales, zeroPoints, type) = ([], [], DataType.UInt8);
        if (Levels > 256)
            return $"it has {Levels} levels and 8 bits hold 256";
        if (!InputLow.AsSpan().SequenceEqual(OutputLow) || !InputHigh.AsSpan().SequenceEqual(OutputHigh))
            return "its output range is not its input range";
        var steps = new float[InputLow.Length];
        var zeros = new int[InputLow.Length];
        for (int i = 0; i < steps.Length; i++)
        {
            double low = InputLow[i], high = InputHigh[i];
            steps[i] = (float)((high - low) / (Levels - 1));
            if (!(steps[i] > 0) || !float.IsFinite(steps[i]))
                return FormattableString.Invariant($"the range from {low:g6} to {high:g6} is empty");
            if (!TryRoundZero(-low / (high - low) * (Levels - 1), out zeros[i]))
                return FormattableString.Invariant($"0 lies between two levels of the range from {low:g6} to {high:g6}");
            if (zeros[i] < 0 || zeros[i] > Levels - 1)
                return FormattableString.Invariant($"0 lies outside of the range from {low:g6} to {high:g6}");
        }

        bool isSigned = Array.TrueForAll(zeros, z => z > 0 && z <= 128 && Levels - 1 - z <= 127);
        (scales, zeroPoints) = (steps, isSigned ? new int[zeros.Length] : zeros);
        type = isSigned ? DataType.Int8 : DataType.UInt8;
        return null;
    }

    /// <summary>A constant operand as s8 integers with scales and zero points, or the reason why there are none.</summary>
    /// <param name="constant">The operand.</param>
    /// <param name="integers">Its integers.</param>
    /// <param name="scales">One scale for each range.</param>
    /// <param name="zeroPoints">One zero point for each range.</param>
    public string? FindConstant(TensorData constant, out TensorData integers, out float[] scales, out int[] zeroPoints)
    {
        (integers, scales, zeroPoints) = (constant, [], []);
        if (Levels > 256)
            return $"it has {Levels} levels and 8 bits hold 256";
        var steps = new float[OutputLow.Length];
        var zeros = new int[OutputLow.Length];
        for (int i = 0; i < steps.Length; i++)
        {
            // A filter of zeros, or of one number: any level stands for it.
            bool isFlat = OutputLow[i] == OutputHigh[i];
            steps[i] = isFlat ? OutputLow[i] == 0 ? 1 : Math.Abs(OutputLow[i]) : OutputStep[i];
            if (!(steps[i] > 0) || !float.IsFinite(steps[i]))
                return FormattableString.Invariant($"the output range from {OutputLow[i]:g6} to {OutputHigh[i]:g6} is descending");
            if (!isFlat && !TryRoundZero(-OutputLow[i] / ((double)OutputHigh[i] - OutputLow[i]) * (Levels - 1), out zeros[i]))
                return FormattableString.Invariant(
                    $"0 lies between two levels of the output range from {OutputLow[i]:g6} to {OutputHigh[i]:g6}");
        }

        // Without zero point where the integers allow it, otherwise shifted by half of their range.
        bool isFree = Array.TrueForAll(zeros, z => z <= 128 && Levels - 1 - z <= 127);
        if (!isFree && Array.Exists(zeros, z => z is < 0 or > 255))
            return "0 lies too far outside of an output range";
        float[] values = constant.ToSingleArray();
        TensorData numbers = TensorData.Create<int>([.. Enumerable.Range(0, steps.Length)], RangeShape);
        ReadOnlySpan<int> ranges = Evaluation.Elementwise.Broadcast(numbers, constant.Shape).AsSpan<int>();
        integers = TensorData.Allocate(DataType.Int8, constant.Shape, out Span<sbyte> target);
        for (int i = 0; i < target.Length; i++)
        {
            int range = ranges[i];
            target[i] = OutputLow[range] == OutputHigh[range]
                ? (sbyte)(Math.Sign(OutputLow[range]) + (isFree ? 0 : -128))
                : (sbyte)(LevelOf(values[i], range) - (isFree ? zeros[range] : 128));
        }

        (scales, zeroPoints) = (steps, Array.ConvertAll(zeros, z => isFree ? 0 : z - 128));
        return null;
    }

    private static bool TryRoundZero(double zero, out int rounded)
    {
        rounded = (int)Math.Clamp(Math.Round(zero), int.MinValue, int.MaxValue);
        return Math.Abs(zero - rounded) <= ZeroPointTolerance;
    }

    // The smallest step s with fl(fl(count·s) + low) at or beyond high, away from low.
    private static float StepThatReaches(float low, float high, int count)
    {
        if (low == high)
            return 0;
        float step = (float)(((double)high - low) / count);
        bool Reaches(float s) => high > low ? (count * s) + low >= high : (count * s) + low <= high;
        while (!Reaches(step) && float.IsFinite(step))
            step = high > low ? MathF.BitIncrement(step) : MathF.BitDecrement(step);
        return step;
    }
}
