// The last line of defence against damaged models: operators check their operands, and what slips through becomes an
// error that names the node instead of an exception about an index.
namespace Int8Runtime.Graph.Evaluation;

/// <summary>Runs the code of an operator on operands and attributes that come from a file.</summary>
internal static class OperatorGuard
{
    /// <summary>Runs the code of a node.</summary>
    /// <exception cref="ModelFormatException">The operands do not fit the operator.</exception>
    public static void Run(GraphNode node, Action action) => Run(node.ToString(), node.Name, action);

    /// <summary>Runs the code of an operator that is no node of a graph yet.</summary>
    /// <param name="subject">Opens the messages of exceptions; it contains the name.</param>
    /// <param name="name">The name of the operator in its file.</param>
    /// <param name="action">The code.</param>
    /// <exception cref="ModelFormatException">The operands do not fit the operator.</exception>
    public static void Run(string subject, string name, Action action)
    {
        try
        {
            action();
        }
        catch (UnsupportedModelException)
        {
            throw;
        }
        catch (ModelFormatException exception)
        {
            string message = exception.Message;
            throw message.Contains($"'{name}'", StringComparison.Ordinal)
                ? exception : new ModelFormatException($"{subject}: {message}", exception);
        }
        catch (Exception exception) when (exception is ArithmeticException or ArgumentException or IndexOutOfRangeException
            or InvalidOperationException or InvalidCastException or OutOfMemoryException)
        {
            throw new ModelFormatException(
                $"{subject}: the operands do not fit the operator ({exception.Message.ReplaceLineEndings(" ")}).", exception);
        }
    }
}
