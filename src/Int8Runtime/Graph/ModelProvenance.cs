// What a model file says about its origin.
namespace Int8Runtime.Graph;

/// <summary>The origin of a model, as stated in its file.</summary>
public sealed record ModelProvenance
{
    /// <summary>The file format, for example <c>ONNX</c>.</summary>
    public string Format { get; init; } = "";

    /// <summary>The version of the format's container, for example the ONNX IR version.</summary>
    public long FormatVersion { get; init; }

    /// <summary>The version of the standard operator set in the file.</summary>
    public long OperatorSet { get; init; }

    /// <summary>The tool that wrote the file.</summary>
    public string ProducerName { get; init; } = "";

    /// <summary>The version of that tool.</summary>
    public string ProducerVersion { get; init; } = "";

    /// <summary>The free description of the model.</summary>
    public string Description { get; init; } = "";

    /// <summary>Named properties, such as class labels or licence.</summary>
    public IReadOnlyDictionary<string, string> Properties { get; init; } = new Dictionary<string, string>();
}
