// ort: whole models side by side with ONNX Runtime.
using System.CommandLine;
using Int8Runtime.Benchmarks.OnnxRuntime;

namespace Int8Runtime.Benchmarks.Commands;

internal static class OrtCommand
{
    /// <summary>Path of the library, shared with the command that measures everything.</summary>
    public static readonly Option<string> Library = new("--ort-library")
    {
        Description = $"Path of libonnxruntime; {ModelComparison.LibraryVariable} by default. 'npm install --ignore-scripts "
            + "onnxruntime-node' brings one.",
        DefaultValueFactory = _ => Environment.GetEnvironmentVariable(ModelComparison.LibraryVariable) is { Length: > 0 } path
            ? path : ModelComparison.DefaultLibrary,
    };

    private static readonly Argument<string[]> Models = new("models") { Description = "ONNX files.", Arity = ArgumentArity.OneOrMore };

    public static Command Create()
    {
        var command = new Command("ort",
            """
            Time whole models in turn with ONNX Runtime.

            Example:
              ort net.onnx net-int8.onnx --ort-library libonnxruntime.so.1 --threads 1 --seconds 2
            """) { Models, Library };
        Output.AddTo(command);
        command.SetAction(parse =>
        {
            foreach (string model in parse.GetValue(Models)!.Where(m => !System.IO.File.Exists(m)))
                throw new BadInputException(
                    Directory.Exists(model) ? $"'{model}' is a folder; name the model files in it" : $"there is no model file '{model}'");
            var comparison = new ModelComparison(parse.GetValue(Library)!, parse.GetValue(Output.Threads),
                parse.GetValue(Output.Seconds), Console.Error);
            return Output.Write(parse, [comparison.Run("Models", parse.GetValue(Models)!)]);
        });
        return command;
    }
}
