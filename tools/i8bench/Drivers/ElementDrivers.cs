// Drivers whose problems are dimensions of tensors: 2x16x3x4, or 5x3x2x9:1x3x2x9.
namespace Int8Runtime.Bench;

/// <summary>Element-wise functions, softmax, sum, concatenation, shuffle and reorder.</summary>
internal static class ElementDrivers
{
    /// <summary>--eltwise.</summary>
    public static BenchProblem Eltwise(Options options, string text)
    {
        DataType[] types = TypesAndTags.Types(options.Or("dt", "f32"), 2);
        Shape shape = Dimensions(text)[0];
        string tag = options.Or("tag", "abx"), name = options.Or("alg", "relu").ToLowerInvariant().Replace("eltwise_", "", StringComparison.Ordinal);
        var descriptor = new EltwiseDescriptor
        {
            Algorithm = AttributeText.EltwiseOf(name) ?? throw new FormatException($"'{name}' is not an element-wise function."),
            Alpha = AttributeText.Number(options.Or("alpha", "0")),
            Beta = AttributeText.Number(options.Or("beta", "0")),
            Source = TypesAndTags.Tensor(options, 0, shape, types[0], tag),
            Destination = TypesAndTags.Tensor(options, 1, shape, types[1], tag),
        };
        return Finish(options, descriptor, descriptor.Source, descriptor.Destination, 1);
    }

    /// <summary>--binary.</summary>
    public static BenchProblem Binary(Options options, string text)
    {
        string name = options.Or("alg", "ADD");
        DataType[] types = TypesAndTags.Types(options.Or("sdt", options.Or("dt", "f32")), 2);
        DataType type = TypesAndTags.Type(options.Or("ddt", options.Or("dt", "f32")));
        Shape[] shapes = Dimensions(text);
        if (shapes.Length != 2)
            throw new FormatException($"'{text}' needs two operands.");
        int rank = Math.Max(shapes[0].Rank, shapes[1].Rank);
        for (int i = 0; i < 2; i++)
            shapes[i] = [.. shapes[i], .. Shape.Filled(rank - shapes[i].Rank, 1)];
        string[] tags = options.Or("stag", "any").Split(':');
        MemoryDescriptor source = TypesAndTags.Tensor(options, 0, shapes[0], types[0], tags[0]);
        MemoryDescriptor source1 = TypesAndTags.Tensor(options, 1, shapes[1], types[1], tags[^1]);
        MemoryDescriptor destination = TypesAndTags.Tensor(
            options, 2, [.. shapes[0].Zip(shapes[1], Math.Max)], type, options.Or("dtag", options["inplace"] == "true" ? tags[0] : "any"));
        PrimitiveDescriptor descriptor = name.Equals("select", StringComparison.OrdinalIgnoreCase)
            ? new SelectDescriptor
            {
                Source = source, Source1 = source1, Destination = destination,
                Condition = TypesAndTags.Tensor(destination.Dimensions, DataType.Int8, tags[0]),
            }
            : new BinaryDescriptor
            {
                Algorithm = AttributeText.BinaryOf(name) ?? throw new FormatException($"'{name}' is not a binary function."),
                Source = source, Source1 = source1, Destination = destination,
            };
        return Finish(options, descriptor, source, destination, 1);
    }

    /// <summary>--prelu.</summary>
    public static BenchProblem PRelu(Options options, string text)
    {
        DataType[] types = TypesAndTags.Types(options.Or("sdt", options.Or("dt", "f32")), 2);
        Shape[] shapes = Dimensions(text);
        if (shapes.Length != 2)
            throw new FormatException($"'{text}' needs a source and slopes.");
        string[] tags = options.Or("stag", "abx:any").Split(':');
        MemoryDescriptor source = TypesAndTags.Tensor(options, 0, shapes[0], types[0], tags[0]);
        var descriptor = new PReluDescriptor
        {
            Source = source, Slopes = TypesAndTags.Tensor(options, 1, shapes[1], types[1], tags[^1]), Destination = source,
        };
        return Finish(options, descriptor, source, source, 1);
    }

