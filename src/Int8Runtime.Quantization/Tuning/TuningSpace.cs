// What a tuner may choose.
using System.Globalization;

namespace Int8Runtime.Quantization;

/// <summary>A choice that concerns the whole model.</summary>
/// <param name="Name">For example <c>estimator</c>.</param>
/// <param name="Values">The values, the preferred one first.</param>
public sealed record TuningParameter(string Name, IReadOnlyList<string> Values);

/// <summary>All configurations: a value for each parameter, and a set of layers that stay f32.</summary>
/// <param name="Parameters">The choices for the whole model.</param>
/// <param name="Layers">Layers that may fall back to f32; empty if they may not.</param>
public sealed record TuningSpace(IReadOnlyList<TuningParameter> Parameters, IReadOnlyList<OperatorCapability> Layers)
{
    /// <summary>Number of combinations of parameters.</summary>
    public int ModelWiseCount => Parameters.Aggregate(1, (product, p) => checked(product * p.Values.Count));

    /// <summary>The combination with an index; the last parameter changes fastest, index 0 has all preferred values.</summary>
    public TrialConfiguration ModelWise(int index)
    {
        var settings = new (string, string)[Parameters.Count];
        for (int i = Parameters.Count - 1; i >= 0; i--)
        {
            settings[i] = (Parameters[i].Name, Parameters[i].Values[index % Parameters[i].Values.Count]);
            index /= Parameters[i].Values.Count;
        }

        return new TrialConfiguration(settings, []);
    }
}

/// <summary>One point of a <see cref="TuningSpace"/>. Compares by value.</summary>
public sealed class TrialConfiguration : IEquatable<TrialConfiguration>
{
    /// <summary>Creates a configuration.</summary>
    /// <param name="settings">The value of each parameter, in the order of the space.</param>
    /// <param name="floatLayers">Layers that stay f32.</param>
    public TrialConfiguration(IEnumerable<(string Name, string Value)> settings, IEnumerable<string> floatLayers)
    {
        Settings = [.. settings];
        FloatLayers = [.. floatLayers.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        Key = string.Join(' ', Settings.Select(s => $"{s.Name}={s.Value}"))
            + (FloatLayers.Count == 0 ? "" : " f32: " + string.Join(", ", FloatLayers));
    }

    /// <summary>The value of each parameter.</summary>
    public IReadOnlyList<(string Name, string Value)> Settings { get; }

    /// <summary>Layers that stay f32, sorted.</summary>
    public IReadOnlyList<string> FloatLayers { get; }

    /// <summary>The configuration in one line; equal configurations have equal keys.</summary>
    public string Key { get; }

    /// <summary>The value of a parameter, or null if the space does not have it.</summary>
    public string? this[string name] => Settings.FirstOrDefault(s => s.Name == name).Value;

    /// <summary>The same settings with other layers in f32.</summary>
    public TrialConfiguration WithFloatLayers(IEnumerable<string> layers) => new(Settings, layers);

    /// <inheritdoc/>
    public bool Equals(TrialConfiguration? other) => other is not null && other.Key == Key;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as TrialConfiguration);

    /// <inheritdoc/>
    public override int GetHashCode() => StringComparer.Ordinal.GetHashCode(Key);

    /// <inheritdoc/>
    public override string ToString() => Key;
}

/// <summary>A finished trial.</summary>
/// <param name="Index">0 for the first.</param>
/// <param name="Configuration">What was tried.</param>
/// <param name="Accuracy">The metric; NaN if the trial failed.</param>
/// <param name="Milliseconds">Time of one inference; NaN if the trial failed.</param>
/// <param name="Seconds">Time that the trial took.</param>
/// <param name="Error">Why it failed; null if it did not.</param>
public sealed record Trial(int Index, TrialConfiguration Configuration, double Accuracy, double Milliseconds, double Seconds,
    string? Error = null)
{
    /// <summary>
    /// Orders trials for a bound of the accuracy: those within the bound before the others, then the faster; those outside by
    /// accuracy; failed ones last. Smaller is better.
    /// </summary>
    public static Comparison<Trial> Order(double wantedAccuracy) => (a, b) =>
    {
        int Class(Trial t) => t.Error is not null || double.IsNaN(t.Accuracy) ? 2 : t.Accuracy >= wantedAccuracy ? 0 : 1;
        int order = Class(a).CompareTo(Class(b));
        if (order == 0)
            order = Class(a) == 0 ? a.Milliseconds.CompareTo(b.Milliseconds) : b.Accuracy.CompareTo(a.Accuracy);
        return order != 0 ? order : a.Index.CompareTo(b.Index);
    };

    /// <inheritdoc/>
    public override string ToString() => Error is null
        ? string.Create(CultureInfo.InvariantCulture, $"{Index}: {Accuracy:0.####}, {Milliseconds:0.###} ms, {Configuration}")
        : $"{Index}: failed ({Error}), {Configuration}";
}
