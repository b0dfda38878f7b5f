// Models and images that are too large for the repository: found through INT8RT_TEST_DATA, a folder that holds data/ and
// onnx-backend-tests/. A test that needs them says by name that it was not run when the variable is not set.
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Int8Runtime.TestKit;

/// <summary>Access to the test data outside the repository.</summary>
public static class ExternalData
{
    /// <summary>The name of the environment variable that holds the folder.</summary>
    public const string Variable = "INT8RT_TEST_DATA";

    /// <summary>
    /// Looks up a file or folder below the test data. False when the variable is not set (the output then says that
    /// the test was not run); a path that is missing although the variable is set fails the test.
    /// </summary>
    public static bool TryGet(
        string relativePath, [NotNullWhen(true)] out string? path, [CallerMemberName] string test = "")
    {
        path = null;
        if (Environment.GetEnvironmentVariable(Variable) is not { Length: > 0 } root)
        {
            Console.WriteLine($"not run: {test}, {Variable} is not set");
            return false;
        }

        path = Path.Combine(root, relativePath);
        if (!Path.Exists(path))
            throw new FileNotFoundException($"{test} needs '{relativePath}' in the folder that {Variable} names ({root}).");

        return true;
    }
}
