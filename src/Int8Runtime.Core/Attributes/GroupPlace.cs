// Where an element lies among the groups along K of an operand of a matrix product.
namespace Int8Runtime;

/// <summary>
/// A place in scales or zero points that come in groups: [matrix, K / group size, N] of weights, [matrix, M, K / group size] of a source.
/// Values of one matrix only are those of every matrix of a batch.
/// </summary>
/// <param name="Matrix">Index of the matrix in the operand's batch.</param>
/// <param name="Vector">Row of a source, column of weights.</param>
/// <param name="K">Place along K.</param>
/// <param name="Vectors">M of a source, N of weights.</param>
/// <param name="Sum">Extent of K.</param>
/// <param name="IsSource">Whether groups of a vector are neighbours.</param>
internal readonly record struct GroupPlace(int Matrix, int Vector, int K, int Vectors, int Sum, bool IsSource)
{
    /// <summary>The place of an element.</summary>
    /// <param name="index">Its index.</param>
    /// <param name="dimensions">Dimensions of the operand.</param>
    /// <param name="sumDimension">The last dimension, of a source, or the one before it, of weights.</param>
    public GroupPlace(scoped ReadOnlySpan<int> index, Shape dimensions, int sumDimension)
        : this(MatrixOf(index, dimensions), 0, index[sumDimension], 0, dimensions[sumDimension], sumDimension == index.Length - 1)
    {
        int other = IsSource ? sumDimension - 1 : sumDimension + 1;
        (Vector, Vectors) = (index[other], dimensions[other]);
    }

    /// <summary>The index of the value for this place.</summary>
    /// <param name="size">Elements of a group.</param>
    /// <param name="count">Number of values.</param>
    public int IndexIn(int size, int count)
    {
        int groups = (Sum + size - 1) / size, start = count > groups * Vectors ? Matrix * groups * Vectors : 0;
        return start + (IsSource ? (Vector * groups) + (K / size) : (K / size * Vectors) + Vector);
    }

    private static int MatrixOf(scoped ReadOnlySpan<int> index, Shape dimensions)
    {
        int matrix = 0;
        for (int d = 0; d < index.Length - 2; d++)
            matrix = (matrix * dimensions[d]) + index[d];
        return matrix;
    }
}
