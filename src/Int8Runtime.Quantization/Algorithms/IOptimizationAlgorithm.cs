// What a step of post-training optimization is; users add steps of their own by implementing it.
namespace Int8Runtime.Quantization;

/// <summary>
/// One step that changes a model without training. Steps run one after the other on the same
/// <see cref="OptimizationContext"/>; see <see cref="OptimizationPipeline"/>.
/// </summary>
public interface IOptimizationAlgorithm
{
    /// <summary>The name in reports.</summary>
    string Name { get; }

    /// <summary>Changes the model of the context.</summary>
    /// <exception cref="QuantizationException">The step cannot be done; the message says why.</exception>
    void Run(OptimizationContext context);
}
