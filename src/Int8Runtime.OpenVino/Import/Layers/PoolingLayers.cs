// Poolings.
using Int8Runtime.Graph;

namespace Int8Runtime.OpenVino.Import.Layers;

internal static class PoolingLayers
{
    public static void Average(LayerContext layer)
    {
        GraphAttributes attributes = Window(layer);
        attributes.Add("count_include_pad", !layer.Boolean("exclude-pad"));
        layer.Emit("AveragePool", [layer.Input(0)], attributes);
    }

    /// <summary>Version 8 delivers indices too; a model that uses them is refused where they are read.</summary>
    public static void Maximum(LayerContext layer)
    {
        GraphAttributes attributes = Window(layer);
        attributes.Add("dilations", layer.Integers("dilations", [.. Enumerable.Repeat(1L, layer.Rank(0) - 2)]));
        layer.Emit("MaxPool", [layer.Input(0)], attributes);
    }

    private static GraphAttributes Window(LayerContext layer)
    {
        int spatial = layer.Rank(0) - 2;
        var attributes = new GraphAttributes
        {
            { "kernel_shape", layer.Integers("kernel") }, { "strides", layer.Integers("strides", [.. Enumerable.Repeat(1L, spatial)]) },
            { "ceil_mode", layer.Text("rounding_type", "floor").ToLowerInvariant() switch
                {
                    "floor" => false,
                    "ceil" or "ceil_torch" => true,
                    var other => throw layer.Unsupported($"rounds extents in the way '{other}'"),
                } },
        };
        ConvolutionLayers.AddPadding(layer, attributes, spatial);
        return attributes;
    }
}
