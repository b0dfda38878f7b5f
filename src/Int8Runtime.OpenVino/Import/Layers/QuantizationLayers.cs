// FakeQuantize, Convert, and the Subtract and Multiply that follow compressed constants.
using Int8Runtime.Graph;

namespace Int8Runtime.OpenVino.Import.Layers;

internal static class QuantizationLayers
{
    /// <summary>Integers that become real numbers stay integers until it is known what follows.</summary>
    public static void Convert(LayerContext layer)
    {
        DataType target = IrElementTypes.Parse(layer.Text("destination_type"), layer.Layer.ToString());
        bool isReal = target is DataType.Float32 or DataType.Float16 or DataType.BFloat16;
        if (isReal && layer.Integers8(0) is { } integers)
            layer.Pass(CompressedConstant.Plain(integers));
        else if (isReal && (layer.Compressed(0) is not null || layer.ElementType(0) == DataType.Float32))
            layer.PassInput(0);
        else
            layer.Emit("Cast", [layer.Input(0)], new GraphAttributes { { "to", layer.TypeCode("destination_type") } });
    }

    public static void Subtract(LayerContext layer)
    {
        ElementwiseLayers.CheckBroadcast(layer);
        if (layer.Compressed(0) is { } compressed && layer.Constant(1) is { } zeroPoints && compressed.Minus(zeroPoints) is { } shifted)
            layer.Pass(shifted);
        else
            layer.Emit("Sub", [layer.Input(0), layer.Input(1)]);
    }

    public static void Multiply(LayerContext layer)
    {
        ElementwiseLayers.CheckBroadcast(layer);
        if (layer.Compressed(0) is { } compressed && layer.Constant(1) is { } scales && compressed.Times(scales) is { } scaled)
            layer.Pass(scaled);
        else
            layer.Emit("Mul", [layer.Input(0), layer.Input(1)]);
    }

    /// <summary>On constants it is carried out and leaves 8-bit integers; elsewhere it stays for the compiler.</summary>
    public static void FakeQuantize(LayerContext layer)
    {
        ElementwiseLayers.CheckBroadcast(layer);
        var attributes = new GraphAttributes { { "levels", layer.Integer("levels") } };
        layer.Emit("FakeQuantize", [.. Enumerable.Range(0, 5).Select(layer.Input)], attributes, OperatorDomains.OpenVino);
        GraphNode node = layer.Results[0]!.Value(layer.Graph).Producer!;
        if (layer.Constant(0) is { } constant && FakeQuantizeView.OfRanges(node) is { } view && Integers(constant, view) is { } compressed)
            layer.Pass(compressed);
    }

    private static CompressedConstant? Integers(TensorData constant, FakeQuantizeView view)
    {
        if (view.FindConstant(constant, out TensorData integers, out float[] scales, out int[] zeroPoints) is not null)
            return null;
        TensorData numbers = TensorData.Create<int>([.. Enumerable.Range(0, scales.Length)], view.RangeShape);
        return CompressedConstant.Arrange(numbers, constant.Shape) is { } arranged
            ? new CompressedConstant(integers, scales, zeroPoints, arranged.Inner)
            : null;
    }
}
