// Units of work cover everything once and move as few bytes as the caches allow.
namespace Int8Runtime.X64.Tests.Brgemm;

public sealed class WorkSplitTests
{
    private const int CacheBytes = 1 << 20;

    /// <summary>3×3 over 512 channels of 7×7 pixels in f32: nine megabytes of weights against 100 KB of source.</summary>
    [Fact]
    public void Rows_that_share_cache_lines_stay_in_the_first_level()
    {
        // 810 columns of f32 are no whole number of lines: 64 inputs, three vectors of a panel.
        int rows = WorkShape.SharedLines(storeBytes: 64, pitch: 3240, rowBytes: 256 + 192, panelBytes: 64 * 192, tileRows: 9);
        Assert.InRange(rows, 18, 26);
        Assert.Equal(int.MaxValue, WorkShape.SharedLines(64, pitch: 3200, 448, 64 * 192, 9)); // aligned rows
        Assert.Equal(int.MaxValue, WorkShape.SharedLines(16, pitch: 810, 448, 64 * 192, 9)); // bytes: few stores cross lines
        Assert.Equal(int.MaxValue, WorkShape.SharedLines(64, pitch: 3240, 448, 512 * 192, 9)); // long sums
        var shape = new WorkShape(1, 1, 4096, 17, 4096 * 256, 4096 * 3240, 810 * 256, 64 * 192, rows);
        Assert.Equal(18, WorkSplit.Choose(shape, tileRows: 9, threads: 1, CacheBytes).PixelBlock);
        var small = new WorkShape(1, 1, 64, 17, 64 * 256, 64 * 3240, 810 * 256, 64 * 192, rows);
        Assert.Equal(64, WorkSplit.Choose(small, tileRows: 9, threads: 1, CacheBytes).PixelBlock);
    }

    [Fact]
    public void Weights_that_no_cache_holds_are_read_once()
    {
        var shape = new WorkShape(
            Batches: 1, Lines: 7, Pixels: 7, Blocks: 16, SourceBytes: 14336, DestinationBytes: 14336, WeightsBytes: 9437184, PanelBytes: 589824);
        WorkSplit split = WorkSplit.Choose(shape, tileRows: 7, threads: 1, CacheBytes);
        Assert.Equal(7, split.LineBlock);
        Assert.Equal(1, split.Units);
    }

    /// <summary>3×3 over 64 channels of 112×112 pixels: the weights stay in the cache, the lines do not.</summary>
    [Fact]
    public void Lines_are_divided_where_the_weights_stay_in_the_cache()
    {
        var shape = new WorkShape(
            Batches: 1, Lines: 112, Pixels: 112, Blocks: 4, SourceBytes: 28672, DestinationBytes: 57344, WeightsBytes: 294912, PanelBytes: 73728);
        WorkSplit split = WorkSplit.Choose(shape, tileRows: 6, threads: 1, CacheBytes);
        Assert.InRange(split.LineBlock, 2, 8);
    }

    [Fact]
    public void A_line_that_fits_is_not_divided_for_its_last_tile()
    {
        var shape = new WorkShape(
            Batches: 1, Lines: 1, Pixels: 49, Blocks: 16, SourceBytes: 200704, DestinationBytes: 100352, WeightsBytes: 2097152, PanelBytes: 131072);
        Assert.Equal(49, WorkSplit.Choose(shape, tileRows: 13, threads: 1, CacheBytes).PixelBlock);
    }

    [Theory]
    [InlineData(1, 1, 49, 16)]
    [InlineData(3, 7, 7, 5)]
    [InlineData(1, 40, 6, 1)]
    [InlineData(2, 1, 1000, 3)]
    public void Units_cover_every_row_and_column_once(int batches, int lines, int pixels, int blocks)
    {
        foreach (int threads in new[] { 1, 2, 7 })
            foreach (long line in new[] { 100L, 60_000, 900_000 })
                foreach (long panel in new[] { 100L, 100_000, 900_000 })
                {
                    var shape = new WorkShape(batches, lines, pixels, blocks, line, line / 2, panel * blocks, panel);
                    WorkSplit split = WorkSplit.Choose(shape, tileRows: 6, threads, CacheBytes);
                    var seen = new int[batches * lines * pixels * blocks];
                    for (int i = 0; i < split.Units; i++)
                        Visit(split[i], shape, seen);
                    Assert.True(seen.All(count => count == 1), $"{shape} on {threads} threads: {split}");
                }
    }

    private static void Visit(WorkUnit unit, WorkShape shape, int[] seen)
    {
        for (int line = unit.Line; line < unit.Line + unit.Lines; line++)
            for (int pixel = unit.Pixel; pixel < unit.Pixel + unit.Pixels; pixel++)
                for (int block = unit.Block; block < unit.BlockEnd; block++)
                    seen[(((((unit.Batch * shape.Lines) + line) * shape.Pixels) + pixel) * shape.Blocks) + block]++;
    }
}
