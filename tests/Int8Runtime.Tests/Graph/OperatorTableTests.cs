// The tables of the graph layer know the same operators: what has a shape can be computed, and what is computed has a shape.
using Int8Runtime.Graph.Evaluation;
using Int8Runtime.Graph.Lowering;
using Int8Runtime.Graph.Shapes;

namespace Int8Runtime.Tests.Graph;

public sealed class OperatorTableTests
{
    // Extents of these follow from the elements, not from the shapes.
    private static readonly string[] OfElements = ["Compress", "NonMaxSuppression", "NonZero", "Unique"];

    private static readonly HashSet<string> Computed = [.. HostEvaluator.AllOperators, .. NodeLowerings.AllOperators];

    [Fact]
    public void Every_operator_with_a_shape_is_computed() => Assert.Empty(OperatorShapes.AllOperators.Except(Computed));

    [Fact]
    public void Every_operator_that_is_computed_has_a_shape_unless_it_follows_from_the_elements() =>
        Assert.Equal(OfElements, Computed.Except(OperatorShapes.AllOperators).Order(StringComparer.Ordinal));
}
