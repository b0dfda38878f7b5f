// The fields of a problem text, and the rules by which missing ones are deduced.
using System.Globalization;

namespace Int8Runtime;

/// <summary>Pairs of letters and numbers, such as ic64, up to the name that n begins. A spatial extent of 0 counts as not given.</summary>
internal sealed class ProblemFields
{
    private static readonly HashSet<string> Known =
    [
        "g", "mb", "ic", "oc", .. from quantity in "ioksdp" from axis in "dhw" select $"{quantity}{axis}",
    ];

    private readonly string _text;
    private readonly Dictionary<string, int> _values = [];

    private ProblemFields(string text) => _text = text;

    /// <summary>The name; empty where there is none.</summary>
    public string Name { get; private set; } = "";

    /// <summary>The batch.</summary>
    public int Batch => _values.ContainsKey("mb") ? Positive("mb") : ProblemText.DefaultBatch;

    /// <summary>A field, or null where it is not given.</summary>
    public int? this[string field] => _values.TryGetValue(field, out int value) ? value : null;

    /// <summary>Splits a text into its fields.</summary>
    public static ProblemFields Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var fields = new ProblemFields(text);
        for (int i = 0; i < text.Length;)
        {
            if (text[i] == '_')
            {
                i++;
                continue;
            }

            if (text[i] is 'n' or '"') // the letter is missing here and there
            {
                fields.Name = Unquote(text[i] == 'n' ? text[(i + 1)..] : text[i..]);
                break;
            }

            int digits = i;
            while (digits < text.Length && char.IsAsciiLetter(text[digits]))
                digits++;
            int end = digits;
            while (end < text.Length && char.IsAsciiDigit(text[end]))
                end++;
            string field = text[i..digits];
            Require(Known.Contains(field), text, $"'{text[i..]}' does not start with a field");
            bool valid = int.TryParse(text[digits..end], NumberStyles.None, CultureInfo.InvariantCulture, out int value);
            Require(valid, text, $"{field} needs a number of at most {int.MaxValue}");
            fields._values[field] = value;
            i = end;
        }

        return fields;
    }

    /// <summary>The text with the fields of source and destination exchanged: ic with oc, id with od and so on.</summary>
    public static string Mirror(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        int name = text.IndexOf('n', StringComparison.Ordinal);
        string fields = name < 0 ? text : text[..name];
        return string.Concat(fields.Select((letter, i) => i + 1 < fields.Length && "cdhw".Contains(fields[i + 1], StringComparison.Ordinal)
            ? letter switch { 'i' => 'o', 'o' => 'i', _ => letter }
            : letter)) + text[fields.Length..];
    }

    /// <summary>A name without its quotes.</summary>
    public static string Unquote(string name) =>
        name.Length >= 2 && name[0] == '"' && name[^1] == '"' ? name[1..^1] : name;

    /// <summary>Throws with the problem's text where a condition does not hold.</summary>
    public static void Require(bool condition, string text, string reason)
    {
        if (!condition)
            throw new FormatException($"'{text}': {reason}.");
    }

    /// <summary>A field that must be given and not 0.</summary>
    public int Positive(string field)
    {
        int value = this[field] ?? 0;
        Require(value > 0, _text, $"{field} is missing");
        return value;
    }

    /// <summary>The spatial dimensions of the problem: as many as the outermost given input extent says.</summary>
    public string SpatialLetters()
    {
        int outermost = "dhw".ToList().FindIndex(axis => Extent('i', axis) != 0);
        return outermost < 0 ? "" : "dhw"[outermost..];
    }

    /// <summary>The input extent of a spatial dimension.</summary>
    public int Input(char axis) => Positive($"i{SourceOf(axis)}");

    /// <summary>The output extent of a spatial dimension; the input extent where none is given.</summary>
    public int Output(char axis) => Extent('o', SourceOf(axis)) is > 0 and int output ? output : Input(axis);

    /// <summary>A spatial dimension of a convolution or pooling with everything deduced.</summary>
    /// <param name="axis">The letter of the dimension.</param>
    /// <param name="mayStopEarly">Whether the output may have fewer windows than there is room for, as that of a pooling.</param>
    public ConvolutionAxis Axis(char axis, bool mayStopEarly = false)
    {
        char source = SourceOf(axis);
        var window = new ConvolutionAxis(
            Positive($"i{source}"), 0, Positive($"k{source}"), Math.Max(1, Extent('s', source)), Extent('d', source) + 1, 0);
        int output = Extent('o', source);
        int? padding = this[$"p{source}"];
        if (output == 0)
            output = ((window.Input - window.Window + (2 * (padding ?? 0))) / window.Stride) + 1;
        else
            padding ??= Math.Max(0, ((output - 1) * window.Stride) - window.Input + window.Window) / 2;
        window = window with { Output = output, Padding = padding ?? 0 };
        Require(
            output > 0 && (mayStopEarly || window.PaddingAfter > -window.Stride), _text,
            $"o{source} = {output} does not fit input, window and padding");
        return window;
    }

    // A dimension of which nothing is given has the values of the one before it: squares and cubes.
    private char SourceOf(char axis)
    {
        int index = "dhw".IndexOf(axis, StringComparison.Ordinal);
        while (index > 0 && Extent('i', "dhw"[index]) == 0)
            index--;
        return "dhw"[index];
    }

    private int Extent(char quantity, char axis) => this[$"{quantity}{axis}"] ?? 0;
}
