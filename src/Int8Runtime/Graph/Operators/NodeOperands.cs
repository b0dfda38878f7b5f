// What is known of the operands of a node: concrete types for all, contents for some. Shape inference, host evaluation
// and the views of operators read nodes through this one door, so that each rule of an operator is written once.
namespace Int8Runtime.Graph;

/// <summary>A node with the types, and as far as known the contents, of its operands.</summary>
public sealed class NodeOperands
{
    private readonly TensorType?[] _types;
    private readonly TensorData?[] _values;

    /// <summary>Creates the operands of a node.</summary>
    /// <param name="node">The node.</param>
    /// <param name="types">Type and shape of each operand, null where it is left out.</param>
    /// <param name="values">The content of each operand, null where it is left out or not known.</param>
    public NodeOperands(GraphNode node, IEnumerable<TensorType?> types, IEnumerable<TensorData?> values)
    {
        Node = node;
        _types = [.. types];
        _values = [.. values];
        if (_types.Length != _values.Length)
            throw new ArgumentException("There must be as many types as values.", nameof(values));
    }

    /// <summary>The node.</summary>
    public GraphNode Node { get; }

    /// <summary>The number of operands, those left out included.</summary>
    public int Count => _types.Length;

    /// <summary>The attributes of the node.</summary>
    public GraphAttributes Attributes => Node.Attributes;

    /// <summary>The operands of a node of a graph whose shapes are inferred; contents are those of the
    /// constants.</summary>
    /// <exception cref="InvalidOperationException">An operand's shape is not known.</exception>
    public static NodeOperands Of(GraphNode node) => new(
        node,
        node.Inputs.Select(v => v is null ? (TensorType?)null : new TensorType(v.ElementType, ShapeOf(node, v))),
        node.Inputs.Select(v => v?.Constant));

    /// <summary>Operands whose contents are all known.</summary>
    public static NodeOperands Of(GraphNode node, IReadOnlyList<TensorData?> values) => new(
        node, values.Select(v => v is null ? (TensorType?)null : new TensorType(v.ElementType, v.Shape)), values);

    /// <summary>Whether the operand is given.</summary>
    public bool Has(int index) => index < _types.Length && _types[index] is not null;

    /// <summary>Type and shape of an operand.</summary>
    /// <exception cref="ModelFormatException">The operand is missing.</exception>
    public TensorType this[int index] => index < _types.Length && _types[index] is { } type
        ? type
        : throw Defect($"input {index} is missing");

    /// <summary>The content of an operand, or null where it is left out or not known.</summary>
    public TensorData? Value(int index) => index < _values.Length ? _values[index] : null;

    /// <summary>The content of an operand that must be known.</summary>
    /// <exception cref="DataDependentShapeException">It depends on the content of the model's inputs.</exception>
    /// <exception cref="ModelFormatException">The operand is missing.</exception>
    public TensorData KnownValue(int index, string role)
    {
        _ = this[index];
        return Value(index) ?? throw new DataDependentShapeException(
            $"{Node}: the {role} (input {index}) depend on the content of the model's inputs, which is not supported. "
            + $"Export the model with constant {role}.");
    }

    /// <summary>A list of integers given as operand, or null where it is left out.</summary>
    /// <exception cref="UnsupportedModelException">The operand is given but not known.</exception>
    public long[]? Integers(int index, string role) => Has(index) ? KnownValue(index, role).ToInt64Array() : null;

    /// <summary>The content of an operand that must be given, as integers.</summary>
    /// <exception cref="ModelFormatException">The operand is missing.</exception>
    public long[] RequiredIntegers(int index, string role) => Integers(index, role) ?? throw Defect($"the {role} are missing");

    /// <summary>A real or integer scalar given as operand, or null where it is left out.</summary>
    public double? Scalar(int index, string role)
    {
        if (!Has(index))
            return null;
        double[] values = KnownValue(index, role).ToDoubleArray();
        return values.Length == 1
            ? values[0]
            : throw Defect($"the {role} must be one number, but {values.Length} are given");
    }

    /// <summary>Makes an axis non-negative.</summary>
    /// <exception cref="ModelFormatException">It is out of range.</exception>
    public int Axis(long axis, int rank) => axis >= -rank && axis < rank
        ? (int)(axis < 0 ? axis + rank : axis)
        : throw Defect($"axis {axis} is out of range for {rank} dimensions");

    /// <summary>The attribute <c>axis</c>, made non-negative.</summary>
    public int AxisAttribute(long defaultAxis, int rank, string name = "axis") =>
        Axis(Attributes.GetInteger(name, defaultAxis), rank);

    /// <summary>Makes axes non-negative.</summary>
    /// <exception cref="ModelFormatException">One is out of range or given twice.</exception>
    public int[] Axes(ReadOnlySpan<long> axes, int rank)
    {
        int[] result = new int[axes.Length];
        for (int i = 0; i < axes.Length; i++)
        {
            result[i] = Axis(axes[i], rank);
            if (result.AsSpan(0, i).Contains(result[i]))
                throw Defect($"axis {axes[i]} is given twice");
        }
        return result;
    }

    /// <summary>Checks that all operands from <paramref name="first"/> on have one element type.</summary>
    /// <exception cref="ModelFormatException">Two types differ.</exception>
    public void RequireOneType(int first = 0)
    {
        for (int i = first + 1; i < Count; i++)
        {
            if (Has(i) && this[i].ElementType != this[first].ElementType)
                throw Defect($"the element types {this[first].ElementType} and {this[i].ElementType} differ");
        }
    }

    /// <summary>Checks that an operand holds Booleans.</summary>
    /// <exception cref="ModelFormatException">It holds something else.</exception>
    public void RequireBoolean(int index, string role)
    {
        if (this[index].ElementType != DataType.Boolean)
            throw Defect($"the {role} is {this[index].ElementType} where Booleans are expected");
    }

    /// <summary>Checks that an operand holds integers of 32 or 64 bits.</summary>
    /// <exception cref="ModelFormatException">It holds something else.</exception>
    public void RequireIntegers(int index, string role)
    {
        if (this[index].ElementType is not (DataType.Int32 or DataType.Int64))
            throw Defect($"the {role} are {this[index].ElementType} where Int32 or Int64 is expected");
    }

    /// <summary>Checks that a computed extent can be one.</summary>
    /// <exception cref="ModelFormatException">It is negative or too large.</exception>
    public int Extent(long extent) => extent is >= 0 and < int.MaxValue
        ? (int)extent
        : throw Defect($"a dimension of the result would be {extent}");

    /// <summary>The exception for a defect of this node.</summary>
    public ModelFormatException Defect(string message) =>
        new($"{Node}: {message}. Check the model and the shapes of its inputs.");

    private static Shape ShapeOf(GraphNode node, GraphValue value) => value.Shape is { IsStatic: true } shape
        ? shape.ToExtents()
        : throw new InvalidOperationException(
            $"{node}: the shape of '{value.Name}' is not known yet; infer shapes first.");
}