    /// <summary>--softmax.</summary>
    public static BenchProblem Softmax(Options options, string text)
    {
        Shape shape = Dimensions(text)[0];
        int axis = ProductDrivers.Whole(options.Or("axis", "1"));
        if (axis >= shape.Rank)
            throw new SkipException(SkipReason.InvalidCombination, $"axis {axis} of {shape}");
        string stag = options.Or("stag", options.Or("tag", "abx"));
        string dtag = options.Or("dtag", options["inplace"] == "true" ? stag : "any");
        var descriptor = new SoftmaxDescriptor
        {
            Axis = axis,
            Logarithm = options.Or("alg", "SOFTMAX").ToUpperInvariant() switch
            {
                "SOFTMAX" or "SOFTMAX_ACCURATE" => false,
                "LOGSOFTMAX" or "SOFTMAX_LOG" => true,
                string other => throw new UnimplementedException($"algorithm {other}"),
            },
            Source = TypesAndTags.Tensor(shape, TypesAndTags.Type(options.Or("sdt", options.Or("dt", "f32"))), stag),
            Destination = TypesAndTags.Tensor(
                shape, TypesAndTags.Type(options.Or("ddt", options.Or("dt", "f32"))), dtag == "any" ? stag : dtag),
        };
        return Finish(options, descriptor, descriptor.Source, descriptor.Destination, 1);
    }

    /// <summary>--concat.</summary>
    public static BenchProblem Concat(Options options, string text)
    {
        Shape[] shapes = Dimensions(text);
        int axis = ProductDrivers.Whole(options.Or("axis", "1"));
        if (axis >= shapes[0].Rank)
            throw new SkipException(SkipReason.InvalidCombination, $"axis {axis} of {shapes[0]}");
        DataType type = TypesAndTags.Type(options.Or("sdt", options.Or("dt", "f32")));
        DataType result = TypesAndTags.Type(options.Or("ddt", options.Or("dt", "f32")));
        string[] tags = options.Or("stag", "abx").Split(':');
        Shape whole = shapes[0].With(axis, shapes.Sum(shape => shape[axis]));
        var descriptor = new ConcatDescriptor
        {
            Axis = axis,
            Sources = [.. shapes.Select((shape, i) => TypesAndTags.Tensor(options, i, shape, type, tags[Math.Min(i, tags.Length - 1)]))],
            Destination = TypesAndTags.Tensor(whole, result, options["dtag"] is "" or "undef" or "any" ? tags[0] : options["dtag"]),
        };
        string scales = TakeSourceScales(options["attr-scales"], out float[] factors, shapes.Length);
        return Finish(options, descriptor with { Scales = [.. factors] }, descriptor.Sources[0], descriptor.Destination, 1, scales);
    }

    // The scales of the sources (msrc0, msrc1, …) are taken out of the attributes: a concatenation has them in its descriptor.
    private static string TakeSourceScales(string text, out float[] scales, int sources)
    {
        scales = [.. Enumerable.Repeat(1f, sources)];
        var rest = new List<string>();
        foreach (string item in text.Split('+', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] parts = item.Split(':');
            if (!parts[0].StartsWith("msrc", StringComparison.Ordinal))
                rest.Add(item);
            else if (parts.Length < 3 || parts[1] != "common")
                throw new UnimplementedException($"a scale {item}");
            else
                scales[ProductDrivers.Whole(parts[0]["msrc".Length..])] = AttributeText.Number(parts[2]);
        }

        return string.Join('+', rest);
    }

