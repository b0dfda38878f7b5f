// The command line of Int8Runtime.
using System.CommandLine;
using System.CommandLine.Invocation;
using Int8Runtime.Cli.Commands;

namespace Int8Runtime.Cli;

/// <summary>Entry point and the list of commands.</summary>
internal static class Program
{
    /// <summary>Runs the command line; see <see cref="ExitCode"/> for the result.</summary>
    public static Task<int> Main(string[] arguments) => RunAsync(
        arguments, new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromSeconds(15) });

    /// <summary>Runs the command line with output and error streams of the caller's choice.</summary>
    internal static Task<int> RunAsync(string[] arguments, InvocationConfiguration configuration, CancellationToken cancellation = default)
    {
        configuration.EnableDefaultExceptionHandler = false;
        ParseResult parse = CreateRoot().Parse(arguments);
        return parse.Action is ParseErrorAction
            ? Task.FromResult(UsageErrors.Report(parse, configuration))
            : parse.InvokeAsync(configuration, cancellation);
    }

    /// <summary>The root command with all sub-commands.</summary>
    internal static RootCommand CreateRoot()
    {
        var root = new RootCommand(
            """
            Int8Runtime: quantize, run, check and time neural networks with kernels generated for this CPU.

            Examples:
              i8rt demo
              i8rt quantize net.onnx --data images/ --preprocess imagenet -o net-int8.onnx
              i8rt tune net.yaml -o net-int8.onnx
              i8rt eval net-int8.onnx --data images/ --preprocess imagenet
              i8rt run net-int8.onnx --input cat.png --preprocess imagenet --labels classes.txt
              i8rt bench net-int8.onnx --threads 1
              i8rt explain net-int8.onnx
              i8rt inspect net-int8.onnx
              i8rt convert net-int8.onnx -o net-int8.xml
              i8rt verify cases/

            Exit codes: 0 success, 1 the check failed, 2 wrong arguments or input, 3 cancelled, 70 internal error.
            """);
        root.Subcommands.Add(DemoCommand.Create());
        root.Subcommands.Add(QuantizeCommand.Create());
        root.Subcommands.Add(TuneCommand.Create());
        root.Subcommands.Add(PruneCommand.Create());
        root.Subcommands.Add(OptimizeCommand.Create());
        root.Subcommands.Add(EvalCommand.Create());
        root.Subcommands.Add(RunCommand.Create());
        root.Subcommands.Add(BenchCommand.Create());
        root.Subcommands.Add(ExplainCommand.Create());
        root.Subcommands.Add(VerifyCommand.Create());
        root.Subcommands.Add(RandomizeCommand.Create());
        root.Subcommands.Add(ZooCommand.Create());
        root.Subcommands.Add(ConvertCommand.Create());
        root.Subcommands.Add(InspectCommand.Create());
        root.Subcommands.Add(InfoCommand.Create());
        return root;
    }
}
