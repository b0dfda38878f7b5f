// A mapping of a YAML file whose keys and values are checked.
using System.Globalization;
using YamlDotNet.RepresentationModel;

namespace Int8Runtime.Quantization;

/// <summary>Reads values and refuses what does not fit, with file and line.</summary>
internal sealed class YamlSection
{
    private readonly Dictionary<string, (YamlNode Key, YamlNode Value)> _entries = new(StringComparer.Ordinal);
    private readonly string _source;
    private readonly string _path;
    private readonly YamlNode _node;

    public YamlSection(YamlNode node, string source, string path, params IReadOnlyList<string> known)
    {
        _source = source;
        _path = path;
        _node = node;
        if (node is YamlSequenceNode { Children: [var single] })
            node = single;   // some examples write a list with one entry
        if (node is YamlScalarNode { Value: null or "" })
            return;
        if (node is not YamlMappingNode mapping)
            throw At(node, $"{(path.Length > 0 ? path : "the configuration")} has to be a mapping of keys: {string.Join(", ", known)}");
        foreach ((YamlNode key, YamlNode value) in mapping.Children)
        {
            string name = (key as YamlScalarNode)?.Value ?? "";
            if (known.Count > 0 && !known.Contains(name))
                throw At(key, $"unknown key '{Place(name)}'; known here: {string.Join(", ", known)}");
            _entries[name] = (key, value);
        }
    }

    public bool Has(string key) => _entries.ContainsKey(key);

    public YamlSection? Section(string key, params IReadOnlyList<string> known) =>
        _entries.TryGetValue(key, out (YamlNode Key, YamlNode Value) entry)
            ? new YamlSection(entry.Value, _source, Place(key), known) : null;

    public string Text(string key, string otherwise) => Has(key) ? Scalar(key, _entries[key].Value) : otherwise;

    public bool Boolean(string key, bool otherwise) => Choice(key, otherwise ? "true" : "false", "true", "false") == "true";

    public string Choice(string key, string otherwise, params string[] allowed) => Choices(key, allowed) switch
    {
        [] => otherwise,
        [var single] => single,
        _ => throw Wrong(key, $"'{Place(key)}' has one value; choose from {string.Join(", ", allowed)}"),
    };

    /// <summary>One value or a list of values that all are allowed; empty if the key is missing.</summary>
    public IReadOnlyList<string> Choices(string key, params string[] allowed) => Checked(key, value => allowed.Contains(value)
        ? value
        : throw new QuantizationException($"use {string.Join(", ", allowed)}"));

    public IReadOnlyList<string> List(string key) => Checked(key, value => value);

    public IReadOnlyList<string> WholeNumbers(string key, int least, int most = int.MaxValue) => Checked(key, value =>
        int.TryParse(value, NumberStyles.Integer, CultureInfo.InvariantCulture, out int number) && number >= least && number <= most
            ? number.ToString(CultureInfo.InvariantCulture)
            : throw new QuantizationException(most == int.MaxValue ? $"use whole numbers of at least {least}"
                : $"use whole numbers from {least} to {most}"));

    public double Number(string key, double otherwise, double least, double most, bool whole)
    {
        if (!Has(key))
            return otherwise;
        string text = Scalar(key, _entries[key].Value);
        bool parsed = double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number);
        return parsed && number >= least && number <= most && (!whole || number == Math.Floor(number))
            ? number
            : throw Wrong(key, $"'{text}' does not fit '{Place(key)}'; use a {(whole ? "whole " : "")}number of at least {least.ToString("G6", CultureInfo.InvariantCulture)}");
    }

    /// <summary>One value or a list, each checked; what the check throws is reported with the line.</summary>
    public IReadOnlyList<string> Checked(string key, Func<string, string> check)
    {
        if (!_entries.TryGetValue(key, out (YamlNode Key, YamlNode Value) entry))
            return [];
        IEnumerable<YamlNode> nodes = entry.Value is YamlSequenceNode list ? list.Children : [entry.Value];
        List<string> values = [];
        foreach (YamlNode node in nodes)
        {
            string value = Scalar(key, node);
            // Examples write lists without brackets: "5, 10".
            foreach (string part in value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
            {
                try
                {
                    values.Add(check(part));
                }
                catch (QuantizationException exception)
                {
                    throw At(node, $"'{part}' does not fit '{Place(key)}': {exception.Message}");
                }
            }
        }

        return values.Count > 0 ? [.. values.Distinct()] : throw Wrong(key, $"'{Place(key)}' is empty; give a value or leave the key out");
    }

    public QuantizationException Wrong(string key, string message) =>
        At(_entries.TryGetValue(key, out (YamlNode Key, YamlNode Value) entry) ? entry.Key : _node, message);

    private string Scalar(string key, YamlNode node) => node is YamlScalarNode { Value: { } value }
        ? value
        : throw At(node, $"'{Place(key)}' has to be a single value");

    private string Place(string key) => _path.Length == 0 ? key : key.Length == 0 ? _path : $"{_path}.{key}";

    private QuantizationException At(YamlNode node, string message) => new($"{_source}:{node.Start.Line}: {message}");
}
