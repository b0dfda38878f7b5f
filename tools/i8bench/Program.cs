// i8bench: tests and times primitives by benchdnn's command lines.
using Int8Runtime.Bench;

if (args.Length == 0)
{
    Console.Error.WriteLine("usage: i8bench [--mode=C|P|R|L] [--json] [--quiet] --DRIVER [OPTION]... PROBLEM|--batch=FILE...");
    return 2;
}

using var output = new StreamWriter(Console.OpenStandardOutput());
return new BenchSession(output).Run(args);
