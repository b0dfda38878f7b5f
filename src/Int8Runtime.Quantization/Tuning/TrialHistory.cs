// Finished trials on disk: one JSON object in a line.
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Int8Runtime.Quantization;

/// <summary>
/// A file whose first line says what was tuned and whose further lines are trials. A line is written at once and forced to disk, so
/// that a killed run loses no finished trial; a last line without its end is a trial that was not finished and is dropped.
/// </summary>
public sealed class TrialHistory
{
    // Seconds; no trial lasts decades.
    private const double LongestTrial = 1e9;

    private readonly string _path;
    private readonly List<Trial> _trials = [];

    private TrialHistory(string path) => _path = path;

    /// <summary>The trials so far.</summary>
    public IReadOnlyList<Trial> Trials => _trials;

    /// <summary>Opens a history, or begins one if there is no such file. An empty path keeps the trials in memory only.</summary>
    /// <param name="path">The file.</param>
    /// <param name="model">Name of the model.</param>
    /// <param name="settings">What has to be equal for the trials to be of use: strategy, seed, space.</param>
    /// <exception cref="QuantizationException">
    /// The file is corrupt (with the line), belongs to another model or other settings, or cannot be read and written.
    /// </exception>
    public static TrialHistory Open(string path, string model, string settings)
    {
        var history = new TrialHistory(path);
        if (path.Length == 0)
            return history;
        try
        {
            if (!File.Exists(path) || new FileInfo(path).Length == 0)
                history.Append(Header(model, settings));
            else
                history.Read(model, settings);
            return history;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new QuantizationException(
                $"the history '{path}' cannot be kept ({exception.Message.TrimEnd('.')}); choose another file", exception);
        }
    }

    /// <summary>Adds a finished trial.</summary>
    public void Add(Trial trial)
    {
        ArgumentNullException.ThrowIfNull(trial);
        _trials.Add(trial);
        if (_path.Length > 0)
            Append(ToJson(trial).ToJsonString());
    }

    /// <summary>A trial as a line of the file holds it; figures that are not finite are null.</summary>
    public static JsonObject ToJson(Trial trial)
    {
        ArgumentNullException.ThrowIfNull(trial);
        var settings = new JsonObject();
        foreach ((string name, string value) in trial.Configuration.Settings)
            settings[name] = value;
        return new JsonObject
        {
            ["trial"] = trial.Index,
            ["settings"] = settings,
            ["f32_layers"] = new JsonArray([.. trial.Configuration.FloatLayers.Select(l => (JsonNode)l)]),
            ["accuracy"] = double.IsFinite(trial.Accuracy) ? trial.Accuracy : null,
            ["milliseconds"] = double.IsFinite(trial.Milliseconds) ? trial.Milliseconds : null,
            ["seconds"] = trial.Seconds,
            ["error"] = trial.Error,
        };
    }

    private void Read(string model, string settings)
    {
        byte[] content = File.ReadAllBytes(_path);
        int end = content.AsSpan().LastIndexOf((byte)'\n') + 1;
        if (end < content.Length)
        {
            // The run was killed while it wrote: the trial counts as not finished.
            using FileStream file = new(_path, FileMode.Open, FileAccess.Write);
            file.SetLength(end);
        }

        if (end == 0)
        {
            Append(Header(model, settings));
            return;
        }

        ReadOnlySpan<byte> whole = content.AsSpan(0, end);
        string text = Encoding.UTF8.GetString(whole.StartsWith(Encoding.UTF8.Preamble) ? whole[Encoding.UTF8.Preamble.Length..] : whole);
        string[] lines = text.Split('\n')[..^1];
        for (int i = 0; i < lines.Length; i++)
        {
            try
            {
                using JsonDocument document = JsonDocument.Parse(lines[i]);
                if (i == 0)
                    CheckHeader(document.RootElement, model, settings);
                else
                    _trials.Add(ToTrial(document.RootElement, i - 1));
            }
            catch (Exception exception) when (
                exception is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
            {
                // The parser counts lines of the text that it is given, which is one line.
                string defect = exception.Message.Split(" LineNumber:")[0].TrimEnd('.');
                throw new QuantizationException(
                    $"{_path}:{i + 1}: the history is corrupt ({defect}); remove the line and those behind it to "
                        + "continue from there, or the file to start anew", exception);
            }
        }
    }

    private static string Header(string model, string settings) =>
        new JsonObject { ["version"] = 1, ["model"] = model, ["settings"] = settings }.ToJsonString();

    private void CheckHeader(JsonElement header, string model, string settings)
    {
        if (header.GetProperty("version").GetInt32() != 1)
            throw new FormatException("the version is not 1");
        string? ofModel = header.GetProperty("model").GetString(), ofSettings = header.GetProperty("settings").GetString();
        if (ofModel != model || ofSettings != settings)
        {
            throw new QuantizationException(
                $"{_path}:1: the history belongs to {(ofModel != model ? $"the model '{ofModel}', not '{model}'" : $"other settings ({ofSettings})")}; choose another history file or remove it");
        }
    }

    private static Trial ToTrial(JsonElement line, int index)
    {
        if (line.GetProperty("trial").GetInt32() != index)
            throw new FormatException($"trial {index} is expected here");
        // Null stands for a number that a failed trial does not have.
        double NumberOf(string name) =>
            line.GetProperty(name) is { ValueKind: not JsonValueKind.Null } number ? number.GetDouble() : double.NaN;
        var configuration = new TrialConfiguration(
            line.GetProperty("settings").EnumerateObject().Select(s => (s.Name, s.Value.GetString()!)),
            line.GetProperty("f32_layers").EnumerateArray().Select(l => l.GetString()!));
        string? error = line.GetProperty("error").GetString();
        double accuracy = NumberOf("accuracy"), milliseconds = NumberOf("milliseconds"), seconds = NumberOf("seconds");
        if (error is null && !(double.IsFinite(accuracy) && double.IsFinite(milliseconds)))
            throw new FormatException("the trial has neither accuracy and time nor error");
        if (!(seconds >= 0 && seconds <= LongestTrial))
            throw new FormatException($"the trial took {seconds.ToString(CultureInfo.InvariantCulture)} seconds");
        return new Trial(index, configuration, accuracy, milliseconds, seconds, error);
    }

    private void Append(string line)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(line + "\n");
        using FileStream file = new(_path, FileMode.Append, FileAccess.Write, FileShare.Read, bufferSize: 0);
        file.Write(bytes);
        file.Flush(flushToDisk: true);
    }
}
