// Benchmarks of Int8Runtime: BenchmarkDotNet suites, and side-by-side runs with other runtimes.
using System.CommandLine;
using Int8Runtime.Benchmarks.Commands;

var root = new RootCommand("Benchmarks of Int8Runtime.")
{
    BdnCommand.Create(),
    OneDnnCommand.Create(),
    OrtCommand.Create(),
    AllCommand.Create(),
};
return root.Parse(args).Invoke();
