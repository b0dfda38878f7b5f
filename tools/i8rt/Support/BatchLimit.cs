// How large a batch a model and the memory allow, where the one asked for is refused.
using Int8Runtime.Graph;

namespace Int8Runtime.Cli;

/// <summary>Describes a refused batch: what it needs, what there is, and a batch that fits.</summary>
internal static class BatchLimit
{
    /// <summary>The refusal, or null where something else is wrong than the size: one sample does not fit either, or all would.</summary>
    /// <param name="model">The model.</param>
    /// <param name="shapesOf">The input shapes for a batch.</param>
    /// <param name="batch">The batch that was refused, at least 2.</param>
    public static UsageException? Describe(CompiledModel model, Func<int, IReadOnlyDictionary<string, Shape>> shapesOf, int batch)
    {
        long memory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        if (TryExplain(model, shapesOf(1)) is not { } one || one.ArenaBytes > memory)
            return null;
        long largest = one.Nodes.Select(n => n.OutputShape.ElementCount)
            .Concat(shapesOf(1).Values.Select(s => s.ElementCount)).Prepend(1).Max();
        // Samples share nothing but alignment, so the need grows with their number.
        double elements = (double)largest * batch, bytes = (double)one.ArenaBytes * batch;
        if (elements <= TensorData.MaximumElements && bytes <= memory)
            return null;
        var fits = (int)Math.Min(Math.Min(memory / Math.Max(one.ArenaBytes, 1), TensorData.MaximumElements / largest), batch - 1);
        while (fits > 1 && !(TryExplain(model, shapesOf(fits))?.ArenaBytes <= memory))
            fits -= Math.Max(fits / 8, 1);

        string reason = elements > TensorData.MaximumElements
            ? Figures.Invariant($"the largest tensor would have {elements:F0} elements, and at most {TensorData.MaximumElements} fit")
            : $"activations take {Figures.Bytes(one.ArenaBytes)} for each sample, {Figures.Bytes((long)bytes)} for all, "
                + $"and {Figures.Bytes(memory)} are available";
        return new UsageException($"--batch {batch} is too large: {reason}; --batch {Math.Max(fits, 1)} fits");
    }

    private static ModelExplanation? TryExplain(CompiledModel model, IReadOnlyDictionary<string, Shape> shapes)
    {
        try
        {
            return model.Explain(shapes);
        }
        catch (Exception exception) when (IsTooLarge(exception))
        {
            return null;
        }
    }

    /// <summary>Whether an exception may come from a batch that is too large.</summary>
    public static bool IsTooLarge(Exception exception) =>
        exception is ModelFormatException or ModelCompilationException or OutOfMemoryException or OverflowException;
}
