// Benchmarks of Int8Runtime: BenchmarkDotNet suites, and side-by-side runs with other runtimes.
using Int8Runtime.Benchmarks.Commands;

return BenchmarkCommands.Run(args, Console.Error);
