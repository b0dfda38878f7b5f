// Collects the words of a problem line.
using System.Globalization;
using System.Text;

namespace Int8Runtime;

/// <summary>Descriptors write their problem with it, attributes follow.</summary>
internal sealed class ProblemWriter
{
    private readonly StringBuilder _options = new();
    private readonly List<string> _strides = [];
    private readonly List<string> _differences = [];
    private readonly List<string> _obstacles = [];
    private string _driver = "", _shape = "", _channels = "";
    private (Shape Source, Shape Weights) _grouped;

    /// <summary>The depthwise convolution that follows a 1×1 convolution; null without one.</summary>
    public DepthwisePostOp? Depthwise { get; init; }

    /// <summary>Type of a product's destination.</summary>
    public DataType DestinationType { get; private set; }

    /// <summary>Scales, each as in <c>--attr-scales</c>; descriptors with scales of their own begin the list.</summary>
    public List<string> Scales { get; } = [];

    /// <summary>Zero points, each as in <c>--attr-zero-points</c>.</summary>
    public List<string> ZeroPoints { get; } = [];

    /// <summary>The policy of values per channel of an activation, for example <c>per_dim_1</c>.</summary>
    public string ChannelPolicy => "per_dim_" + _channels;

    /// <summary>Starts the line.</summary>
    /// <param name="driver">benchdnn's name of the primitive.</param>
    /// <param name="channels">The dimension of the activations' channels.</param>
    /// <param name="channelDimensions">Number of dimensions, from that one on, over which values per channel vary.</param>
    public void Start(string driver, int channels = 1, int channelDimensions = 1)
    {
        _driver = driver;
        _channels = string.Concat(Enumerable.Range(channels, channelDimensions));
    }

    /// <summary>Notes the operands of a matrix product, whose scales and zero points may come in groups.</summary>
    public void Groups(Shape source, Shape weights) => _grouped = (source, weights);

    /// <summary>The policy of values in groups along K: those of one matrix, or of every matrix of a batch.</summary>
    public string GroupPolicy(string argument, int size, int count)
    {
        Shape matrix = argument == "src" ? _grouped.Source : _grouped.Weights;
        int sum = argument == "src" ? matrix[^1] : matrix[^2], vectors = argument == "src" ? matrix[^2] : matrix[^1];
        return count > ((long)sum + size - 1) / size * vectors ? "per_tensor" : "per_ocic";
    }

    /// <summary>Adds an option.</summary>
    public void Option(string name, string value) => _options.Append(" --").Append(name).Append('=').Append(value);

    /// <summary>Adds an option with a number.</summary>
    public void Option(string name, float value) => Option(name, Number(value));

    /// <summary>Adds an option with the types of tensors.</summary>
    public void Types(string name, params ReadOnlySpan<MemoryDescriptor> tensors)
    {
        var names = new List<string>();
        foreach (MemoryDescriptor tensor in tensors)
            names.Add(Type(tensor.DataType));
        Option(name, string.Join(':', names));
    }

    /// <summary>
    /// Adds an option with the layouts of the next tensors of the problem. Layouts that no tag describes are given as strides.
    /// </summary>
    public void Layouts(string name, params ReadOnlySpan<MemoryDescriptor> tensors)
    {
        var tags = new List<string>();
        foreach (MemoryDescriptor tensor in tensors)
            tags.Add(Layout(tensor, LayoutNotation.TagOf(tensor)));
        if (tags.Count > 1 && tags.TrueForAll(tag => tag == tags[0]))
            tags.RemoveRange(1, tags.Count - 1);
        Option(name, string.Join(':', tags));
    }

    /// <summary>Adds the layout of weights; packed ones are the implementation's choice.</summary>
    /// <param name="weights">The weights.</param>
    /// <param name="grouped">Whether benchdnn's tags have a dimension of groups, which the library's weights do not.</param>
    public void Weights(MemoryDescriptor weights, bool grouped)
    {
        string? tag = weights.Packed is null ? LayoutNotation.TagOf(weights) : LayoutNotation.Any;
        bool tagged = !grouped || tag is LayoutNotation.Any or "abx";
        if (!tagged && !weights.InnerBlocks.IsEmpty)
            Refuse($"blocked weights of groups ({weights.LayoutText()})");
        Option("wtag", Layout(weights, tagged ? tag : null));
    }

