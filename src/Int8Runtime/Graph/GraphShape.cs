// Shapes of graph values: each dimension is a number, a name (the same name means the same number) or unknown.
using System.Collections;

namespace Int8Runtime.Graph;

/// <summary>One dimension of a <see cref="GraphShape"/>: a number, a symbol such as <c>batch</c>, or unknown.</summary>
public readonly record struct GraphDimension
{
    private readonly int _extentPlusOne;   // 0: not a number, so that default(GraphDimension) is the unknown dimension

    private GraphDimension(int extent, string? symbol)
    {
        _extentPlusOne = extent + 1;
        Symbol = symbol;
    }

    /// <summary>A dimension of which nothing is known.</summary>
    public static GraphDimension Unknown => default;

    /// <summary>The name of the dimension, or null.</summary>
    public string? Symbol { get; }

    /// <summary>Whether the extent is a number.</summary>
    public bool IsStatic => _extentPlusOne > 0;

    /// <summary>The extent, or null where it is a symbol or unknown.</summary>
    public int? Extent => IsStatic ? _extentPlusOne - 1 : null;

    /// <summary>A dimension known by name only.</summary>
    public static GraphDimension Named(string symbol) => new(-1, symbol);

    /// <summary>A dimension of a known extent, 0 or more.</summary>
    public static GraphDimension Of(int extent)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(extent);
        ArgumentOutOfRangeException.ThrowIfEqual(extent, int.MaxValue);
        return new GraphDimension(extent, null);
    }

    /// <summary>A dimension of a known extent.</summary>
    public static implicit operator GraphDimension(int extent) => Of(extent);

    /// <summary>The extent, the symbol, or a question mark.</summary>
    public override string ToString() => IsStatic ? $"{_extentPlusOne - 1}" : Symbol ?? "?";
}

/// <summary>The shape of a graph value with known rank; a value of unknown rank has no shape.</summary>
public sealed class GraphShape : IReadOnlyList<GraphDimension>, IEquatable<GraphShape>
{
    private readonly GraphDimension[] _dimensions;

    /// <summary>Creates a shape of these dimensions, outermost first; none means a scalar.</summary>
    public GraphShape(params ReadOnlySpan<GraphDimension> dimensions) => _dimensions = dimensions.ToArray();

    /// <summary>The number of dimensions.</summary>
    public int Rank => _dimensions.Length;

    int IReadOnlyCollection<GraphDimension>.Count => _dimensions.Length;

    /// <summary>Whether every dimension is a number.</summary>
    public bool IsStatic => Array.TrueForAll(_dimensions, d => d.IsStatic);

    /// <summary>The dimension at <paramref name="index"/>.</summary>
    public GraphDimension this[int index] => _dimensions[index];

    /// <summary>Creates a shape of known extents.</summary>
    public static GraphShape Of(Shape extents)
    {
        var dimensions = new GraphDimension[extents.Rank];
        for (int i = 0; i < extents.Rank; i++)
            dimensions[i] = extents[i];
        return new GraphShape(dimensions);
    }

    /// <summary>The extents.</summary>
    /// <exception cref="InvalidOperationException">A dimension is not a number.</exception>
    public Shape ToExtents() => IsStatic
        ? Shape.Create(Array.ConvertAll(_dimensions, d => d.Extent!.Value))
        : throw new InvalidOperationException($"The shape {this} has dimensions that are not numbers.");

    /// <summary>Whether a tensor of these extents fits the shape: equal rank, and equal numbers where this shape has
    /// numbers.</summary>
    public bool Accepts(Shape extents)
    {
        if (extents.Rank != Rank)
            return false;
        for (int i = 0; i < extents.Rank; i++)
        {
            if (_dimensions[i].Extent is { } extent && extent != extents[i])
                return false;
        }
        return true;
    }

    /// <inheritdoc/>
    public bool Equals(GraphShape? other) => other is not null && _dimensions.AsSpan().SequenceEqual(other._dimensions);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as GraphShape);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (GraphDimension dimension in _dimensions)
            hash.Add(dimension);
        return hash.ToHashCode();
    }

    /// <inheritdoc/>
    public IEnumerator<GraphDimension> GetEnumerator() => ((IEnumerable<GraphDimension>)_dimensions).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>The dimensions joined by <c>x</c>, for example <c>Nx3x224x224</c>.</summary>
    public override string ToString() => Rank == 0 ? "scalar" : string.Join('x', _dimensions);
}
