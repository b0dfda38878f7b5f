// Convolution without bias, stride 1, odd kernel, output of the input's size; as a matrix product over unrolled windows:
// columns[(channel·k + y)·k + x, output pixel].
namespace Int8Runtime.DemoTrainer;

/// <summary>A k×k convolution with padding k/2 (1×1 is the pointwise case); weights are [output, input, k, k].</summary>
internal sealed class Convolution : Layer
{
    private readonly int _inputs, _outputs, _kernel;
    private readonly bool _isFirst;
    private readonly float[][] _weightGradients;
    private readonly float[][] _columns = new float[Chunks.Count][], _columnGradients = new float[Chunks.Count][];
    private Tensor? _input, _output, _inputGradient;

    /// <summary>Creates the layer.</summary>
    /// <param name="inputs">Input channels.</param>
    /// <param name="outputs">Output channels.</param>
    /// <param name="kernel">Height and width of the kernel, odd.</param>
    /// <param name="random">For the initial weights.</param>
    /// <param name="isFirst">Whether the input is the image, which needs no gradient.</param>
    public Convolution(int inputs, int outputs, int kernel, SplitMix64 random, bool isFirst = false)
    {
        (_inputs, _outputs, _kernel, _isFirst) = (inputs, outputs, kernel, isFirst);
        Weights = new Parameter([outputs, inputs, kernel, kernel], decays: true);
        Weights.Initialize(inputs * kernel * kernel, random);
        _weightGradients = Chunks.Allocate(Weights.Values.Length);
    }

    public Parameter Weights { get; }

    public int Kernel => _kernel;

    public override IEnumerable<Parameter> Parameters => [Weights];

    private int Depth => _inputs * _kernel * _kernel;

    public override Tensor Forward(Tensor input, bool training)
    {
        _input = input;
        Tensor output = Tensor.Reuse(ref _output, input.Batch, _outputs, input.Height, input.Width);
        Chunks.Run(input.Batch, (part, first, end) =>
        {
            for (int n = first; n < end; n++)
                Gemm.Multiply(Weights.Values, Depth, 1, Unroll(part, input, n), output.Image(n), _outputs, input.Area, Depth);
        });
        return output;
    }

    public override Tensor Backward(Tensor gradient)
    {
        Tensor input = _input!;
        Tensor inputGradient = Tensor.Reuse(ref _inputGradient, input.Batch, _inputs, input.Height, input.Width);
        Chunks.Run(input.Batch, (part, first, end) =>
        {
            Array.Clear(_weightGradients[part]);
            for (int n = first; n < end; n++)
            {
                Gemm.AddTransposed(
                    gradient.Image(n), Unroll(part, input, n), _weightGradients[part], _outputs, Depth, input.Area);
                if (_isFirst)
                    continue;

                Span<float> columns = _kernel == 1
                    ? inputGradient.Image(n)
                    : (_columnGradients[part] ??= new float[Depth * input.Area]);
                Gemm.Multiply(Weights.Values, 1, Depth, gradient.Image(n), columns, Depth, input.Area, _outputs);
                if (_kernel > 1)
                    Roll(columns, inputGradient, n);
            }
        });
        Chunks.Reduce(_weightGradients, Weights.Gradients);
        return inputGradient;
    }

    // Copies, for each tap of the kernel, the input shifted by the tap's offset, with zeros where it leaves the image.
    private ReadOnlySpan<float> Unroll(int part, Tensor input, int n)
    {
        if (_kernel == 1)
            return input.Image(n);

        float[] columns = _columns[part] ??= new float[Depth * input.Area];
        for (int tap = 0; tap < Depth; tap++)
        {
            Span<float> target = columns.AsSpan(tap * input.Area, input.Area);
            ReadOnlySpan<float> plane = input.Plane(n, tap / (_kernel * _kernel));
            (int dy, int dx, int from, int count) = Shift(tap, input.Width);
            for (int y = 0; y < input.Height; y++)
            {
                Span<float> row = target.Slice(y * input.Width, input.Width);
                row.Clear();
                if ((uint)(y + dy) < (uint)input.Height)
                    plane.Slice((y + dy) * input.Width + from + dx, count).CopyTo(row[from..]);
            }
        }

        return columns;
    }

    // The transpose of Unroll: adds each shifted plane back to where it was copied from.
    private void Roll(ReadOnlySpan<float> columns, Tensor target, int n)
    {
        target.Image(n).Clear();
        for (int tap = 0; tap < Depth; tap++)
        {
            ReadOnlySpan<float> source = columns.Slice(tap * target.Area, target.Area);
            Span<float> plane = target.Plane(n, tap / (_kernel * _kernel));
            (int dy, int dx, int from, int count) = Shift(tap, target.Width);
            for (int y = Math.Max(0, -dy); y < target.Height - Math.Max(0, dy); y++)
            {
                ReadOnlySpan<float> row = source.Slice(y * target.Width + from, count);
                Span<float> sum = plane.Slice((y + dy) * target.Width + from + dx, count);
                for (int x = 0; x < count; x++)
                    sum[x] += row[x];
            }
        }
    }

    private (int Dy, int Dx, int From, int Count) Shift(int tap, int width)
    {
        int dy = tap / _kernel % _kernel - _kernel / 2, dx = tap % _kernel - _kernel / 2;
        return (dy, dx, Math.Max(0, -dx), width - Math.Abs(dx));
    }
}
