// What the commands share whose argument is a model.
using System.CommandLine;

namespace Int8Runtime.Cli;

/// <summary>The body of a command: its arguments, the model's path, where to write, and cancellation; the result is the exit code.</summary>
internal delegate int ModelCommandBody(ParseResult parse, string model, Terminal terminal, CancellationToken cancellation);

/// <summary>Creates commands that take a model and the options of the engine.</summary>
internal static class ModelCommand
{
    /// <summary>Creates a command.</summary>
    /// <param name="name">What the user types.</param>
    /// <param name="description">What it does, with examples.</param>
    /// <param name="body">What it runs.</param>
    /// <param name="options">Options of its own, in the order of the help; those of the engine follow.</param>
    public static Command Create(string name, string description, ModelCommandBody body, IEnumerable<Option> options)
    {
        Argument<string> model = ModelFile.CreateArgument();
        var command = new Command(name, description) { model };
        foreach (Option option in options)
            command.Options.Add(option);
        EngineOptions.AddTo(command);
        command.SetBody((parse, terminal, cancellation) => body(parse, parse.GetValue(model)!, terminal, cancellation));
        return command;
    }
}
