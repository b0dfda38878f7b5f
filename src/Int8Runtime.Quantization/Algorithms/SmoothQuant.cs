// Moves outliers from the inputs of matrix products into their weights.
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization;

/// <summary>
/// In transformer blocks single channels of a normalized activation are much larger than the others. Channel j is divided by
/// <c>s_j = max|X_j|^α / max|W_j|^(1−α)</c> in the normalization before, and multiplied in the weights of all products that read it.
/// Xiao et al., "SmoothQuant: accurate and efficient post-training quantization for large language models" (arXiv:2211.10438). It applies
/// where the activation comes from a LayerNormalization, or from a constant scale and shift, and only matrix products with
/// constant weights read it; the f32 result is unchanged.
/// </summary>
public sealed class SmoothQuant : IOptimizationAlgorithm
{
    private readonly double _strength;

    /// <summary>Creates the step.</summary>
    /// <param name="strength">α: 0 leaves activations as they are, 1 moves their whole difference into the weights.</param>
    public SmoothQuant(double strength = 0.5)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(strength, 0);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(strength, 1);
        _strength = strength;
    }

    /// <inheritdoc/>
    public string Name => "SmoothQuant";

    /// <inheritdoc/>
    public void Run(OptimizationContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        List<SmoothedValue> found = [.. context.Graph.Values.Select(SmoothedValue.Find).OfType<SmoothedValue>()];
        if (found.Count == 0)
        {
            context.Note("SmoothQuant found no normalization that only matrix products read");
            return;
        }

        IReadOnlyDictionary<GraphValue, float[]> magnitudes = ActivationStatistics.MeasureMagnitudes(
            context.Engine, context.Graph, found.ToDictionary(f => f.Value, _ => false), context.Samples, context.NextPass(3),
            context.Cancellation);
        foreach (SmoothedValue value in found)
            value.Apply(context.Graph, Factors(magnitudes[value.Value], value.WeightMagnitudes()));
        context.Graph.RemoveDeadNodes();
        context.FloatState += FormattableString.Invariant($"smooth:{_strength};");
        context.Note($"smoothed the inputs of {found.Sum(f => f.Products.Count)} matrix products");
    }

    private float[] Factors(float[] activations, float[] weights)
    {
        var factors = new float[activations.Length];
        for (int c = 0; c < factors.Length; c++)
        {
            double factor = Math.Pow(activations[c], _strength) / Math.Pow(weights[c], 1 - _strength);
            factors[c] = double.IsFinite(factor) && factor > 0 ? (float)Math.Clamp(factor, 1e-5, 1e5) : 1;
        }

        return factors;
    }

    /// <summary>An activation whose channels (the last dimension) a constant scale and shift decide and only products read.</summary>
    private sealed record SmoothedValue(GraphValue Value, IReadOnlyList<(GraphNode Node, int Input)> Scales,
        IReadOnlyList<GraphNode> Products)
    {
        public static SmoothedValue? Find(GraphValue value)
        {
            if (value.IsGraphOutput || value.Uses.Count == 0 || value.Producer is not { } producer)
                return null;
            GraphNode[] products = [.. value.Uses.Select(u => u.Node)];
            if (!Array.TrueForAll(products, p => (p.Is("MatMul") || p.Is("Gemm")) && OperatorPolicy.IsWeighted(p)
                && p.Input(0) == value && p.Input(1) != value))
                return null;
            int channels = InputsOf(products[0]);
            List<(GraphNode, int)> scales = ScalesOf(producer, channels);
            return scales.Count > 0 ? new SmoothedValue(value, scales, products) : null;
        }

        public float[] WeightMagnitudes()
        {
            var magnitudes = new float[InputsOf(Products[0])];
            foreach (GraphNode product in Products)
            {
                TensorData weights = product.ConstantInput(1)!;
                ReadOnlySpan<float> values = weights.AsSpan<float>();
                for (int i = 0; i < values.Length; i++)
                {
                    int channel = InputChannel(product, weights, i);
                    magnitudes[channel] = Math.Max(magnitudes[channel], Math.Abs(values[i]));
                }
            }

            return magnitudes;
        }

        public void Apply(ModelGraph graph, float[] factors)
        {
            foreach ((GraphNode node, int input) in Scales)
                Transform(graph, node, input,
                    (value, index, content) => value / factors[content.ElementCount == 1 ? 0 : index % factors.Length],
                    factors.Length);
            foreach (GraphNode product in Products)
                Transform(graph, product, 1, (value, index, content) => value * factors[InputChannel(product, content, index)], 0);
        }

        // A scalar scale or shift becomes one for each channel.
        private static void Transform(ModelGraph graph, GraphNode node, int input, Func<float, int, TensorData, float> f, int channels)
        {
            TensorData content = node.ConstantInput(input)!;
            Shape shape = content.ElementCount == 1 && channels > 0 ? [channels] : content.Shape;
            TensorData wide = TensorData.Allocate(DataType.Float32, shape, out Span<float> copy);
            ReadOnlySpan<float> values = content.AsSpan<float>();
            for (int i = 0; i < copy.Length; i++)
                copy[i] = f(values[values.Length == 1 ? 0 : i], i, wide);
            node.SetInput(input, graph.AddConstant(node.Input(input).Name + "_smooth", wide));
        }

        private static List<(GraphNode, int)> ScalesOf(GraphNode producer, int channels)
        {
            if (producer.Is("LayerNormalization"))
            {
                bool shiftFits = producer.OptionalInput(2) is null || IsVector(producer, 2, channels);
                if (!IsVector(producer, 1, channels) || !shiftFits)
                    return [];
                return producer.OptionalInput(2) is null ? [(producer, 1)] : [(producer, 1), (producer, 2)];
            }

            // scale·x + shift, or scale·x
            if (producer.Is("Mul"))
                return ConstantOperand(producer, channels) is >= 0 and int scale ? [(producer, scale)] : [];
            if (producer.Is("Add") && ConstantOperand(producer, channels) is >= 0 and int shift
                && producer.Input(1 - shift).Producer is { } inner && inner.Is("Mul") && inner.Output.SoleConsumer == producer
                && ConstantOperand(inner, channels) is >= 0 and int innerScale)
                return [(inner, innerScale), (producer, shift)];
            return [];
        }

        private static int ConstantOperand(GraphNode node, int channels) =>
            IsVector(node, 0, channels) ? 0 : IsVector(node, 1, channels) ? 1 : -1;

        private static bool IsVector(GraphNode node, int input, int channels) =>
            node.ConstantInput(input) is { ElementType: DataType.Float32 } constant
            && (constant.ElementCount == 1 || (constant.ElementCount == channels && constant.Shape[constant.Rank - 1] == channels));

        private static int InputsOf(GraphNode product)
        {
            Shape shape = product.ConstantInput(1)!.Shape;
            return shape[product.Is("Gemm") && product.Attributes.GetBoolean("transB") ? 1 : 0];
        }

        private static int InputChannel(GraphNode product, TensorData weights, int index) =>
            product.Is("Gemm") && product.Attributes.GetBoolean("transB") ? index % weights.Shape[1] : index / weights.Shape[1];
    }
}
