// Einstein sums as diagonals, sums, transposes and matrix products.
namespace Int8Runtime.Graph.Composition;

/// <summary>
/// Emits an Einstein sum. Operands are combined from left to right; labels that neither the result nor a later operand needs are summed
/// as early as possible, over two operands by a matrix product. Extents may be unknown: shapes are computed by nodes that fold later.
/// </summary>
internal sealed class Einsum(GraphComposer compose)
{
    /// <summary>Emits the sum as the first result of the operator.</summary>
    public GraphValue Emit(EinsumEquation equation, IReadOnlyList<GraphValue> operands)
    {
        Term[] terms = [.. operands.Select((value, i) => Distinct(new Term(value, equation.Operands[i])))];
        Term sum = terms[0];
        for (int i = 1; i < terms.Length; i++)
        {
            HashSet<int> kept = [.. equation.Result, .. terms[(i + 1)..].SelectMany(t => t.Labels)];
            sum = Combine(sum, terms[i], kept, equation.Result);
        }

        sum = Ordered(Summed(sum, [.. equation.Result]), equation.Result);
        return compose.Result(0, "Identity", "result", [sum.Value]);
    }

    // Each label once: elements at equal indices of two dimensions are n + 1 apart where the two are one of n².
    private Term Distinct(Term term)
    {
        // A label that occurs more often than twice loses one at a time.
        while (term.Labels.GroupBy(l => l).FirstOrDefault(g => g.Count() > 1) is { } twice)
        {
            int[] places = [.. Enumerable.Range(0, term.Labels.Length).Where(i => term.Labels[i] == twice.Key)];
            int[] rest = [.. Enumerable.Range(0, term.Labels.Length).Where(i => !places[^2..].Contains(i))];
            GraphValue last = compose.Transpose("pairs", term.Value, [.. rest.Concat(places[^2..]).Select(i => (long)i)]);
            GraphValue square = compose.Reshape("squares", last, [.. rest.Select(_ => 0L), -1]);
            GraphValue step = compose.Operation("Add", "step", [compose.Extents(last, -1), compose.Integers("one", 1)]);
            GraphValue diagonal = compose.Operation("Slice", "diagonal",
                [square, compose.Integers("start", 0), compose.Integers("end", long.MaxValue), compose.Integers("last", -1), step]);
            term = new Term(diagonal, [.. rest.Select(i => term.Labels[i]), twice.Key]);
        }

        return term;
    }

    // The sum over all labels that are not kept.
    private Term Summed(Term term, HashSet<int> kept)
    {
        long[] axes = [.. Enumerable.Range(0, term.Labels.Length).Where(i => !kept.Contains(term.Labels[i])).Select(i => (long)i)];
        return axes.Length == 0 ? term : new Term(
            compose.Operation("ReduceSum", "sum", [term.Value, compose.Integers("axes", axes)], new GraphAttributes { { "keepdims", 0 } }),
            [.. term.Labels.Where(kept.Contains)]);
    }

    private Term Combine(Term left, Term right, HashSet<int> kept, int[] result)
    {
        left = Summed(left, [.. kept, .. right.Labels]);
        right = Summed(right, [.. kept, .. left.Labels]);
        int[] common = [.. left.Labels.Intersect(right.Labels)];
        int[] summed = [.. common.Where(l => !kept.Contains(l))], batch = [.. common.Where(kept.Contains)];
        if (summed.Length == 0)
            return Product(left, right, [.. result.Where(l => left.Labels.Contains(l) || right.Labels.Contains(l))]);

        // The operand with the result's last dimension gives the columns.
        int last = result.LastOrDefault(l => left.Labels.Contains(l) != right.Labels.Contains(l));
        if (left.Labels.Contains(last))
            (left, right) = (right, left);
        batch = [.. result.Where(batch.Contains), .. batch.Except(result)];
        int[] rows = [.. left.Labels.Except(common)], columns = [.. right.Labels.Except(common)];
        GraphValue product = compose.Operation("MatMul", "product",
        [
            Matrices(Ordered(left, [.. batch, .. rows, .. summed]).Value, batch.Length, rows.Length, summed.Length),
            Matrices(Ordered(right, [.. batch, .. summed, .. columns]).Value, batch.Length, summed.Length, columns.Length),
        ]);
        if (rows.Length != 1 || columns.Length != 1)
        {
            GraphValue?[] extents =
            [
                batch.Length == 0 ? null : compose.Extents(product, 0, batch.Length),
                .. rows.Select(l => compose.Extents(left.Value, Array.IndexOf(left.Labels, l))),
                .. columns.Select(l => compose.Extents(right.Value, Array.IndexOf(right.Labels, l))),
            ];
            GraphValue?[] known = [.. extents.Where(e => e is not null)];
            GraphValue shape = known.Length == 0 ? compose.Integers("scalar") : compose.Concat("shape", known);
            product = compose.Operation("Reshape", "dimensions", [product, shape]);
        }

        return new Term(product, [.. batch, .. rows, .. columns]);
    }

    // The product of elements, over dimensions that either operand has.
    private Term Product(Term left, Term right, int[] order)
    {
        int[] labels = [.. order, .. left.Labels.Union(right.Labels).Except(order)];
        return new Term(compose.Operation("Mul", "product", [Spread(left), Spread(right)]), labels);

        GraphValue Spread(Term term)
        {
            GraphValue value = Ordered(term, [.. labels.Where(term.Labels.Contains)]).Value;
            long[] missing = [.. Enumerable.Range(0, labels.Length).Where(i => !term.Labels.Contains(labels[i])).Select(i => (long)i)];
            return missing.Length == 0 ? value : compose.Unsqueeze("spread", value, missing);
        }
    }

    // Behind the batch, the first dimensions become rows and the last ones columns.
    private GraphValue Matrices(GraphValue value, int batch, int rows, int columns)
    {
        if (rows == 1 && columns == 1)
            return value;
        GraphValue?[] extents =
        [
            batch == 0 ? null : compose.Extents(value, 0, batch),
            Merged(batch, rows),
            Merged(batch + rows, columns),
        ];
        return compose.Operation("Reshape", "matrices", [value, compose.Concat("shape", [.. extents.Where(e => e is not null)])]);

        GraphValue Merged(int first, int count) => count == 0
            ? compose.Integers("one", 1)
            : compose.Operation("ReduceProd", "merged", [compose.Extents(value, first, count), compose.Integers("first", 0)]);
    }

    private Term Ordered(Term term, int[] labels) => term.Labels.SequenceEqual(labels)
        ? term
        : new Term(compose.Transpose("ordered", term.Value, [.. labels.Select(l => (long)Array.IndexOf(term.Labels, l))]), labels);

    // A value and the label of each of its dimensions.
    private sealed record Term(GraphValue Value, int[] Labels);
}
