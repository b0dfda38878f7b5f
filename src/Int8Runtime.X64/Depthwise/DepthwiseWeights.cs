// Depthwise weights in the order in which the kernels read them. For each channel block:
//   compensation   (byte and word products) one vector of s32 for each accumulator: −pad·Σw
//   taps           for each column of the window, for each group of rows, one vector for each accumulator
// A dword of a tap vector holds one channel's weights for the rows of the group: f32, 4 × s8, or 2 × s16.
namespace Int8Runtime.X64;

/// <summary>The packed layout of depthwise weights.</summary>
/// <param name="product">Kind of product.</param>
/// <param name="geometry">Block sizes of the product.</param>
/// <param name="channels">Number of channels.</param>
/// <param name="height">Rows of the window; those of all slices where it is a volume.</param>
/// <param name="width">Columns of the window.</param>
/// <param name="padding">The padded element as the product sees it: the source's zero point, plus 128 for s8.</param>
/// <param name="zeroPoint">Zero point of the weights; null for 0.</param>
internal sealed unsafe class DepthwiseWeights(
    TapProductKind product, TapGeometry geometry, int channels, int height, int width, int padding, ZeroPoint? zeroPoint)
    : PackedLayout
{
    /// <summary>Block sizes of the product.</summary>
    public TapGeometry Geometry => geometry;

    /// <inheritdoc/>
    public override string Name => $"depthwise:{product.ToString().ToLowerInvariant()}:c{geometry.BlockChannels}k{geometry.RowsPerGroup}";

    /// <inheritdoc/>
    public override long SizeInBytes => (long)Blocks * BlockBytes;

    /// <summary>Channel blocks, the last of which may be partly filled.</summary>
    public int Blocks => (channels + geometry.BlockChannels - 1) / geometry.BlockChannels;

    /// <summary>Bytes of a block.</summary>
    public int BlockBytes => CompensationBytes + (width * geometry.GroupsOf(height) * GroupBytes);

    private int CompensationBytes => product == TapProductKind.Fma ? 0 : GroupBytes;

    private int GroupBytes => geometry.Vectors * geometry.VectorBytes;

    /// <inheritdoc/>
    public override bool Equals(PackedLayout? other) => other is DepthwiseWeights weights && Key.Equals(weights.Key);

    /// <inheritdoc/>
    public override int GetHashCode() => Key.GetHashCode();

    private (TapProductKind, TapGeometry, int, int, int, int, ZeroPoint?) Key =>
        (product, geometry, channels, height, width, padding, zeroPoint);

    /// <summary>Multiplies the compensation of packed weights, for a padded element that becomes known at execution.</summary>
    /// <param name="packed">Weights packed for a padded element of −1, so that the compensation is Σw.</param>
    /// <param name="factor">What it is multiplied by.</param>
    public void ScaleCompensation(byte* packed, int factor)
    {
        for (int block = 0; block < Blocks; block++, packed += BlockBytes)
            for (int i = 0; i < CompensationBytes / sizeof(int); i++)
                ((int*)packed)[i] = unchecked(((int*)packed)[i] * factor);
    }

    /// <inheritdoc/>
    internal override void Pack(MemoryDescriptor source, void* sourceData, void* destination) => Pack(source, sourceData, destination, 0);

    /// <summary>Packs weights whose zero point becomes known at execution.</summary>
    /// <param name="source">The weights.</param>
    /// <param name="sourceData">Their memory.</param>
    /// <param name="destination"><see cref="SizeInBytes"/> bytes.</param>
    /// <param name="atExecution">What is subtracted beside the constant zero point.</param>
    public void Pack(MemoryDescriptor source, void* sourceData, void* destination, int atExecution)
    {
        int horizontal = source.Rank - 1, rowsOfSlice = source.Rank > 3 ? source.Dimensions[^2] : 1;
        Span<int> index = stackalloc int[source.Rank];
        index.Clear();
        for (int block = 0; block < Blocks; block++)
        {
            byte* target = (byte*)destination + ((long)block * BlockBytes);
            new Span<byte>(target, BlockBytes).Clear();
            for (int lane = 0; lane < geometry.BlockChannels; lane++)
            {
                int vector = lane / geometry.Lanes, place = lane % geometry.Lanes;
                int channel = (block * geometry.BlockChannels) + geometry.ChannelOf(vector, place);
                if (channel >= channels)
                    continue;
                byte* dword = target + (vector * geometry.VectorBytes) + (place * 4);
                index[0] = channel;
                int sum = 0;
                for (int tap = 0; tap < height * width; tap++)
                {
                    (int row, int column) = (tap / width, tap % width);
                    if (source.Rank > 3)
                        index[^2] = row % rowsOfSlice;
                    if (source.Rank > 4)
                        index[^3] = row / rowsOfSlice;
                    index[horizontal] = column;
                    long offset = source.OffsetOf(index);
                    byte* entry = dword + CompensationBytes
                        + (((column * geometry.GroupsOf(height)) + (row / geometry.RowsPerGroup)) * GroupBytes);
                    int inGroup = row % geometry.RowsPerGroup;
                    if (product == TapProductKind.Fma)
                    {
                        ((float*)entry)[inGroup] = Reference.ScalarAccess.Load(sourceData, source.DataType, offset);
                        continue;
                    }

                    int weight = source.DataType == DataType.Int8 ? ((sbyte*)sourceData)[offset] : ((byte*)sourceData)[offset];
                    weight -= (zeroPoint?.At(channel) ?? 0) + atExecution;
                    sum += weight;
                    if (product == TapProductKind.WordPairs)
                        ((short*)entry)[inGroup] = (short)weight;
                    else
                        ((sbyte*)entry)[inGroup] = (sbyte)weight;
                }

                if (product != TapProductKind.Fma)
                    *(int*)dword = -padding * sum;
            }
        }
    }
}
