// Windows that slide over the spatial dimensions: convolution and pooling.
namespace Int8Runtime.Graph;

/// <summary>Extent, step and padding of a window in each spatial dimension, with automatic padding resolved.</summary>
/// <param name="Kernel">Taps of the window.</param>
/// <param name="Strides">Step of the window.</param>
/// <param name="Dilations">Distance of the taps; 1 means adjacent.</param>
/// <param name="PadBegin">Padding before the first element.</param>
/// <param name="PadEnd">Padding behind the last element.</param>
/// <param name="Output">Number of window positions.</param>
public sealed record SlidingWindow(Shape Kernel, Shape Strides, Shape Dilations, Shape PadBegin, Shape PadEnd, Shape Output)
{
    /// <summary>Reads the window attributes of a convolution or pooling node.</summary>
    /// <param name="operands">The node.</param>
    /// <param name="source">The spatial extents of the source.</param>
    /// <param name="kernel">The taps; null reads the attribute <c>kernel_shape</c>.</param>
    /// <exception cref="ModelFormatException">The attributes contradict each other or the shape.</exception>
    public static SlidingWindow Of(NodeOperands operands, ReadOnlySpan<int> source, Shape? kernel = null)
    {
        int rank = source.Length;
        GraphAttributes attributes = operands.Attributes;
        bool ceil = attributes.GetBoolean("ceil_mode");
        int[] taps = kernel?.ToArray() ?? Values("kernel_shape", rank, null);
        int[] strides = Values("strides", rank, 1);
        int[] dilations = Values("dilations", rank, 1);
        int[] pads = Values("pads", 2 * rank, 0, least: 0);
        string autoPad = attributes.GetString("auto_pad", "NOTSET");
        int[] begin = pads[..rank], end = pads[rank..], output = new int[rank];
        for (int i = 0; i < rank; i++)
        {
            long extent = (long)dilations[i] * (taps[i] - 1) + 1;
            switch (autoPad)
            {
                case "SAME_UPPER" or "SAME_LOWER":
                    output[i] = operands.Extent(DivideUp(source[i], strides[i]));
                    long total = Math.Max((output[i] - 1L) * strides[i] + extent - source[i], 0);
                    int smaller = operands.Extent(total / 2), larger = operands.Extent(total - total / 2);
                    (begin[i], end[i]) = autoPad == "SAME_UPPER" ? (smaller, larger) : (larger, smaller);
                    continue;
                case "VALID":
                    (begin[i], end[i]) = (0, 0);
                    break;
                case "NOTSET" or "":
                    break;
                default:
                    throw operands.Defect($"auto_pad '{autoPad}' is unknown");
            }
            long room = (long)source[i] + begin[i] + end[i] - extent;
            if (room < 0)
                throw operands.Defect(
                    $"a window of {extent} does not fit the padded extent {room + extent} of spatial dimension {i}");
            long positions = (ceil && autoPad != "VALID" ? DivideUp(room, strides[i]) : room / strides[i]) + 1;
            // The last window must start inside the source or its leading padding.
            if (ceil && (positions - 1) * strides[i] >= (long)source[i] + begin[i])
                positions--;
            output[i] = operands.Extent(positions);
        }
        return new SlidingWindow(taps, strides, dilations, begin, end, output);

        int[] Values(string name, int count, int? fallback, int least = 1)
        {
            int[]? values = attributes.GetInt32s(name);
            if (values is null or { Length: 0 })
            {
                values = new int[count];
                values.AsSpan().Fill(fallback ?? throw operands.Defect($"the attribute '{name}' is missing"));
            }
            if (values.Length != count)
                throw operands.Defect($"the attribute '{name}' has {values.Length} entries instead of {count}");
            foreach (int value in values)
            {
                if (value < least)
                    throw operands.Defect($"the attribute '{name}' holds {value}");
            }
            return values;
        }
    }

    private static long DivideUp(long dividend, long divisor) => (dividend + divisor - 1) / divisor;
}
