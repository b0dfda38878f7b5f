// The options that drivers know, their defaults, and their current values.
namespace Int8Runtime.Bench;

/// <summary>Current values of all options; an option with several values, separated by commas, multiplies the cases.</summary>
internal sealed class Knobs
{
    /// <summary>Every option of a problem with its default, in the order in which a case repeats them.</summary>
    private static readonly (string Name, string Default)[] Known =
    [
        ("engine", "cpu"), ("mb", "0"), ("dir", ""), ("cfg", ""), ("dt", ""), ("sdt", ""), ("ddt", ""), ("bia-dt", ""), ("bia_mask", ""),
        ("ss_dt", ""), ("tag", ""), ("stag", ""), ("wtag", ""), ("dtag", ""), ("stat_tag", ""), ("strides", ""), ("alg", ""),
        ("alpha", ""), ("beta", ""), ("p", ""), ("eps", ""), ("axis", ""), ("group", ""), ("scales", ""), ("flags", ""),
        ("inplace", "false"),
        ("oflag", ""), ("encoding", ""), ("runtime_dims_masks", ""), ("runtime-dim-mask", ""), ("match", ""),
        ("skip-impl", ""), ("impl", ""), ("attr-scales", ""), ("attr-zero-points", ""), ("attr-oscale", ""), ("attr-post-ops", ""),
        ("attr-scratchpad", ""), ("runtime-quantization", ""), ("attr-fpmath", ""), ("attr-numeric-mode", ""),
        ("attr-acc-mode", ""), ("attr-deterministic", ""), ("attr-dropout", ""),
        ("attr-rounding-mode", ""),
    ];

    // Options of the whole run: a reset keeps them, and commas are part of one value.
    private static readonly HashSet<string> Common = ["skip-impl", "impl", "engine"];

    // Options about memory management, dispatch, measuring and sums computed beforehand that change no result here.
    private static readonly HashSet<string> Accepted =
    [
        "allow-enum-tags-only", "allow-unimpl", "attr-precomputed-reductions", "attr-same-pd-check",
        "bitwise", "buffer-prefix", "canonical", "check-ref-impl", "cold-cache",
        "cpu-isa-hints", "cross-engine", "ctx-exe", "ctx-exec", "ctx-init", "debug-check-ws", "def-scales", "execution-mode",
        "fast-ref", "fast-ref-gpu", "mem-check", "memory-kind", "mode-modifier", "num-streams", "operator", "runtime-k", "runtime-m",
        "runtime-n", "stacksize", "stream-kind", "trivial-strides",
    ];

    private static readonly Dictionary<string, string> Defaults = Known.ToDictionary(k => k.Name, k => k.Default);

    // Names are the same with underscores and with dashes: files have both. Older ones name inputs and outputs.
    private static readonly Dictionary<string, string> Spellings = new(
        Known.Select(k => KeyValuePair.Create(k.Name.Replace('_', '-'), k.Name)))
    {
        ["global-impl"] = "impl", ["idt"] = "sdt", ["odt"] = "ddt", ["itag"] = "stag", ["otag"] = "dtag",
        ["sparse-options"] = "encoding",
    };

    private readonly Dictionary<string, string[]> _values = [];

    /// <summary>Forgets every value but those of the whole run.</summary>
    public void Reset()
    {
        foreach (string name in _values.Keys.Except(Common).ToArray())
            _values.Remove(name);
    }

    /// <summary>Sets an option; false where there is none of that name.</summary>
    public bool TrySet(string name, string value)
    {
        name = name.Replace('_', '-');
        if (Accepted.Contains(name))
            return true;
        if (!Spellings.TryGetValue(name, out string? known))
            return false;
        if (known == "dir")
            value = value.ToUpperInvariant();
        string[] values = known == "match" || Common.Contains(known) ? [value] : value.Split(',');
        _values[known] = [.. values.Select(item => item.Trim('\'', '"'))]; // quotes of a shell, which older files have
        return true;
    }

    /// <summary>Every combination of the current values.</summary>
    public IEnumerable<Options> Combinations()
    {
        (string Name, string[] Values)[] axes = [.. Known.Where(k => _values.ContainsKey(k.Name)).Select(k => (k.Name, _values[k.Name]))];
        var position = new int[axes.Length];
        while (true)
        {
            yield return new Options(axes.Select((axis, i) => (axis.Name, axis.Values[position[i]]))
                .ToDictionary(p => p.Name, p => p.Item2));
            int d = axes.Length - 1;
            while (d >= 0 && ++position[d] == axes[d].Values.Length)
                position[d--] = 0;
            if (d < 0)
                yield break;
        }
    }

    /// <summary>The value of an option that nobody set.</summary>
    public static string DefaultOf(string name) => Defaults[name];
}

/// <summary>One value for each option.</summary>
internal sealed class Options(Dictionary<string, string> values)
{
    /// <summary>The value of an option, or its default.</summary>
    public string this[string name] => values.TryGetValue(name, out string? value) ? value : Knobs.DefaultOf(name);

    /// <summary>The value of an option, or <paramref name="otherwise"/> where it is empty.</summary>
    public string Or(string name, string otherwise) => this[name] is { Length: > 0 } value ? value : otherwise;

    /// <summary>The options that are not at their default, as a command line.</summary>
    public override string ToString() =>
        string.Concat(values.Where(v => v.Value != Knobs.DefaultOf(v.Key)).Select(v => $"--{v.Key}={v.Value} "));
}
