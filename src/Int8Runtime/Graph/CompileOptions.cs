// Options of compilation.
namespace Int8Runtime.Graph;

/// <summary>How a model is compiled.</summary>
public sealed record CompileOptions
{
    /// <summary>
    /// Values of the graph that requests deliver besides the model's outputs, by name; for calibration and debugging. A value
    /// that is observed is computed as such: nothing is fused across it.
    /// </summary>
    public IReadOnlyCollection<string> Observe { get; init; } = [];

    /// <summary>Names of passes that are left out, see <see cref="CompiledModel.PassNames"/>.</summary>
    public IReadOnlyCollection<string> DisabledPasses { get; init; } = [];

    /// <summary>The number of input shapes for which plans are kept; the one that was not used for longest is dropped.</summary>
    public int ShapeCacheCapacity { get; init; } = 8;
}
