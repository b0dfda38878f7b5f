// A batch of feature maps, [batch, channels, height, width] in C order.
namespace Int8Runtime.DemoTrainer;

/// <summary>A dense f32 tensor of four dimensions.</summary>
internal sealed class Tensor(int batch, int channels, int height, int width)
{
    public int Batch => batch;

    public int Channels => channels;

    public int Height => height;

    public int Width => width;

    /// <summary>Elements of one channel of one image.</summary>
    public int Area => height * width;

    public float[] Data { get; } = new float[batch * channels * height * width];

    /// <summary>All channels of one image.</summary>
    public Span<float> Image(int n) => Data.AsSpan(n * channels * Area, channels * Area);

    /// <summary>One channel of one image.</summary>
    public Span<float> Plane(int n, int c) => Data.AsSpan((n * channels + c) * Area, Area);

    /// <summary>Gives <paramref name="tensor"/> the wanted dimensions, keeping it (with its old content) when it has them.</summary>
    public static Tensor Reuse(ref Tensor? tensor, int batch, int channels, int height, int width)
    {
        if (tensor is null || (tensor.Batch, tensor.Channels, tensor.Height, tensor.Width) != (batch, channels, height, width))
            tensor = new Tensor(batch, channels, height, width);
        return tensor;
    }
}
