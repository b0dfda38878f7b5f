// The conformance cases of ONNX, as `i8rt verify` runs them.
using System.Text.Json.Nodes;
using Int8Runtime.TestKit;

namespace Int8Runtime.Cli.Tests;

public sealed class ConformanceTests
{
    [Fact]
    public void No_case_fails_and_what_is_claimed_passes()
    {
        if (!ExternalData.TryGet("onnx-backend-tests", out string? root))
            return;
        string[] suites = [.. ((string[])["node", "simple", "light"]).Select(suite => Path.Combine(root, suite))];
        JsonObject result = CommandLine.Json(["verify", .. suites]);
        Assert.Equal(0, (int)result["failed"]!);
        Assert.True((int)result["passed"]! >= 1314, $"{result["passed"]} cases passed");
        JsonNode corrected = result["cases"]!.AsArray().Single(c => (string)c!["name"]! == "test_qlinearmatmul_2D_int8_float32")!;
        Assert.Contains("1 expected values saturated", (string)corrected["detail"]!, StringComparison.Ordinal);
    }
}
