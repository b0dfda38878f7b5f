// Depthwise 3×3 convolution without bias, padding 1, stride 1 or 2; planes are copied into a zero frame first so that the
// loops need no bounds.
namespace Int8Runtime.DemoTrainer;

/// <summary>One 3×3 kernel per channel; weights are [channels, 1, 3, 3].</summary>
internal sealed class DepthwiseConvolution : Layer
{
    private readonly int _channels;
    private readonly float[][] _weightGradients;
    private Tensor? _input, _output, _inputGradient;

    /// <summary>Creates the layer.</summary>
    /// <param name="channels">Channels.</param>
    /// <param name="stride">1 or 2; the input's sides are multiples of it.</param>
    /// <param name="random">For the initial weights.</param>
    public DepthwiseConvolution(int channels, int stride, SplitMix64 random)
    {
        (_channels, Stride) = (channels, stride);
        Weights = new Parameter([channels, 1, 3, 3], decays: true);
        Weights.Initialize(9, random);
        _weightGradients = Chunks.Allocate(Weights.Values.Length);
    }

    public Parameter Weights { get; }

    public int Stride { get; }

    public override IEnumerable<Parameter> Parameters => [Weights];

    public override Tensor Forward(Tensor input, bool training)
    {
        _input = input;
        Tensor output = Tensor.Reuse(ref _output, input.Batch, _channels, input.Height / Stride, input.Width / Stride);
        Chunks.Run(input.Batch, (_, first, end) =>
        {
            int pitch = input.Width + 2;
            var frame = new float[(input.Height + 2) * pitch];
            for (int plane = first * _channels; plane < end * _channels; plane++)
            {
                (int n, int c) = (plane / _channels, plane % _channels);
                FillFrame(frame, input.Plane(n, c), input.Width);
                ReadOnlySpan<float> w = Weights.Values.AsSpan(9 * c, 9);
                Span<float> target = output.Plane(n, c);
                for (int y = 0, i = 0; y < output.Height; y++)
                {
                    ReadOnlySpan<float> r0 = frame.AsSpan(y * Stride * pitch, pitch);
                    ReadOnlySpan<float> r1 = frame.AsSpan((y * Stride + 1) * pitch, pitch);
                    ReadOnlySpan<float> r2 = frame.AsSpan((y * Stride + 2) * pitch, pitch);
                    for (int x = 0; x < input.Width; x += Stride, i++)
                    {
                        target[i] = w[0] * r0[x] + w[1] * r0[x + 1] + w[2] * r0[x + 2]
                            + w[3] * r1[x] + w[4] * r1[x + 1] + w[5] * r1[x + 2]
                            + w[6] * r2[x] + w[7] * r2[x + 1] + w[8] * r2[x + 2];
                    }
                }
            }
        });
        return output;
    }

    public override Tensor Backward(Tensor gradient)
    {
        Tensor input = _input!;
        Tensor inputGradient = Tensor.Reuse(ref _inputGradient, input.Batch, _channels, input.Height, input.Width);
        Chunks.Run(input.Batch, (part, first, end) =>
        {
            Array.Clear(_weightGradients[part]);
            int pitch = input.Width + 2;
            float[] frame = new float[(input.Height + 2) * pitch], frameGradient = new float[frame.Length];
            for (int plane = first * _channels; plane < end * _channels; plane++)
            {
                (int n, int c) = (plane / _channels, plane % _channels);
                FillFrame(frame, input.Plane(n, c), input.Width);
                Array.Clear(frameGradient);
                BackwardPlane(frame, frameGradient, pitch, gradient.Plane(n, c), gradient.Width,
                    Weights.Values.AsSpan(9 * c, 9), _weightGradients[part].AsSpan(9 * c, 9));
                for (int y = 0; y < input.Height; y++)
                {
                    frameGradient.AsSpan((y + 1) * pitch + 1, input.Width)
                        .CopyTo(inputGradient.Plane(n, c)[(y * input.Width)..]);
                }
            }
        });
        Chunks.Reduce(_weightGradients, Weights.Gradients);
        return inputGradient;
    }

    private void BackwardPlane(ReadOnlySpan<float> frame, Span<float> frameGradient, int pitch,
        ReadOnlySpan<float> gradient, int width, ReadOnlySpan<float> weights, Span<float> weightGradients)
    {
        for (int tap = 0; tap < 9; tap++)
        {
            float weight = weights[tap], sum = 0;
            for (int y = 0; y < gradient.Length / width; y++)
            {
                int start = (y * Stride + tap / 3) * pitch + tap % 3, length = (width - 1) * Stride + 1;
                ReadOnlySpan<float> source = frame.Slice(start, length), upper = gradient.Slice(y * width, width);
                Span<float> target = frameGradient.Slice(start, length);
                for (int x = 0, at = 0; x < upper.Length; x++, at += Stride)
                {
                    sum += upper[x] * source[at];
                    target[at] += upper[x] * weight;
                }
            }

            weightGradients[tap] += sum;
        }
    }

    private static void FillFrame(Span<float> frame, ReadOnlySpan<float> plane, int width)
    {
        int pitch = width + 2;
        for (int y = 0; y < plane.Length / width; y++)
            plane.Slice(y * width, width).CopyTo(frame[((y + 1) * pitch + 1)..]);
    }
}
