// i8bench: tests and times primitives by benchdnn's command lines.
using Int8Runtime.Bench;

if (args is [] or ["--help" or "-h" or "-?"])
{
    (args.Length == 0 ? Console.Error : Console.Out).WriteLine(HelpText.Of());
    return args.Length == 0 ? 2 : 0;
}

using var output = new StreamWriter(Console.OpenStandardOutput());
return new BenchSession(output).Run(args);
