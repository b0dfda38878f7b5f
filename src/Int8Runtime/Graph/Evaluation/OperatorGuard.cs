// The last line of defence against damaged models: operators check their operands, and what slips through becomes an
// error that names the node instead of an exception about an index.
namespace Int8Runtime.Graph.Evaluation;

/// <summary>Runs the code of an operator on operands that come from a file.</summary>
internal static class OperatorGuard
{
    /// <summary>Runs <paramref name="action"/>.</summary>
    /// <exception cref="ModelFormatException">The operands do not fit the operator.</exception>
    public static void Run(GraphNode node, Action action)
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
            throw message.Contains($"'{node.Name}'", StringComparison.Ordinal) ? exception : new ModelFormatException($"{node}: {message}", exception);
        }
        catch (Exception exception) when (exception is ArithmeticException or ArgumentException or IndexOutOfRangeException
            or InvalidOperationException or InvalidCastException or OutOfMemoryException)
        {
            throw new ModelFormatException(
                $"{node}: the operands do not fit the operator ({exception.Message}).", exception);
        }
    }
}
