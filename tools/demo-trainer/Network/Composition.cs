// Layers made of layers: a chain, and a chain whose input is added to its output.
namespace Int8Runtime.DemoTrainer;

/// <summary>Layers one after another.</summary>
internal sealed class Sequential(params Layer[] layers) : Layer
{
    public IReadOnlyList<Layer> Layers => layers;

    public override IEnumerable<Parameter> Parameters => layers.SelectMany(layer => layer.Parameters);

    public override Tensor Forward(Tensor input, bool training)
    {
        foreach (Layer layer in layers)
            input = layer.Forward(input, training);
        return input;
    }

    public override Tensor Backward(Tensor gradient)
    {
        foreach (Layer layer in layers.Reverse())
            gradient = layer.Backward(gradient);
        return gradient;
    }
}

/// <summary>max(x + body(x), 0) (He et al., 2016).</summary>
internal sealed class Residual(Sequential body) : Layer
{
    private Tensor? _output, _masked, _inputGradient;

    public Sequential Body => body;

    public override IEnumerable<Parameter> Parameters => body.Parameters;

    public override Tensor Forward(Tensor input, bool training)
    {
        Tensor inner = body.Forward(input, training);
        Tensor output = Tensor.Reuse(ref _output, input.Batch, input.Channels, input.Height, input.Width);
        Chunks.Run(output.Data.Length, (_, first, end) =>
        {
            ReadOnlySpan<float> a = input.Data.AsSpan(first, end - first), b = inner.Data.AsSpan(first, end - first);
            Span<float> sum = output.Data.AsSpan(first, end - first);
            for (int i = 0; i < sum.Length; i++)
                sum[i] = MathF.Max(a[i] + b[i], 0);
        });
        return output;
    }

    public override Tensor Backward(Tensor gradient)
    {
        Tensor output = _output!;
        Tensor masked = Tensor.Reuse(ref _masked, output.Batch, output.Channels, output.Height, output.Width);
        Chunks.Run(masked.Data.Length, (_, first, end) =>
        {
            ReadOnlySpan<float> y = output.Data.AsSpan(first, end - first), dy = gradient.Data.AsSpan(first, end - first);
            Span<float> passed = masked.Data.AsSpan(first, end - first);
            for (int i = 0; i < passed.Length; i++)
                passed[i] = y[i] > 0 ? dy[i] : 0;
        });
        Tensor inner = body.Backward(masked);
        Tensor sum = Tensor.Reuse(ref _inputGradient, output.Batch, output.Channels, output.Height, output.Width);
        Chunks.Run(sum.Data.Length, (_, first, end) =>
        {
            ReadOnlySpan<float> a = masked.Data.AsSpan(first, end - first), b = inner.Data.AsSpan(first, end - first);
            Span<float> target = sum.Data.AsSpan(first, end - first);
            for (int i = 0; i < target.Length; i++)
                target[i] = a[i] + b[i];
        });
        return sum;
    }
}
