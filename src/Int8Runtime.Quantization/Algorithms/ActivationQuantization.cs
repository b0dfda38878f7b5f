// How an activation is quantized: one scale, or one for each channel.
namespace Int8Runtime.Quantization;

/// <summary>Scale, zero point and type of an activation; its channels (dimension 1) may have scales of their own.</summary>
/// <param name="Tensor">The parameters of the tensor; of the channel with the widest range where scales differ.</param>
/// <param name="Channels">A scale for each channel, or empty. The zero point serves all of them.</param>
internal sealed record ActivationQuantization(QuantizationParameters Tensor, float[] Channels)
{
    /// <summary>One scale.</summary>
    public ActivationQuantization(QuantizationParameters tensor) : this(tensor, [])
    {
    }

    /// <summary>The scale of a channel.</summary>
    public float ScaleOf(int channel) => Channels.Length == 0 ? Tensor.Scale : Channels[channel];

    /// <summary>The scale of the source of each output of a depthwise convolution, or of any other layer.</summary>
    public float ScaleBefore(int output, int outputs) =>
        Channels.Length == 0 ? Tensor.Scale : Channels[output / (outputs / Channels.Length)];

    /// <inheritdoc/>
    public bool Equals(ActivationQuantization? other) =>
        other is not null && Tensor == other.Tensor && Channels.AsSpan().SequenceEqual(other.Channels);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Tensor, Channels.Length);
}
