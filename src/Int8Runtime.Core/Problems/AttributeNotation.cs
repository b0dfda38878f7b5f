// Scales, zero points and post-ops as options of a problem line.
using System.Globalization;

namespace Int8Runtime;

/// <summary>Writes the attributes of a primitive.</summary>
internal static class AttributeNotation
{
    /// <summary>Adds the options of all attributes that are set.</summary>
    public static void Write(ProblemWriter writer, PrimitiveAttributes attributes)
    {
        var atExecution = new List<string>();
        Scale("src", attributes.SourceScale);
        Scale("src1", attributes.Source1Scale);
        Scale("wei", attributes.WeightsScale);
        Scale("dst", attributes.DestinationScale, writer.Depthwise is null ? "dst" : "attr_post_op_dw_dst");
        Scale("dw_src", writer.Depthwise?.SourceScale, "dst");
        Scale("dw_wei", writer.Depthwise?.WeightsScale, "attr_post_op_dw_wei");
        Zero("src", attributes.SourceZeroPoint);
        Zero("src1", attributes.Source1ZeroPoint);
        Zero("wei", attributes.WeightsZeroPoint);
        Zero("dst", attributes.DestinationZeroPoint);
        if (atExecution.Count > 0)
            writer.Option("runtime-quantization", string.Join('+', atExecution));
        if (attributes.PostOps.Count > 0)
            writer.Option("attr-post-ops", Text(writer, attributes.PostOps));
        if (attributes.FloatMath == FloatMath.BFloat16)
            writer.Option("attr-fpmath", "bf16");
        if (attributes.NumericMode != NumericMode.Exact)
            writer.Option("attr-numeric-mode", ProblemNames.NumericMode[attributes.NumericMode]);
        if (attributes.Scratchpad == ScratchpadMode.User)
            writer.Option("attr-scratchpad", "user");

        void Scale(string role, QuantizationScale? scale, string? argument = null)
        {
            if (scale is null)
                return;
            writer.Scales.Add(Policy(writer, argument ?? role, scale.Granularity, scale.GroupSize, scale.Values.Length, "f32",
                scale.IsRuntime ? "1" : ProblemWriter.Number(scale.Values[0])));
            if (scale.IsRuntime)
                atExecution.Add(role + "-scale");
            else if (scale.Granularity != QuantizationGranularity.PerTensor && !ProblemValues.Are(scale.Values))
                writer.Differ($"{role} scales");
        }

        void Zero(string argument, ZeroPoint? zeroPoint)
        {
            if (zeroPoint is null)
                return;
            writer.ZeroPoints.Add(Policy(writer, argument, zeroPoint.Granularity, zeroPoint.GroupSize, zeroPoint.Values.Length, "s32",
                zeroPoint.IsRuntime ? "0" : zeroPoint.Values[0].ToString(CultureInfo.InvariantCulture)));
            if (zeroPoint.IsRuntime)
                atExecution.Add(argument + "-zero-point");
            else if (zeroPoint.Granularity != QuantizationGranularity.PerTensor && !ProblemValues.Are(zeroPoint.Values))
                writer.Differ($"{argument} zero points");
        }
    }

    /// <summary>A chain of post-ops, for example <c>sum:0.5+relu</c>.</summary>
    public static string Text(ProblemWriter writer, PostOpChain postOps) =>
        string.Join('+', postOps.Select(postOp => Text(writer, postOp)));

    private static string Policy(
        ProblemWriter writer, string argument, QuantizationGranularity granularity, int groupSize, int count, string type, string value) =>
            granularity switch
        {
            QuantizationGranularity.PerTensor => $"{argument}:common:{value}",
            QuantizationGranularity.PerChannel =>
                argument + (argument.EndsWith("wei", StringComparison.Ordinal) ? ":per_oc" : ":" + writer.ChannelPolicy),
            _ => $"{argument}:{writer.GroupPolicy(argument, groupSize, count)}:{type}:" + (argument == "src" ? $"1x{groupSize}" : $"{groupSize}x1"),
        };

    private static string Text(ProblemWriter writer, PostOp postOp)
    {
        switch (postOp)
        {
            case SumPostOp sum:
                return sum.DataType == DataType.Undefined
                    ? Trim("sum", 1, sum.Scale, sum.ZeroPoint)
                    : $"sum:{ProblemWriter.Number(sum.Scale)}:{sum.ZeroPoint}:{writer.Type(sum.DataType)}";
            case EltwisePostOp eltwise:
                return Trim(ProblemNames.Eltwise[eltwise.Algorithm], 0, eltwise.Alpha, eltwise.Beta);
            case BinaryPostOp binary:
                return $"{ProblemNames.Binary[binary.Algorithm]}:{writer.Type(binary.Operand.DataType)}:{Operand(writer, binary.Operand)}";
            case PReluPostOp prelu:
                if (prelu.Operand.DataType != DataType.Float32)
                    writer.Refuse($"slopes of a post-op in {prelu.Operand.DataType.ToShortName()}");
                return $"prelu:{Operand(writer, prelu.Operand)}";
            case DepthwisePostOp depthwise:
                return Text(writer, depthwise);
            default:
                writer.Refuse($"the post-op {postOp}");
                return "unknown";
        }
    }

    // Its weights have the type of those before it, and it has a bias where the convolution has one.
    private static string Text(ProblemWriter writer, DepthwisePostOp postOp)
    {
        if (postOp.SourceZeroPoint is { IsZero: false })
            writer.Differ("zero point between the convolutions");
        if (LayoutNotation.TagOf(postOp.Weights) != "abx")
            writer.Differ("layout of the depthwise weights");
        string type = writer.DestinationType == DataType.Undefined ? "" : ":" + writer.Type(writer.DestinationType);
        return string.Create(CultureInfo.InvariantCulture, $"dw:k{postOp.Kernel}s{postOp.Stride}p{postOp.Padding}{type}");
    }

    // A mask of the dimensions that the operand has, and its layout.
    private static string Operand(ProblemWriter writer, MemoryDescriptor operand)
    {
        string? tag = LayoutNotation.TagOf(operand);
        if (tag is null)
            writer.Differ($"strides of the operand {operand.Dimensions} of a post-op");
        return string.Create(CultureInfo.InvariantCulture, $"{ProblemWriter.MaskOf(operand.Dimensions)}:{tag ?? "abx"}");
    }

    // Parameters at the end that have their default are left out.
    private static string Trim(string name, float defaultFirst, float first, float second) =>
        second != 0 || float.IsNegative(second) ? $"{name}:{ProblemWriter.Number(first)}:{ProblemWriter.Number(second)}"
        : first != defaultFirst || float.IsNegative(first) ? $"{name}:{ProblemWriter.Number(first)}"
        : name;
}
