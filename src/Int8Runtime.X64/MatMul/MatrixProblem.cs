// A batch of matrix products in numbers, to which matrix products and fully connected layers are reduced.
namespace Int8Runtime.X64;

/// <summary>destination[b] = source[b] · weights[matrix of b], where rows of K elements lie at a constant stride.</summary>
internal sealed record MatrixProblem
{
    // Plans keep the offsets of each product, and a scale for each column.
    private const int MostProducts = 1 << 24, MostColumns = 1 << 28;

    /// <summary>Rows of the destination (M).</summary>
    public required int Rows { get; init; }

    /// <summary>Columns of the destination (N).</summary>
    public required int Columns { get; init; }

    /// <summary>The summed extent (K).</summary>
    public required int Sum { get; init; }

    /// <summary>Bytes between rows of the source.</summary>
    public required long SourceRow { get; init; }

    /// <summary>Elements between neighbours along K in the source.</summary>
    public required long SourceElement { get; init; }

    /// <summary>Bytes between rows of the destination, whose columns are neighbours.</summary>
    public required long DestinationRow { get; init; }

    /// <summary>Byte offset of each product's source.</summary>
    public required long[] SourceOffsets { get; init; }

    /// <summary>Byte offset of each product's destination.</summary>
    public required long[] DestinationOffsets { get; init; }

    /// <summary>Matrix of weights of each product.</summary>
    public required int[] Matrices { get; init; }

    /// <summary>Index of each product in the first batch dimension, by which operands of post-ops may move.</summary>
    public required int[] Images { get; init; }

    /// <summary>Zero point of the source at each place of K; null where it is the same everywhere.</summary>
    public short[]? ZeroPoints { get; init; }

    /// <summary>Number of products.</summary>
    public int Batches => Matrices.Length;

    /// <summary>Why a plan does not take a batch of products, if it does not.</summary>
    /// <param name="name">The implementation that refuses.</param>
    /// <param name="products">Number of products.</param>
    /// <param name="columns">Columns of each.</param>
    public static Rejection? Refuse(string name, long products, int columns) =>
        products > MostProducts
            ? new Rejection(name, RejectionReason.Shape, $"{products} products in a batch; at most {MostProducts}")
        : columns > MostColumns
            ? new Rejection(name, RejectionReason.Shape, $"{columns} columns; at most {MostColumns}")
        : null;

    /// <summary>Why kernels do not reach all rows, if they do not: strides are 32-bit numbers.</summary>
    /// <param name="name">The implementation that refuses.</param>
    public Rejection? Refuse(string name) => Rows == 1 || Math.Max(Math.Abs(SourceRow), Math.Abs(DestinationRow)) <= int.MaxValue
        ? null
        : new Rejection(name, RejectionReason.Layout,
            $"rows that lie {SourceRow} (source) and {DestinationRow} (destination) bytes apart; they must not be 2 GiB apart");

    /// <summary>Reduces a matrix product.</summary>
    /// <param name="descriptor">Strided source and destination, the destination's columns at stride 1.</param>
    /// <param name="keepsImages">Whether batch dimensions must not be joined with the rows.</param>
    public static MatrixProblem Of(MatMulDescriptor descriptor, bool keepsImages)
    {
        MemoryDescriptor source = descriptor.Source, destination = descriptor.Destination;
        int rank = destination.Rank, sourceSize = source.DataType.SizeInBytes(), destinationSize = destination.DataType.SizeInBytes();
        bool joins = !keepsImages && BatchCount(descriptor.Weights) == 1 && RowsContinue(source) && RowsContinue(destination)
            && BatchCount(source) == BatchCount(destination) && BatchCount(destination) * descriptor.M <= int.MaxValue;
        int batches = joins ? 1 : (int)BatchCount(destination);
        var problem = new MatrixProblem
        {
            Rows = joins ? (int)BatchCount(destination) * descriptor.M : descriptor.M,
            Columns = descriptor.N,
            Sum = descriptor.K,
            SourceRow = RowStride(source, joins) * sourceSize,
            SourceElement = source.Dimensions[^1] == 1 ? 1 : source.Strides[^1],
            DestinationRow = RowStride(destination, joins) * destinationSize,
            SourceOffsets = new long[batches],
            DestinationOffsets = new long[batches],
            Matrices = new int[batches],
            Images = new int[batches],
        };
        Span<int> index = stackalloc int[rank];
        for (int b = 0; b < batches; b++)
        {
            index.Clear();
            for (int d = rank - 3, rest = b; d >= 0; d--)
                (rest, index[d]) = Math.DivRem(rest, destination.Dimensions[d]);
            problem.DestinationOffsets[b] = destination.OffsetOf(index) * destinationSize;
            problem.Images[b] = rank > 2 ? index[0] : 0;
            for (int d = 0; d < rank - 2; d++)
            {
                int extent = descriptor.Weights.Dimensions[d];
                problem.Matrices[b] = (problem.Matrices[b] * extent) + (extent == 1 ? 0 : index[d]);
                index[d] = source.Dimensions[d] == 1 ? 0 : index[d];
            }

            problem.SourceOffsets[b] = source.OffsetOf(index) * sourceSize;
        }

        return problem;
    }

    /// <summary>Number of matrices of an operand.</summary>
    public static long BatchCount(MemoryDescriptor descriptor) => descriptor.Dimensions[..^2].ElementCount;

    // The stride between rows. If matrices of one row are joined, it is that of the innermost batch dimension that counts.
    private static long RowStride(MemoryDescriptor descriptor, bool joins)
    {
        for (int d = descriptor.Rank - 2; joins && d >= 0; d--)
            if (descriptor.Dimensions[d] > 1)
                return descriptor.Strides[d];
        return descriptor.Strides[^2];
    }

    // Whether the first row of each matrix follows the last row of the one before at the same stride.
    private static bool RowsContinue(MemoryDescriptor descriptor)
    {
        long expected = -1;
        for (int d = descriptor.Rank - 2; d >= 0; d--)
        {
            if (descriptor.Dimensions[d] == 1)
                continue;
            if (expected >= 0 && descriptor.Strides[d] != expected)
                return false;
            expected = descriptor.Strides[d] * descriptor.Dimensions[d];
        }

        return true;
    }
}
