// Normalizations and softmax.
using Int8Runtime.Graph;

namespace Int8Runtime.OpenVino.Import.Layers;

internal static class NormalizationLayers
{
    public static void Softmax(LayerContext layer, string opType) =>
        layer.Emit(opType, [layer.Input(0)], new GraphAttributes { { "axis", layer.Integer("axis", 1) } });

    /// <summary>Version 1 takes scale and shift before the data.</summary>
    public static void Batch(LayerContext layer)
    {
        int[] order = layer.Layer.OperatorSet < 5 ? [2, 0, 1, 3, 4] : [0, 1, 2, 3, 4];
        layer.Emit("BatchNormalization", [.. order.Select(layer.Input)], new GraphAttributes
        {
            { "epsilon", layer.Has("epsilon") ? layer.Real("epsilon") : layer.Real("eps") },
        });
    }

    public static void Group(LayerContext layer) =>
        layer.Emit("GroupNormalization", [layer.Input(0), layer.Input(1), layer.Input(2)], new GraphAttributes
    {
        { "num_groups", layer.Integer("num_groups") }, { "epsilon", layer.Real("epsilon") },
    });

    public static void Lrn(LayerContext layer)
    {
        long[] axes = layer.KnownConstant(1, "axes").ToInt64Array();
        if (axes is not [1])
            throw layer.Unsupported($"normalizes over the axes {string.Join(", ", axes)} instead of the channels");
        layer.Emit("LRN", [layer.Input(0)], new GraphAttributes
        {
            { "alpha", layer.Real("alpha") }, { "beta", layer.Real("beta") }, { "bias", layer.Real("bias") },
            { "size", layer.Integer("size") },
        });
    }

    /// <summary>
    /// Over the last dimensions this is a layer normalization without factors. Elsewhere, and with ε outside of the root, mean and
    /// variance are written out.
    /// </summary>
    public static void Mvn(LayerContext layer)
    {
        int rank = layer.Rank(0);
        long[] axes = layer.Layer.OperatorSet < 6
            ? [.. Enumerable.Range(0, rank).Where(d => d > 1 || (d == 1 && layer.Boolean("across_channels", false))).Select(d => (long)d)]
            : [.. layer.KnownConstant(1, "axes").ToInt64Array().Select(a => a < 0 ? a + rank : a).Order()];
        double epsilon = layer.Real("eps");
        bool isInside = layer.Text("eps_mode", layer.Layer.OperatorSet < 6 ? "inside_sqrt" : null).ToLowerInvariant() == "inside_sqrt";
        bool scales = layer.Boolean("normalize_variance");
        if (axes.Length == 0)
            throw layer.Defect("it has no axes");
        bool isTail = axes[0] == rank - axes.Length && axes[^1] == rank - 1;
        IReadOnlyList<long> extents = layer.Dimensions(0);
        if (isTail && scales && isInside && axes.All(a => extents[(int)a] > 0))
        {
            Shape tail = [.. axes.Select(a => (int)extents[(int)a])];
            TensorData ones = TensorData.Create<float>([.. Enumerable.Repeat(1f, TensorData.CountElements(tail))], tail);
            layer.Emit("LayerNormalization", [layer.Input(0), layer.AddConstant("ones", ones)], new GraphAttributes
            {
                { "axis", axes[0] }, { "epsilon", epsilon },
            });
            return;
        }

        GraphValue list = layer.AddIntegers("axes", axes);
        GraphValue mean = layer.Step("ReduceMean", [layer.Input(0), list]);
        if (!scales)
        {
            layer.Emit("Sub", [layer.Input(0), mean]);
            return;
        }

        GraphValue centred = layer.Step("Sub", [layer.Input(0), mean]);
        GraphValue variance = layer.Step("ReduceMean", [layer.Step("Mul", [centred, centred]), list]),
            small = layer.AddScalar("epsilon", (float)epsilon);
        GraphValue deviation = isInside
            ? layer.Step("Sqrt", [layer.Step("Add", [variance, small])])
            : layer.Step("Add", [layer.Step("Sqrt", [variance]), small]);
        layer.Emit("Div", [centred, deviation]);
    }

    // x / √(Σx² + ε), or with the larger of the two.
    public static void L2(LayerContext layer)
    {
        GraphValue axes = layer.IntegerList(1);
        if (axes.Constant is { ElementCount: 0 })
        {
            // Without axes each element is normalized by itself.
            GraphValue square = layer.Step("Mul", [layer.Input(0), layer.Input(0)]);
            layer.Emit("Div", [layer.Input(0), layer.Step("Sqrt", [WithEpsilon(layer, square)])]);
            return;
        }

        GraphValue sum = layer.Step("ReduceSum", [layer.Step("Mul", [layer.Input(0), layer.Input(0)]), axes]);
        layer.Emit("Div", [layer.Input(0), layer.Step("Sqrt", [WithEpsilon(layer, sum)])]);
    }

    private static GraphValue WithEpsilon(LayerContext layer, GraphValue squares)
    {
        GraphValue epsilon = layer.AddScalar("epsilon", (float)layer.Real("eps"));
        return layer.Text("eps_mode").ToLowerInvariant() switch
        {
            "add" => layer.Step("Add", [squares, epsilon]),
            "max" => layer.Step("Max", [squares, epsilon]),
            var other => throw layer.Unsupported($"has the eps_mode '{other}'"),
        };
    }
}
