// Weights and biases of products, as the kernels want them.
using System.Runtime.InteropServices;
using Int8Runtime.Graph.Lowering;

namespace Int8Runtime.Graph.Planning;

/// <summary>Weights: known ones as s8 with their quantization or as f32, computed ones as they are.</summary>
/// <param name="Content">The constant, its dimensions as in the model; null for weights that another operation computes.</param>
/// <param name="Quantization">What the integers stand for; null for real numbers.</param>
/// <param name="Shape">The dimensions in the model.</param>
/// <param name="Type">The element type.</param>
internal sealed record ProductWeights(TensorData? Content, Quantization? Quantization, Shape Shape, DataType Type)
{
    private ProductWeights(TensorData content, Quantization? quantization)
        : this(content, quantization, content.Shape, content.ElementType)
    {
    }

    /// <summary>Reads weights that are constant, or a constant that is dequantized.</summary>
    public static ProductWeights Of(Operand operand, WeightsStore store)
    {
        if (!operand.IsKnown())
            return new ProductWeights(null, operand.Quantization, operand.Shape, operand.Edge.Type);
        if (operand.Quantization is { } quantization)
        {
            // u8 with zero point z is s8 with zero point z − 128.
            TensorData integers = operand.Edge.Constant!;
            return quantization.Type == DataType.UInt8
                ? new ProductWeights(store.ToSigned(integers), quantization.Shifted(DataType.Int8, -128))
                : new ProductWeights(integers, quantization);
        }

        return operand.Dequantized() is { } dequantized
            ? new ProductWeights(store.ToReal(dequantized.Edge.Constant!, dequantized.Quantization!), null)
            : new ProductWeights(operand.Edge.Constant!, null);
    }

    /// <summary>
    /// Integer weights of a product with an f32 source, which stay integers in memory, of 4 bits if all of them fit; null where they are
    /// none, or where their scales do not belong to output channels or blocks of inputs.
    /// </summary>
    /// <param name="operand">The weights; blocks of inputs are those of a matrix.</param>
    /// <param name="inputMajor">Whether inputs come before outputs.</param>
    public static ProductWeights? OfIntegers(Operand operand, bool inputMajor)
    {
        if (operand.Dequantized() is not { Edge.Constant: { } content, Quantization: { } quantization }
            || !quantization.Type.IsInt8())
            return null;
        int inputs = inputMajor ? 0 : 1;
        bool fits = quantization.BlockSize > 0
            ? quantization.Axis == inputs && content.ElementCount == (long)content.Shape[0] * content.Shape[1]
            : quantization.IsPerTensor || quantization.Axis == 1 - inputs;
        return fits ? new ProductWeights(content, quantization, content.Shape, NarrowestType(content)) : null;
    }

    // Files state 4 bits in ways that differ; what counts is that no integer needs more.
    private static DataType NarrowestType(TensorData content)
    {
        DataType narrow = content.ElementType == DataType.UInt8 ? DataType.UInt4 : DataType.Int4;
        if (content.HoldsNibbles)
            return narrow;
        ReadOnlySpan<byte> bytes = content.Bytes.Span;
        (int min, int max) = narrow.IntegerRange();
        bool exceeds = narrow == DataType.UInt4
            ? bytes.ContainsAnyExceptInRange((byte)min, (byte)max)
            : MemoryMarshal.Cast<byte, sbyte>(bytes).ContainsAnyExceptInRange((sbyte)min, (sbyte)max);
        return exceeds ? content.ElementType : narrow;
    }

    /// <summary>The attributes with the scales and zero points of blocks, which primitives have as [blocks, outputs].</summary>
    public PrimitiveAttributes Attributes(PrimitiveAttributes attributes, bool inputMajor)
    {
        if (Quantization is not { BlockSize: > 0 } blocks)
            return attributes;
        int outputs = Shape[inputMajor ? 1 : 0], groups = blocks.Scales.Length / outputs;
        return attributes with
        {
            WeightsScale = QuantizationScale.Adopt(Arranged(blocks.Scales), blocks.BlockSize),
            WeightsZeroPoint = Array.TrueForAll(blocks.ZeroPoints, z => z == 0)
                ? null : ZeroPoint.Adopt(Arranged(blocks.ZeroPoints), blocks.BlockSize),
        };

        T[] Arranged<T>(T[] values)
        {
            if (inputMajor)
                return values;
            var arranged = new T[values.Length];
            for (int n = 0; n < outputs; n++)
                for (int g = 0; g < groups; g++)
                    arranged[(g * outputs) + n] = values[(n * groups) + g];
            return arranged;
        }
    }

    /// <summary>The bias in f32; null where there is none.</summary>
    public static Location? Bias(Operand? operand, int channels, PlanBuilder plan)
    {
        if (operand is null)
            return null;
        return operand.Shape.ElementCount == channels && operand.Shape.Rank == 1
            ? plan.Read(operand.Edge, channelsLast: false)
            : throw new ArgumentException($"the bias {operand.Edge} does not fit {channels} channels");
    }

    /// <summary>The weights in the layout that the primitive asks for; computed ones are packed in every run.</summary>
    /// <param name="operation">The product.</param>
    /// <param name="plan">The plan.</param>
    /// <param name="plain">How the primitive's dimensions lie in the model's weights.</param>
    /// <param name="primitive">The primitive; where the weights are known, it is created later.</param>
    public Location Packed(Operation operation, PlanBuilder plan, MemoryDescriptor plain, PlannedPrimitive primitive)
    {
        if (Content is { } content)
            return new Location(plain, null, new StoredTensor(() => plan.Weights.Get(content, plain, primitive.Value.Weights)));
        MemoryDescriptor target = primitive.Value.Weights;
        Location computed = plan.Read(operation[1].Edge, channelsLast: false);
        if (target.Equals(computed.Descriptor))
            return computed;
        operation.Notes.Add("packs its weights in every run: they are not constant");
        var packed = new Location(target, plan.NewBuffer(target.SizeInBytes));
        plan.Reorder(operation.Name + ":weights", computed, packed, PrimitiveAttributes.Default);
        return packed;
    }
}
