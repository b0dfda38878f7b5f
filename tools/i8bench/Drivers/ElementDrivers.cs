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
        string name = options.Or("alg", "relu").ToLowerInvariant().Replace("eltwise_", "", StringComparison.Ordinal);
        (MemoryDescriptor source, MemoryDescriptor destination) = TypesAndTags.Pair(options, "tag", shape, types[0], shape, types[1]);
        (EltwiseAlgorithm algorithm, float alpha, float beta) = AttributeText.Function(
            name, AttributeText.Number(options.Or("alpha", "0")), AttributeText.Number(options.Or("beta", "0")))
            ?? throw new FormatException($"'{name}' is not an element-wise function.");
        var descriptor = new EltwiseDescriptor
        {
            Algorithm = algorithm,
            Alpha = alpha,
            Beta = beta,
            Source = source,
            Destination = destination,
        };
        return Finish(options, descriptor, descriptor.Source, descriptor.Destination, 1);
    }

    /// <summary>--binary.</summary>
    public static BenchProblem Binary(Options options, string text)
    {
        string name = options.Or("alg", "ADD").ToLowerInvariant().Replace("binary_", "", StringComparison.Ordinal);
        bool select = name.Equals("select", StringComparison.OrdinalIgnoreCase);
        string operandTypes = options.Or("sdt", options.Or("dt", "f32"));
        DataType[] types = TypesAndTags.Types(operandTypes, select && operandTypes.Count(c => c == ':') == 2 ? 3 : 2);
        DataType type = TypesAndTags.Type(options.Or("ddt", options.Or("dt", "f32")));
        Shape[] shapes = Dimensions(text);
        if (shapes.Length != 2 && !(select && shapes.Length == 3))
            throw new FormatException($"'{text}' needs two operands.");
        int rank = Math.Max(shapes[0].Rank, shapes[1].Rank);
        for (int i = 0; i < 2; i++)
            shapes[i] = [.. shapes[i], .. Shape.Filled(rank - shapes[i].Rank, 1)];
        string[] tags = options.Or("stag", "any").Split(':');
        MemoryDescriptor source = TypesAndTags.Tensor(options, 0, shapes[0], types[0], tags[0]);
        MemoryDescriptor source1 = TypesAndTags.Tensor(options, 1, shapes[1], types[1], tags[Math.Min(1, tags.Length - 1)]);
        MemoryDescriptor destination = TypesAndTags.Tensor(
            options, select && shapes.Length == 3 ? 3 : 2, [.. shapes[0].Zip(shapes[1], Math.Max)], type,
            options.Or("dtag", options["inplace"] == "true" ? tags[0] : "any"));
        PrimitiveDescriptor descriptor = select
            ? new SelectDescriptor
            {
                Source = source, Source1 = source1, Destination = destination,
                Condition = shapes.Length == 3
                    ? TypesAndTags.Tensor(options, 2, shapes[2], types.Length == 3 ? types[2] : DataType.Int8, tags[^1])
                    : TypesAndTags.Tensor(destination.Dimensions, DataType.Int8, tags[0]),
            }
            : new BinaryDescriptor
            {
                Algorithm = ProblemNames.Binary.Find(name) ?? throw new FormatException($"'{name}' is not a binary function."),
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
            Source = source, Slopes = TypesAndTags.Tensor(options, 1, shapes[1], types[1], tags[^1]),
            Destination = options["ddt"].Length + options["dtag"].Length == 0
                ? source
                : TypesAndTags.Tensor(
                    options, 2, shapes[0], TypesAndTags.Type(options.Or("ddt", types[0].ToShortName())), options.Or("dtag", tags[0])),
        };
        return Finish(options, descriptor, source, descriptor.Destination, 1);
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
            Source = TypesAndTags.Tensor(options, 0, shape, TypesAndTags.Type(options.Or("sdt", options.Or("dt", "f32"))), stag),
            Destination = TypesAndTags.Tensor(
                options, 1, shape, TypesAndTags.Type(options.Or("ddt", options.Or("dt", "f32"))), dtag == "any" ? stag : dtag),
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
        DataType[] types = TypesAndTags.Types(options.Or("sdt", options.Or("dt", "f32")), shapes.Length);
        DataType result = TypesAndTags.Type(options.Or("ddt", options.Or("dt", "f32")));
        string[] tags = options.Or("stag", "abx").Split(':');
        Shape whole = shapes[0].With(axis, shapes.Sum(shape => shape[axis]));
        var descriptor = new ConcatDescriptor
        {
            Axis = axis,
            Sources = [.. shapes.Select((shape, i) =>
                TypesAndTags.Tensor(options, i, shape, types[i], tags[Math.Min(i, tags.Length - 1)]))],
            Destination = TypesAndTags.Tensor(options, shapes.Length, whole, result,
                options["dtag"] is "" or "undef" or "any" ? tags[0] : options["dtag"]),
        };
        string scales = TakeSourceValues(options["attr-scales"], 1, out float[] factors, shapes.Length);
        string zeroPoints = TakeSourceValues(options["attr-zero-points"], 0, out float[] zeros, shapes.Length);
        descriptor = descriptor with { Scales = [.. factors], ZeroPoints = [.. zeros.Select(zero => (int)zero)] };
        return Finish(options, descriptor, descriptor.Sources[0], descriptor.Destination, 1, scales, zeroPoints: zeroPoints);
    }

    // What belongs to the sources (msrc0, msrc1, …) is taken out of the attributes: a concatenation has it in its descriptor.
    private static string TakeSourceValues(string text, float otherwise, out float[] values, int sources)
    {
        values = [.. Enumerable.Repeat(otherwise, sources)];
        var rest = new List<string>();
        foreach (string item in text.Split('+', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] parts = item.Split(':');
            if (!parts[0].StartsWith("msrc", StringComparison.Ordinal))
                rest.Add(item);
            else if (parts.Length < 3 || parts[1] != "common")
                throw new UnimplementedException($"a scale or zero point {item}");
            else
                values[ProductDrivers.Whole(parts[0]["msrc".Length..])] = AttributeText.Number(parts[2]);
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
            Sources = [.. types.Select((type, i) =>
                TypesAndTags.Tensor(options, i, shape, TypesAndTags.Type(type), tags[Math.Min(i, tags.Length - 1)]))],
            Scales = [.. scales],
            Destination = TypesAndTags.Tensor(
                options, types.Length, shape, TypesAndTags.Type(options.Or("ddt", "f32")),
                options["dtag"] is "" or "undef" or "any" ? tags[0] : options["dtag"]),
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
        DataType type = TypesAndTags.Type(options.Or("dt", "f32"));
        (MemoryDescriptor source, MemoryDescriptor destination) = TypesAndTags.Pair(options, "tag", shape, type, shape, type);
        var descriptor = new ShuffleDescriptor { Axis = axis, GroupSize = group, Source = source, Destination = destination };
        return Finish(options, descriptor, source, destination, 1);
    }

    /// <summary>--reorder.</summary>
    public static BenchProblem Reorder(Options options, string text)
    {
        Shape shape = Dimensions(text)[0];
        MemoryDescriptor Tensor(int position, string type, string tag) => TypesAndTags.Tensor(
            options, position, shape, TypesAndTags.Type(options.Or(type, options.Or("dt", "f32"))),
            options.Or(tag, "abx") is "any" ? "abx" : options.Or(tag, "abx"));
        (int axis, int dimensions) = QuantizationText.ChannelRange(options, shape.Rank);
        var descriptor = new ReorderDescriptor
        {
            Source = Tensor(0, "sdt", "stag"), Destination = Tensor(1, "ddt", "dtag"), ChannelAxis = axis, ChannelDimensions = dimensions,
            SignedSourceCompensation = Compensation(options["oflag"], "s8s8", shape),
            ZeroPointCompensation = Compensation(options["oflag"], "zp", shape),
        };
        var context = new AttributeContext(shape, shape, descriptor.Destination.DataType, axis) { Spread = (axis, dimensions) };
        return new BenchProblem(descriptor, AttributeText.Parse(options, context))
        {
            RuntimeDimensions = options.Or("runtime-dim-mask", "0") != "0",
        };
    }

    // s8s8_comp:1+zp_comp:1: a mask of the dimensions that a compensation has. conv_s8s8 and gconv_s8s8 of older files are masks 1 and 3.
    private static MemoryDescriptor? Compensation(string flags, string name, Shape shape)
    {
        foreach (string flag in flags.Split('+', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] parts = flag.Split(':');
            int? mask = parts[0] switch
            {
                "none" => null,
                "conv_s8s8" when name == "s8s8" => 1,
                "gconv_s8s8" when name == "s8s8" => 3,
                "s8s8_comp" or "zp_comp" or "conv_s8s8" or "gconv_s8s8" when parts[0] != name + "_comp" => null,
                "s8s8_comp" or "zp_comp" => parts.Length > 1 ? ProductDrivers.Whole(parts[1]) : 1,
                _ => throw new UnimplementedException($"the flag {flag} of a reorder"),
            };
            if (mask is { } bits)
                return new MemoryDescriptor([.. shape.Select((extent, d) => (bits >> d & 1) != 0 ? extent : 1)], DataType.Int32);
        }

        return null;
    }

    private static BenchProblem Finish(
        Options options, PrimitiveDescriptor descriptor, MemoryDescriptor source, MemoryDescriptor destination, int channels,
        string? scales = null, string? zeroPoints = null)
    {
        bool inPlace = options["inplace"] == "true";
        if (inPlace && !source.Equals(destination))
            throw new SkipException(SkipReason.InvalidCombination, $"{destination} in place of {source}");
        var context = new AttributeContext(source.Dimensions, destination.Dimensions, destination.DataType, channels);
        return new BenchProblem(descriptor, AttributeText.Parse(options, context, scales, zeroPoints), 0, inPlace);
    }

    /// <summary>Dimensions of each tensor; a name behind n or _n is dropped.</summary>
    internal static Shape[] Dimensions(string text)
    {
        int end = text.IndexOf('n', StringComparison.Ordinal);
        return [.. (end < 0 ? text : text[..end]).TrimEnd('_').Split(':')
            .Select(tensor => (Shape)tensor.Split('x').Select(ProductDrivers.Whole).ToArray())];
    }
}
