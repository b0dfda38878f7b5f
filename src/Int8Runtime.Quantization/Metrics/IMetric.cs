// What measures how good a model's outputs are; a user's own metric needs nothing else.
namespace Int8Runtime.Quantization;

/// <summary>One figure of a metric.</summary>
/// <param name="Name">What it is called, for example <c>top1</c>.</param>
/// <param name="Value">The figure; shares are from 0 to 1. Larger is better. NaN before the first sample.</param>
public readonly record struct MetricValue(string Name, double Value);

/// <summary>
/// Compares the outputs of a model with what is known about each sample. Not thread-safe: the evaluator gives each worker an
/// empty one and merges them, so the result must not depend on the order of the samples.
/// </summary>
public interface IMetric
{
    /// <summary>What the metric is called, for example <c>top-k</c>.</summary>
    string Name { get; }

    /// <summary>A metric of the same kind and options that has seen no sample.</summary>
    IMetric CreateEmpty();

    /// <summary>Takes in one sample.</summary>
    /// <param name="outputs">What the model gives for it, batch size 1.</param>
    /// <param name="samples">The data set, which knows the sample's class and annotation.</param>
    /// <param name="index">The sample.</param>
    /// <exception cref="QuantizationException">Class or annotation are missing, or do not fit the outputs.</exception>
    void Add(ModelOutputs outputs, IDataset samples, int index);

    /// <summary>Takes in what another metric made by <see cref="CreateEmpty"/> has seen.</summary>
    void Merge(IMetric other);

    /// <summary>The figures; the first one is the principal one, by which models are compared.</summary>
    IReadOnlyList<MetricValue> Values { get; }
}

/// <summary>The outputs of one run.</summary>
public sealed class ModelOutputs
{
    private readonly Func<string, TensorMemory> _find;

    /// <summary>Wraps outputs.</summary>
    /// <param name="names">The names of the outputs, in the model's order.</param>
    /// <param name="find">Gives the row-major memory of an output.</param>
    public ModelOutputs(IReadOnlyList<string> names, Func<string, TensorMemory> find)
    {
        Names = names;
        _find = find;
    }

    /// <summary>The names of the outputs, in the model's order.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>The values of an output in row-major order; those of f16 and bf16 as f32.</summary>
    /// <param name="name">The output; null for the first.</param>
    /// <exception cref="QuantizationException">There is no such output, or it holds no real numbers.</exception>
    public ReadOnlySpan<float> Values(string? name = null)
    {
        TensorMemory memory = Find(name);
        return RealValues.IsReal(memory.Descriptor.DataType)
            ? RealValues.Of(memory)
            : throw new QuantizationException(
                $"output '{name ?? Names[0]}' is {memory.Descriptor.DataType}; metrics read real numbers, choose another output");
    }

    /// <summary>The extents of an output, batch dimension included.</summary>
    /// <param name="name">The output; null for the first.</param>
    /// <exception cref="QuantizationException">There is no such output.</exception>
    public Shape ShapeOf(string? name = null) => Find(name).Descriptor.Dimensions;

    private TensorMemory Find(string? name) => name is null || Names.Contains(name)
        ? _find(name ?? Names[0])
        : throw new QuantizationException($"the model has no output '{name}'; it has {string.Join(", ", Names)}");
}
