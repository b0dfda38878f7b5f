// Reads the tensors that commands feed to a model.
using Int8Runtime.Graph;
using Int8Runtime.Onnx;
using Int8Runtime.Quantization;

namespace Int8Runtime.Cli;

/// <summary>Reads an input tensor: .npy, ONNX TensorProto (.pb), or an image with preprocessing.</summary>
internal static class InputFile
{
    /// <summary>Reads a file as the tensor that a graph input expects.</summary>
    /// <exception cref="UsageException">The file does not exist, has another shape than the input, or values that it does not hold.</exception>
    public static TensorData Load(string path, GraphValue input, Preprocessing preprocessing)
    {
        if (Directory.Exists(path))
            throw new UsageException($"the input '{path}' is a folder; give one file ('i8rt eval' reads data sets)");
        if (!File.Exists(path))
            throw new UsageException($"there is no input file '{path}'");
        TensorData tensor = Path.GetExtension(path).ToLowerInvariant() switch
        {
            ".npy" => FromNpy(path, input),
            ".pb" => OnnxTensor.Load(path).Data,
            _ => FromImage(path, preprocessing) is var image && input.ElementType is DataType.Float16 or DataType.BFloat16
                ? image.ConvertTo(input.ElementType) : image,
        };
        if (tensor.ElementType != input.ElementType)
            throw new UsageException($"'{path}' holds {tensor.ElementType}, but input '{input.Name}' is {input.ElementType}; save it in that type");
        if (!Fits(tensor.Shape, input.Shape))
        {
            throw new UsageException($"'{path}' has shape {tensor.Shape}, but input '{input.Name}' is {input.Shape}; "
                + "for images choose the preprocessing that gives this size (for example --resize and --crop)");
        }

        return tensor;
    }

    private static bool Fits(Shape shape, GraphShape? expected)
    {
        if (expected is null)
            return true;
        if (expected.Rank != shape.Rank)
            return false;
        for (int d = 0; d < shape.Rank; d++)
            if (expected[d].Extent is { } extent && extent != shape[d])
                return false;
        return true;
    }

    private static TensorData FromNpy(string path, GraphValue input)
    {
        NpyArray array = NpyFile.Load(path);
        return array.TryConvert(input.ElementType) ?? throw new UsageException(
            $"'{path}' holds values of {array.Type} that input '{input.Name}' of {input.ElementType} cannot hold; save it in that type");
    }

    private static TensorData FromImage(string path, Preprocessing preprocessing)
    {
        var preprocessor = new Preprocessor(preprocessing);
        ImageBuffer arranged = preprocessor.Arrange(ImageCodec.Load(path));
        Shape sample = preprocessor.SampleShape(arranged);
        TensorData tensor = TensorData.Allocate(DataType.Float32, [1, .. sample.Span], out Span<float> values);
        preprocessor.Normalize(arranged, values);
        return tensor;
    }
}
