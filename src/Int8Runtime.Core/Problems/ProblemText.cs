// benchdnn's notation of problems: ic64ih56oc256oh56kh1ph0n"name" and 16x128x64:16x64x128n"name".
using System.Globalization;

namespace Int8Runtime;

/// <summary>
/// Reads problems in benchdnn's notation, as its shape files hold them. Fields come in any order, underscores are
/// ignored, fields that are left out are deduced: width from height from depth, output from window, padding from output.
/// </summary>
public static class ProblemText
{
    /// <summary>The batch of a problem that names none.</summary>
    public const int DefaultBatch = 2;

    /// <summary>Reads a problem of a kind that has a notation.</summary>
    /// <exception cref="FormatException">The text is no problem of that kind; the message says why.</exception>
    /// <exception cref="NotSupportedException">The kind of primitive has no notation here.</exception>
    public static ProblemShape Parse(PrimitiveKind kind, string text) => kind switch
    {
        PrimitiveKind.Convolution => ParseConvolution(text),
        PrimitiveKind.InnerProduct => ParseInnerProduct(text),
        PrimitiveKind.MatMul => ParseMatMul(text),
        _ => throw new NotSupportedException($"There is no notation for problems of kind {kind}."),
    };

    /// <summary>Reads a convolution, for example <c>g1ic3ih224oc64oh112kh7sh2ph3</c>.</summary>
    /// <exception cref="FormatException">The text is no convolution; the message says why.</exception>
    public static ConvolutionProblem ParseConvolution(string text)
    {
        ProblemFields fields = ProblemFields.Parse(text);
        string letters = fields.SpatialLetters();
        ProblemFields.Require(letters.Length > 0, text, "one of id, ih and iw is missing");
        ConvolutionAxis[] axes = [.. letters.Select(letter => fields.Axis(letter))];
        int groups = fields["g"] ?? 1, inputs = fields.Positive("ic"), outputs = fields.Positive("oc");
        ProblemFields.Require(
            groups > 0 && inputs % groups == 0 && outputs % groups == 0, text, $"{groups} groups do not divide ic and oc");
        return new ConvolutionProblem
        {
            Name = fields.Name,
            Groups = groups,
            Batch = fields.Batch,
            InputChannels = inputs,
            OutputChannels = outputs,
            Input = [.. axes.Select(a => a.Input)],
            Output = [.. axes.Select(a => a.Output)],
            Kernel = [.. axes.Select(a => a.Kernel)],
            Strides = [.. axes.Select(a => a.Stride)],
            Dilations = [.. axes.Select(a => a.Dilation)],
            Padding = [.. axes.Select(a => a.Padding)],
        };
    }

    /// <summary>
    /// Reads a deconvolution, for example <c>ic16ih5oc32oh9kh3sh2ph1</c>, as the convolution from its destination to its
    /// source: what the text calls i is the output of that convolution.
    /// </summary>
    /// <exception cref="FormatException">The text is no deconvolution; the message says why.</exception>
    public static ConvolutionProblem ParseDeconvolution(string text) => ParseConvolution(ProblemFields.Mirror(text));

    /// <summary>Reads a fully connected layer, for example <c>mb1ic512ih7oc4096</c>.</summary>
    /// <exception cref="FormatException">The text is no fully connected layer; the message says why.</exception>
    public static InnerProductProblem ParseInnerProduct(string text)
    {
        ProblemFields fields = ProblemFields.Parse(text);
        return new InnerProductProblem
        {
            Name = fields.Name,
            Batch = fields.Batch,
            InputChannels = fields.Positive("ic"),
            OutputChannels = fields.Positive("oc"),
            Input = [.. fields.SpatialLetters().Select(fields.Input)],
        };
    }

    /// <summary>
    /// Reads a matrix product: dimensions of source and weights, for example <c>12x128x64:12x64x128</c>, behind which those of the
    /// destination may follow.
    /// </summary>
    /// <exception cref="FormatException">The text is no matrix product; the message says why.</exception>
    public static MatMulProblem ParseMatMul(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        int end = text.IndexOf('n', StringComparison.Ordinal);
        string[] operands = (end < 0 ? text : text[..end]).TrimEnd('_').Split(':');
        ProblemFields.Require(operands.Length is 2 or 3, text, "two operands are needed, as in 128x64:64x256");
        Shape source = Dimensions(operands[0]), weights = Dimensions(operands[1]);
        ProblemFields.Require(source.Rank >= 2 && source.Rank == weights.Rank, text, "the operands need the same rank, at least 2");
        ProblemFields.Require(source[^1] == weights[^2], text, $"K is {source[^1]} in the source and {weights[^2]} in the weights");
        for (int d = 0; d < source.Rank - 2; d++)
            ProblemFields.Require(
                source[d] == weights[d] || source[d] == 1 || weights[d] == 1, text, $"dimension {d} does not broadcast");
        var problem = new MatMulProblem { Name = end < 0 ? "" : ProblemFields.Unquote(text[(end + 1)..]), Source = source,
            Weights = weights };
        if (operands.Length == 3)
            ProblemFields.Require(Dimensions(operands[2]) == problem.Destination, text, $"the destination is {problem.Destination}");
        return problem;

        Shape Dimensions(string operand) => [.. operand.Split('x').Select(extent =>
        {
            bool valid = int.TryParse(extent, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value > 0;
            ProblemFields.Require(valid, text, $"'{extent}' is not an extent");
            return value;
        })];
    }

    /// <summary>
    /// The words of a shape or batch file: problems and options, separated by white space. <c>#</c> starts a comment where a
    /// word could start. A backslash at the end of a line, with or without space before it, joins the line's last word with
    /// the first of the next line.
    /// </summary>
    public static IEnumerable<string> Words(TextReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        return Read(reader);

        static IEnumerable<string> Read(TextReader reader)
        {
            string continued = "";
            while (reader.ReadLine() is { } line)
            {
                string[] words = [.. line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).TakeWhile(word => word[0] != '#')];
                if (words.Length == 0)
                    continue;
                bool continues = words[^1][^1] == '\\';
                if (continues)
                    words = words[^1] == "\\" ? words[..^1] : [.. words[..^1], words[^1][..^1]];
                for (int i = 0; i < words.Length; i++)
                {
                    continued += words[i];
                    if (continues && i == words.Length - 1)
                        break;
                    yield return continued;
                    continued = "";
                }
            }

            if (continued.Length > 0)
                yield return continued;
        }
    }
}
