// Wide & Deep (Cheng et al., 2016) in the size used for click-through benchmarks: 13 numbers and 26 categories per sample.
using Int8Runtime.Graph;

namespace Int8Runtime.Cli.Zoo;

internal static class WideAndDeep
{
    private const int Numbers = 13, Categories = 26, Rows = 26_000, Width = 32;

    /// <summary>
    /// Embeddings of 32 numbers for each category and three hidden layers beside a linear model. Categories are indices into one
    /// table, each category in a range of its own.
    /// </summary>
    public static void Build(Network net)
    {
        GraphValue numbers = net.Graph.AddInput("numbers", DataType.Float32, new GraphShape(net.Batch, Numbers));
        GraphValue categories = net.Graph.AddInput("categories", DataType.Int64, new GraphShape(net.Batch, Categories));
        GraphValue rows = net.Add("Gather", new GraphAttributes { { "axis", 0L } }, net.Weights([Rows, Width], 0.25), categories);
        GraphValue flat = net.Add("Reshape", [], rows, net.Constant("shape", TensorData.Vector(net.Batch, (long)Categories * Width)));
        var x = new FeatureMap(net.Join(1, numbers, flat), Numbers + (Categories * Width), 1, 1, IsFlat: true);
        foreach (int hidden in new[] { 1024, 512, 256 })
            x = net.Relu(net.Dense(x, hidden));
        GraphValue deep = net.Dense(x, 1, Network.Linear).Value;
        GraphValue single = net.Add("Gather", new GraphAttributes { { "axis", 0L } }, net.Weights([Rows, 1], 0.01), categories);
        GraphValue wide = net.Add(
            "ReduceSum", new GraphAttributes { { "keepdims", 0L } }, single, net.Constant("axes", TensorData.Vector(1L)));
        net.Output("probability", net.Sigmoid(net.Add("Add", [], deep, wide)));
    }
}
