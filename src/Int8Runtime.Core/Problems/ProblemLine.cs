// A problem as a command line of i8bench, which is benchdnn's notation.
namespace Int8Runtime;

/// <summary>
/// A problem as words that i8bench accepts: what reports, exceptions, the verbose log and failing tests print. What the notation
/// cannot say is listed, so that nobody takes another problem for the same.
/// </summary>
/// <remarks>It is written when it is first read, so that creating primitives does not pay for it.</remarks>
public sealed class ProblemLine
{
    private readonly Lazy<WrittenProblem> _written;

    private ProblemLine(Func<WrittenProblem> write) => _written = new Lazy<WrittenProblem>(write);

    /// <summary>Driver, options and problem text, without the name of the program.</summary>
    public string Command => _written.Value.Command;

    /// <summary>What the line does not say: i8bench takes values or layouts of its own.</summary>
    public IReadOnlyList<string> Differences => _written.Value.Differences;

    /// <summary>Why i8bench does not take the line; empty where it does.</summary>
    public IReadOnlyList<string> Obstacles => _written.Value.Obstacles;

    /// <summary>True if i8bench takes the line.</summary>
    public bool IsAccepted => Obstacles.Count == 0;

    /// <summary>True if i8bench makes the same descriptor and attributes of the line.</summary>
    public bool IsExact => IsAccepted && Differences.Count == 0;

    /// <summary>The line of a problem.</summary>
    /// <param name="descriptor">The operation.</param>
    /// <param name="attributes">Quantization and post-ops.</param>
    public static ProblemLine Of(PrimitiveDescriptor descriptor, PrimitiveAttributes? attributes = null)
    {
        ArgumentNullException.ThrowIfNull(descriptor);
        return new ProblemLine(() => Write(descriptor, attributes ?? PrimitiveAttributes.Default));
    }

    /// <summary>The line with the program's name, to be pasted into a shell; what it does not say follows as a comment.</summary>
    public override string ToString()
    {
        if (!IsAccepted)
            return $"{Command} # no problem of i8bench: {string.Join(", ", Obstacles)}";
        return "i8bench " + Command + (Differences.Count == 0 ? "" : $" # i8bench has its own {string.Join(", ", Differences)}");
    }

    private static WrittenProblem Write(PrimitiveDescriptor descriptor, PrimitiveAttributes attributes)
    {
        var writer = new ProblemWriter { Depthwise = attributes.PostOps.OfType<DepthwisePostOp>().FirstOrDefault() };
        descriptor.WriteProblem(writer);
        AttributeNotation.Write(writer, attributes);
        return writer.Finish();
    }
}

/// <summary>The parts of a <see cref="ProblemLine"/>.</summary>
internal sealed record WrittenProblem(string Command, IReadOnlyList<string> Differences, IReadOnlyList<string> Obstacles);