    /// <summary>--sum.</summary>
    public static BenchProblem Sum(Options options, string text)
    {
        Shape shape = Dimensions(text)[0];
        string[] types = options.Or("sdt", "f32:f32").Split(':'), tags = options.Or("stag", "abx").Split(':');
        float[] scales = [.. options.Or("scales", "1").Split(':').Select(AttributeText.Number)];
        if (scales.Length == 1)
            scales = [.. Enumerable.Repeat(scales[0], types.Length)];
        if (scales.Length != types.Length || (tags.Length > 1 && tags.Length != types.Length))
            throw new SkipException(SkipReason.InvalidCombination, $"{types.Length} types, {scales.Length} scales, {tags.Length} layouts");
        var descriptor = new SumDescriptor
        {
            Sources = [.. types.Select((type, i) => TypesAndTags.Tensor(options, i, shape, TypesAndTags.Type(type), tags[Math.Min(i, tags.Length - 1)]))],
            Scales = [.. scales],
            Destination = TypesAndTags.Tensor(
                shape, TypesAndTags.Type(options.Or("ddt", "f32")), options["dtag"] is "" or "undef" or "any" ? tags[0] : options["dtag"]),
        };
        return Finish(options, descriptor, descriptor.Sources[0], descriptor.Destination, 1);
    }

    /// <summary>--shuffle.</summary>
    public static BenchProblem Shuffle(Options options, string text)
    {
        Shape shape = Dimensions(text)[0];
        int axis = ProductDrivers.Whole(options.Or("axis", "1")), group = ProductDrivers.Whole(options.Or("group", "1"));
        if (axis >= shape.Rank || shape[axis] % group != 0)
            throw new SkipException(SkipReason.InvalidCombination, $"axis {axis} of {shape} in groups of {group}");
        MemoryDescriptor tensor = TypesAndTags.Tensor(options, 0, shape, TypesAndTags.Type(options.Or("dt", "f32")), options.Or("tag", "abx"));
        var descriptor = new ShuffleDescriptor { Axis = axis, GroupSize = group, Source = tensor, Destination = tensor };
        return Finish(options, descriptor, tensor, tensor, 1);
    }

    /// <summary>--reorder.</summary>
    public static BenchProblem Reorder(Options options, string text)
    {
        if (options["oflag"].Length > 0)
            throw new UnimplementedException($"a reorder that computes a compensation ({options["oflag"]})");
        Shape shape = Dimensions(text)[0];
        MemoryDescriptor Tensor(int position, string type, string tag) => TypesAndTags.Tensor(
            options, position, shape, TypesAndTags.Type(options.Or(type, options.Or("dt", "f32"))), options.Or(tag, "abx") is "any" ? "abx" : options.Or(tag, "abx"));
        string attributes = options["attr-scales"] + options["attr-zero-points"];
        int axis = attributes.Contains("per_dim_0", StringComparison.Ordinal) ? 0 : 1;
        int dimensions = attributes.Contains("per_dim_01", StringComparison.Ordinal) ? 2 : 1;
        var descriptor = new ReorderDescriptor { Source = Tensor(0, "sdt", "stag"), Destination = Tensor(1, "ddt", "dtag"), ChannelAxis = axis, ChannelDimensions = dimensions };
        BenchProblem problem = Finish(options, descriptor, descriptor.Source, descriptor.Destination, axis, channelDimensions: dimensions);
        return problem with { RuntimeDimensions = options.Or("runtime-dim-mask", "0") != "0" };
    }

    private static BenchProblem Finish(
        Options options, PrimitiveDescriptor descriptor, MemoryDescriptor source, MemoryDescriptor destination, int channels,
        string? scales = null, int channelDimensions = 1)
    {
        bool inPlace = options["inplace"] == "true";
        if (inPlace && !source.Equals(destination))
            throw new SkipException(SkipReason.InvalidCombination, $"{destination} in place of {source}");
        var context = new AttributeContext(source.Dimensions, destination.Dimensions, destination.DataType, channels, 0, channelDimensions);
        return new BenchProblem(descriptor, AttributeText.Parse(options, context, scales), 0, inPlace);
    }

    /// <summary>Dimensions of each tensor; a name behind n or _n is dropped.</summary>
    internal static Shape[] Dimensions(string text)
    {
        int end = text.IndexOf('n', StringComparison.Ordinal);
        return [.. (end < 0 ? text : text[..end]).TrimEnd('_').Split(':').Select(tensor => (Shape)tensor.Split('x').Select(ProductDrivers.Whole).ToArray())];
    }
}
