// Property-based checks: FsCheck with a seed that can be given again.
using System.Globalization;
using FsCheck;
using FsCheck.Fluent;

namespace Int8Runtime.TestKit;

/// <summary>
/// Checks a property on random values. A failure prints the value and FsCheck's replay seed; the same values come again
/// when INT8RT_TEST_SEED is set to that seed ("seed,gamma"). INT8RT_TEST_FACTOR draws that many times as many values, to
/// look for what is rare.
/// </summary>
public static class Properties
{
    /// <summary>The environment variable that repeats a run.</summary>
    public const string SeedVariable = "INT8RT_TEST_SEED";

    /// <summary>The environment variable that multiplies the number of values.</summary>
    public const string FactorVariable = "INT8RT_TEST_FACTOR";

    /// <summary>Calls <paramref name="check"/>, which throws where the property does not hold, on random values.</summary>
    public static void Check<T>(Gen<T> generator, Action<T> check, int count = 100) => Check(generator.ToArbitrary(), check, count);

    /// <summary>Checks a property of problems; a failure is reduced to a smaller problem, which is printed as a line for i8bench.</summary>
    public static void Check(Gen<Problem> generator, Action<Problem> check, int count = 100) =>
        Check(Arb.From(generator, ProblemShrinker.Shrink), check, count);

    private static void Check<T>(Arbitrary<T> values, Action<T> check, int count)
    {
        ArgumentNullException.ThrowIfNull(check);
        if (Environment.GetEnvironmentVariable(FactorVariable) is { Length: > 0 } factor)
            count *= int.Parse(factor, CultureInfo.InvariantCulture);
        Config config = Config.QuickThrowOnFailure.WithMaxTest(count);
        if (Environment.GetEnvironmentVariable(SeedVariable) is { Length: > 0 } text)
        {
            string[] parts = text.Split(',', StringSplitOptions.TrimEntries);
            config = config.WithReplay(
                ulong.Parse(parts[0], CultureInfo.InvariantCulture), ulong.Parse(parts[1], CultureInfo.InvariantCulture));
        }

        FsCheck.Fluent.Prop.ForAll(values, value =>
        {
            check(value);
            return true;
        }).Check(config);
    }
}