    /// <summary>Sets the problem text.</summary>
    /// <param name="text">Dimensions or fields.</param>
    /// <param name="tensors">Tensors that have to have elements.</param>
    public void Shape(string text, params ReadOnlySpan<MemoryDescriptor> tensors)
    {
        _shape = text;
        foreach (MemoryDescriptor tensor in tensors)
        {
            if (tensor.ElementCount == 0 || tensor.Rank == 0)
                Refuse($"a tensor of shape {(tensor.Rank == 0 ? "[]" : tensor.Dimensions)}");
        }
    }

    /// <summary>Sets the problem text of a tensor [N, C, …spatial].</summary>
    /// <param name="tensor">The tensor.</param>
    /// <param name="rest">What follows its fields.</param>
    /// <param name="further">Further tensors that have to have elements.</param>
    public void Image(MemoryDescriptor tensor, string rest, params ReadOnlySpan<MemoryDescriptor> further)
    {
        if (tensor.Rank > 5)
            Refuse($"{tensor.Rank - 2} spatial dimensions");
        Shape(tensor.Rank > 5 ? $"{tensor.Dimensions}" : ImageText(tensor.Dimensions) + rest, [tensor, .. further]);
    }

    /// <summary>Sets the problem text of a window that moves over a tensor.</summary>
    /// <param name="groups">Field of the groups; may be empty.</param>
    /// <param name="source">The source, [N, C, …spatial].</param>
    /// <param name="destination">The destination.</param>
    /// <param name="withChannels">Whether the destination's channels are a field.</param>
    /// <param name="axes">The spatial dimensions.</param>
    public void Window(
        string groups, MemoryDescriptor source, MemoryDescriptor destination, bool withChannels, IReadOnlyList<ConvolutionAxis> axes)
    {
        if (axes.Any(a => a.Padding < 0))
            Refuse("negative padding");
        Shape(groups + WindowText(source.Dimensions, withChannels ? destination.Dimensions[1] : null, axes), source, destination);
    }

    /// <summary>Adds types and layouts of a product.</summary>
    /// <param name="product">The product.</param>
    /// <param name="grouped">Whether benchdnn's tags of its weights have a dimension of groups.</param>
    /// <param name="result">What it computes, where that is not its destination.</param>
    public void Product(IWeightedDescriptor product, bool grouped, MemoryDescriptor? result = null)
    {
        DestinationType = product.Destination.DataType;
        DataType weights = product.Weights.DataType;
        Option("dt", $"{Type(product.Source.DataType)}:{(weights.IsInt4() ? weights.ToShortName() : Type(weights))}:"
            + Type((result ?? product.Destination).DataType));
        Layouts("stag", product.Source);
        Weights(product.Weights, grouped);
        Layouts("dtag", product.Destination);
    }

    /// <summary>Adds the bias of each output channel.</summary>
    public void Bias(MemoryDescriptor? bias, int channels)
    {
        Option("dir", bias is null ? "FWD_I" : "FWD_B");
        if (bias is null)
            return;
        if (bias.DataType != DataType.Float32)
            Types("bia-dt", bias);
        if (!bias.Equals(new MemoryDescriptor([channels], bias.DataType)))
            Differ("layout of the bias");
    }

    /// <summary>Adds the bias of a matrix product: its type and a mask of the dimensions that it has.</summary>
    public void MatrixBias(MemoryDescriptor? bias, int rank)
    {
        if (bias is null)
            return;
        Types("bia-dt", bias);
        int mask = MaskOf(bias.Dimensions) << (rank - bias.Rank);
        Option("bia_mask", mask.ToString(CultureInfo.InvariantCulture));
        if (!bias.Equals(new MemoryDescriptor(bias.Dimensions, bias.DataType)))
            Differ("layout of the bias");
    }

