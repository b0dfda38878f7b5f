// bdn: the BenchmarkDotNet suites.
using System.CommandLine;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

namespace Int8Runtime.Benchmarks.Commands;

internal static class BdnCommand
{
    public static Command Create()
    {
        var arguments = new Argument<string[]>("arguments") { Description =
            "Arguments of BenchmarkDotNet, for example --filter '*'.", Arity = ArgumentArity.ZeroOrMore };
        var command = new Command("bdn",
            """
            Run the BenchmarkDotNet suites of kernels and models.

            Example:
              bdn --filter '*Convolution*'
            """) { arguments };
        command.TreatUnmatchedTokensAsErrors = false;
        command.SetAction(parse =>
        {
            // In process: the kernels are generated at run time, so a process of its own would measure the same code.
            ManualConfig config = ManualConfig.Create(DefaultConfig.Instance)
                .AddJob(Job.Default.WithToolchain(InProcessEmitToolchain.Instance).WithWarmupCount(3).WithIterationCount(10))
                .AddDiagnoser(MemoryDiagnoser.Default)
                .AddColumn(StatisticColumn.Min, StatisticColumn.Median);
            string[] passed = [.. parse.GetValue(arguments)!, .. parse.UnmatchedTokens];
            BenchmarkSwitcher.FromAssembly(typeof(BdnCommand).Assembly).Run(passed, config);
        });
        return command;
    }
}
