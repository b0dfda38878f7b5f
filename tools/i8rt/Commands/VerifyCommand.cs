// i8rt verify: ONNX test-case folders against their expected outputs.
using System.CommandLine;
using System.Text.Json.Nodes;

namespace Int8Runtime.Cli.Commands;

/// <summary>Runs ONNX test cases and compares.</summary>
internal static class VerifyCommand
{
    private static readonly Option<double> Tolerance = new("--tolerance")
    {
        Description = "Largest difference of float outputs as a share of the output's range.", DefaultValueFactory = _ => 1e-3,
        HelpName = "X",
    };

    private static readonly Option<double> Steps = new("--steps")
    {
        Description = "Quantized models: largest difference in steps of the last quantizer.", DefaultValueFactory = _ => 5, HelpName = "N",
    };

    public static Command Create()
    {
        var folders = new Argument<string[]>("DIR")
        {
            Description = "Test-case folders, or folders that hold them. A case has model.onnx (or model.path with the "
                + "relative path of the model) and test_data_set_*/input_*.pb, output_*.pb.",
            Arity = ArgumentArity.OneOrMore,
        };
        var command = new Command("verify",
            """
            Run ONNX test cases and compare with the expected outputs. Each case passes, fails, or is unsupported with a reason.

            Examples:
              i8rt verify cases/
              i8rt verify onnx/backend/test/data/node --json
            """)
        {
            folders, Tolerance, Steps,
        };
        EngineOptions.AddTo(command);
        command.SetBody((parse, terminal, cancellation) => Run(parse, parse.GetValue(folders)!, terminal, cancellation));
        return command;
    }

    private static int Run(ParseResult parse, string[] folders, Terminal terminal, CancellationToken cancellation)
    {
        string[] cases = [.. folders.SelectMany(TestCase.Find)];
        if (cases.Length == 0)
            throw new UsageException(
                $"no test case in {string.Join(", ", folders)}: a case is a folder with model.onnx or model.path and "
                + "test_data_set_*");
        using CpuEngine engine = EngineOptions.CreateEngine(parse);
        var limits = new ComparisonLimits(parse.GetValue(Tolerance), parse.GetValue(Steps));
        List<TestCaseResult> results = terminal.Progress("verifying", progress =>
        {
            var done = new List<TestCaseResult>();
            foreach (string path in cases)
            {
                cancellation.ThrowIfCancellationRequested();
                done.Add(TestCase.Run(engine, path, limits));
                progress.Report((done.Count, cases.Length));
            }

            return done;
        });

        foreach (TestCaseResult result in results)
            terminal.Line($"{result.Outcome.ToString().ToLowerInvariant(),-11} {result.Name}{(result.Detail.Length > 0 ? ": " : "")}{result.Detail}");
        int passed = results.Count(r => r.Outcome == TestOutcome.Passed);
        int failed = results.Count(r => r.Outcome == TestOutcome.Failed);
        int unsupported = results.Count - passed - failed;
        terminal.Line($"{passed} passed, {failed} failed, {unsupported} unsupported");
        terminal.Json(new JsonObject
        {
            ["passed"] = passed,
            ["failed"] = failed,
            ["unsupported"] = unsupported,
            ["cases"] = new JsonArray([.. results.Select(r => new JsonObject
            {
                ["name"] = r.Name, ["outcome"] = r.Outcome.ToString().ToLowerInvariant(), ["detail"] = r.Detail,
            })]),
        });
        return failed == 0 ? ExitCode.Success : ExitCode.CheckFailed;
    }
}
