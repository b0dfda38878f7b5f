// The report as JSON.
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Int8Runtime.Quantization.Reporting;

/// <summary>Writes a report as one JSON object. Numbers that are not finite are null.</summary>
public static class ReportJson
{
    private static readonly JsonSerializerOptions Indented =
        new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The report as text.</summary>
    public static string Write(ModelReport report) => ToJson(report).ToJsonString(Indented);

    /// <summary>The report as an object; every number of the page stands here under the key that the page gives with it.</summary>
    public static JsonObject ToJson(ModelReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        return new JsonObject
        {
            ["model"] = report.Model,
            ["data"] = report.Conditions.Data,
            ["calibration_samples"] = report.Conditions.CalibrationSamples,
            ["compared_samples"] = report.Conditions.ComparedSamples,
            ["held_out"] = report.Conditions.IsHeldOut,
            ["isa"] = report.Conditions.Isa,
            ["threads"] = report.Conditions.Threads,
            ["pruning"] = report.Pruning is not { } pruning ? null : new JsonObject
            {
                ["filters"] = Of(pruning.Filters), ["parameters"] = Of(pruning.Parameters), ["flops"] = Of(pruning.Flops),
                ["difference"] = Number(pruning.Difference),
                ["nodes"] = List(pruning.Nodes, n => new JsonObject
                {
                    ["name"] = n.Name, ["operator"] = n.OpType, ["parameters"] = Of(n.Parameters), ["flops"] = Of(n.Flops),
                }),
            },
            ["file_bytes"] = Of(report.FileBytes),
            ["memory_bytes"] = Of(report.MemoryBytes),
            ["ms"] = Of(report.Milliseconds),
            ["accuracy"] = report.Accuracy is not { } accuracy ? null : new JsonObject
            {
                ["top1"] = Of(accuracy.Top1), ["top5"] = Of(accuracy.Top5), ["samples"] = accuracy.Samples,
                ["disagreements"] = accuracy.Disagreements,
                ["uncertainty"] = Number(accuracy.Uncertainty),
                ["guessing"] = accuracy.IsGuessing,
            },
            ["sqnr"] = Number(report.Output.Sqnr),
            ["cosine"] = Number(report.Output.Cosine),
            ["clipped"] = Number(report.Clipped),
            ["range_convergence"] = new JsonArray([.. report.Convergence.Select(c => new JsonObject
            {
                ["samples"] = c.Samples, ["median"] = Number(c.Median), ["least"] = Number(c.Least),
            })]),
            ["int8_layers"] = report.Int8Layers,
            ["computing_layers"] = report.ComputingLayers,
            ["layers"] = List(report.Layers, l => new JsonObject
            {
                ["name"] = l.Name, ["operator"] = l.OpType, ["fused"] = List(l.Fused, f => JsonValue.Create(f)),
                ["precision"] = l.Precision, ["int8"] = l.IsInt8,
                ["kernel"] = l.Kernel, ["sqnr"] = Number(l.Similarity?.Sqnr), ["cosine"] = Number(l.Similarity?.Cosine),
                ["ms"] = Of(l.Milliseconds),
                ["notes"] = List(l.Notes, n => JsonValue.Create(n)),
            }),
            ["activations"] = List(report.Activations, a => new JsonObject
            {
                ["name"] = a.Name, ["type"] = a.Type, ["scale"] = (double)a.Scale, ["zero_point"] = a.ZeroPoint,
                ["minimum"] = (double)a.Range.Minimum, ["maximum"] = (double)a.Range.Maximum,
                ["clipped"] = Number(a.Clipped), ["values"] = a.Values,
                ["histogram"] = new JsonObject { ["start"] = a.Start, ["width"] = a.Width,
                    ["counts"] = List(a.Counts, c => JsonValue.Create(c)) },
            }),
            ["exclude_first"] = List(report.Candidates,
                c => new JsonObject { ["name"] = c.Name, ["operator"] = c.OpType, ["gain"] = Number(c.Gain) }),
            ["float_nodes"] = List(report.FloatNodes,
                n => new JsonObject { ["name"] = n.Name, ["operator"] = n.OpType, ["reason"] = n.Reason }),
        };
    }

    private static JsonArray List<T>(IEnumerable<T> items, Func<T, JsonNode?> convert) => new([.. items.Select(convert)]);

    private static JsonObject Of(Pair pair) => new() { ["f32"] = Number(pair.Float), ["int8"] = Number(pair.Int8) };

    private static JsonObject Of(Pruning.Change change) => new() { ["before"] = change.Before, ["after"] = change.After };

    private static JsonNode? Number(double? value) => value is { } number && double.IsFinite(number) ? JsonValue.Create(number) : null;
}