    /// <summary>Refuses a destination with extents that none of its operands has.</summary>
    public void Broadcast(Shape destination, Shape first, Shape second)
    {
        for (int d = 0; d < destination.Rank; d++)
        {
            if (destination[d] != Math.Max(first[d], second[d]))
                Refuse($"a destination {destination} of {first} and {second}");
        }
    }

    /// <summary>Notes something that i8bench chooses itself.</summary>
    public void Differ(string what) => _differences.Add(what);

    /// <summary>Notes why i8bench does not take the problem.</summary>
    public void Refuse(string why)
    {
        if (!_obstacles.Contains(why))
            _obstacles.Add(why);
    }

    /// <summary>A type's name; types that i8bench does not have refuse the problem.</summary>
    public string Type(DataType type)
    {
        if (type is not (DataType.Float32 or DataType.BFloat16 or DataType.Float16 or DataType.Int32 or DataType.Int8 or DataType.UInt8))
            Refuse($"the type {type.ToShortName()}");
        return type.ToShortName();
    }

    /// <summary>A number that reads back as the same bits; without the sign of an exponent, as + separates items.</summary>
    public static string Number(float value) =>
        value.ToString("R", CultureInfo.InvariantCulture).Replace("E+", "e", StringComparison.Ordinal).Replace('E', 'e');

    /// <summary>A bit for each dimension whose extent is not 1.</summary>
    public static int MaskOf(Shape dimensions)
    {
        int mask = 0;
        for (int d = 0; d < dimensions.Rank; d++)
            mask |= dimensions[d] == 1 ? 0 : 1 << d;
        return mask;
    }

    /// <summary>Fields of a tensor [N, C, …spatial]: mb2ic16ih7iw7.</summary>
    public static string ImageText(Shape dimensions) =>
        string.Create(CultureInfo.InvariantCulture, $"mb{dimensions[0]}ic{dimensions[1]}") + Fields('i', dimensions.Skip(2));

    /// <summary>Fields of a window: mb2ic16ih7oc32oh7kh3sh1dh0ph1.</summary>
    public static string WindowText(Shape source, int? outputChannels, IReadOnlyList<ConvolutionAxis> axes) =>
        ImageText(source) + (outputChannels is { } channels ? string.Create(CultureInfo.InvariantCulture, $"oc{channels}") : "")
        + Fields('o', axes.Select(a => a.Output)) + Fields('k', axes.Select(a => a.Kernel)) + Fields('s', axes.Select(a => a.Stride))
        + Fields('d', axes.Select(a => a.Dilation - 1)) + Fields('p', axes.Select(a => a.Padding));

    /// <summary>A field for each spatial dimension: kh3kw3.</summary>
    public static string Fields(char quantity, IEnumerable<int> values)
    {
        int[] all = [.. values];
        return string.Concat(all.Select((value, i) =>
            string.Create(CultureInfo.InvariantCulture, $"{quantity}{"dhw"[3 - all.Length + i]}{value}")));
    }

    /// <summary>The line.</summary>
    public WrittenProblem Finish()
    {
        if (_strides.Exists(strides => strides.Length > 0))
            Option("strides", string.Join(':', _strides));
        if (Scales.Count > 0)
            Option("attr-scales", string.Join('+', Scales));
        if (ZeroPoints.Count > 0)
            Option("attr-zero-points", string.Join('+', ZeroPoints));
        return new WrittenProblem($"--{_driver}{_options} {_shape}", [.. _differences.Distinct()], [.. _obstacles]);
    }

    // The tag, or "any" with strides at the tensor's position.
    private string Layout(MemoryDescriptor tensor, string? tag)
    {
        _strides.Add("");
        if (tag is not null)
            return tag;
        if (!tensor.IsStrided)
        {
            Refuse($"the layout {tensor.LayoutText()}");
            return LayoutNotation.Any;
        }

        if (tensor.Offset != 0)
            Differ($"offset of the tensor {tensor.Dimensions}");
        if (!tensor.InnerBlocks.IsEmpty)
        {
            Differ($"strides of the blocked tensor {tensor.Dimensions}");
            return LayoutNotation.DenseTagOf(tensor);
        }

        _strides[^1] = string.Join('x', tensor.Strides);
        return LayoutNotation.Any;
    }
}
