// Matches a data set with the inputs of a model, and fills them.
using System.Runtime.InteropServices;
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization;

/// <summary>
/// How samples become the inputs of a model: one image or array for a model with one input, an array for each input by name
/// otherwise.
/// </summary>
internal sealed class SampleFeed
{
    private readonly IDataset _samples;
    private readonly (string Input, string? Source)[] _inputs; // the name in the data set; null for its only array

    private SampleFeed(IDataset samples, (string Input, string? Source)[] inputs)
    {
        (_samples, _inputs) = (samples, inputs);
        Shapes = inputs.ToDictionary(i => i.Input, i => BatchOf(samples, i.Source), StringComparer.Ordinal);
    }

    /// <summary>Shapes of the inputs for one sample.</summary>
    public IReadOnlyDictionary<string, Shape> Shapes { get; }

    /// <summary>The feed of a model, after checking that the samples fit it.</summary>
    /// <exception cref="QuantizationException">The set lacks an input, or its samples have another shape or type.</exception>
    public static SampleFeed Of(ModelGraph graph, IDataset samples)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(samples);
        if (samples.InputNames.Count == 0 && graph.Inputs.Count != 1)
        {
            throw new QuantizationException(
                $"model '{graph.Name}' has {graph.Inputs.Count} inputs "
                    + $"({string.Join(", ", graph.Inputs.Select(i => i.Name))}), and '{samples.Name}' feeds one; "
                + "give a folder or an .npz file with an array NAME.npy for each input");
        }

        return new SampleFeed(samples, [.. graph.Inputs.Select(i => (i.Name, SourceOf(i, samples)))]);
    }

    /// <summary>Fills the inputs of a request with a sample.</summary>
    public void Load(int index, InferenceRequest request)
    {
        foreach ((string input, string? source) in _inputs)
        {
            TensorMemory memory = request.Input(input);
            if (source is not null)
                _samples.Load(index, source, memory);
            else if (memory.Descriptor.DataType == DataType.Float32)
                _samples.Load(index, memory.AsSpan<float>());
            else
                LoadRounded(index, memory);
        }
    }

    // Images are f32; inputs of f16 and bf16 take them rounded to nearest even.
    private void LoadRounded(int index, TensorMemory memory)
    {
        TensorData sample = TensorData.Allocate(DataType.Float32, memory.Descriptor.Dimensions, out Span<float> values);
        _samples.Load(index, values);
        sample.ConvertTo(memory.Descriptor.DataType).Bytes.Span.CopyTo(BytesOf(memory));
    }

    /// <summary>Gives a request the inputs of another one.</summary>
    public void Copy(InferenceRequest from, InferenceRequest to)
    {
        foreach ((string input, _) in _inputs)
            BytesOf(from.Input(input)).CopyTo(BytesOf(to.Input(input)));
    }

    /// <summary>The name of an input as a file name.</summary>
    public static string FileNameOf(string input) =>
        string.Concat(input.Select(c => c is '/' or '\\' or ':' or '*' or '?' or '"' or '<' or '>' or '|' || char.IsControl(c) ? '_' : c));

    /// <summary>The elements of a dense tensor as bytes.</summary>
    public static Span<byte> BytesOf(TensorMemory memory) => memory.Descriptor.DataType.SizeInBytes() switch
    {
        1 => MemoryMarshal.AsBytes(memory.AsSpan<byte>()),
        2 => MemoryMarshal.AsBytes(memory.AsSpan<ushort>()),
        4 => MemoryMarshal.AsBytes(memory.AsSpan<uint>()),
        _ => MemoryMarshal.AsBytes(memory.AsSpan<ulong>()),
    };

    private static string? SourceOf(GraphValue input, IDataset samples)
    {
        string? source = samples.InputNames.FirstOrDefault(n => n == input.Name)
            ?? samples.InputNames.FirstOrDefault(n => n == FileNameOf(input.Name));
        if (source is null && samples.InputNames.Count > 0)
        {
            throw new QuantizationException(
                $"'{samples.Name}' has no array for input '{input.Name}'; it has {string.Join(", ", samples.InputNames)}. Name "
                    + $"the array {FileNameOf(input.Name)}.npy");
        }

        if (source is null && !RealValues.IsReal(input.ElementType))
        {
            throw new QuantizationException(
                $"input '{input.Name}' is {input.ElementType}, and images are real numbers; give a folder of .npy files or an .npz file, "
                + "whose arrays may have any type");
        }

        Shape batch = BatchOf(samples, source);
        bool fits = input.Shape is not { } shape || (shape.Rank == batch.Rank
            && Enumerable.Range(1, batch.Rank - 1).All(d => shape[d].Extent is not { } extent || extent == batch[d]));
        return fits ? source : throw new QuantizationException(
            $"input '{input.Name}' has shape {input.Shape}, but the samples of '{samples.Name}' are {Shape.Create(batch.Span[1..])} each; "
            + (source is null ? "choose the preprocessing that gives the model's size (for example --resize and --crop)"
                : "save an array [samples, ...] of the model's size"));
    }

    private static Shape BatchOf(IDataset samples, string? source) =>
        [1, .. (source is null ? samples.SampleShape : samples.ShapeOf(source)).Span];
}
