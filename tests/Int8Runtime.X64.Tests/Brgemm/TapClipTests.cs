// Tiles leave out exactly the products whose source pixel lies outside.
namespace Int8Runtime.X64.Tests.Brgemm;

public sealed class TapClipTests
{
    /// <summary>Every tile of every small line, against the definition: pixel p at tap t meets source pixel p·step + t·dilation − left.</summary>
    [Fact]
    public void A_clip_holds_the_rows_whose_source_pixel_exists()
    {
        foreach (int taps in new[] { 1, 2, 3, 5, 7 })
            foreach (int step in new[] { 1, 2, 3 })
                foreach (int left in new[] { 0, 1, 2, 6 })
                    foreach (int width in new[] { 1, 2, 5, 9 })
                        foreach (int pixels in new[] { 1, 2, 5, 8 })
                            foreach (int dilation in new[] { 1, 2, 5 })
                                CheckLine(taps, step, dilation, left, width, pixels);
    }

    private static void CheckLine(int taps, int step, int dilation, int left, int width, int pixels)
    {
        int right = Math.Max(0, ((pixels - 1) * step) + ((taps - 1) * dilation) + 1 - left - width);
        var edges = new LineEdges(taps, step, left, right, dilation);
        foreach (int tile in new[] { 1, 2, 3, 8 })
        {
            for (int first = 0; first < pixels; first += tile)
            {
                int rows = Math.Min(tile, pixels - first);
                TapClip? clip = edges.ClipOf(first, rows, pixels);
                for (int tap = 0; tap < taps; tap++)
                {
                    (int from, int end) = clip?.RowsOf(tap, rows) ?? (0, rows);
                    for (int m = 0; m < rows; m++)
                    {
                        int x = ((first + m) * step) + (tap * dilation) - left;
                        bool inside = x >= 0 && x < width;
                        Assert.True(inside == (m >= from && m < end), $"{edges}, tile of {rows} at {first}, row {m}, tap {tap}");
                    }
                }
            }
        }
    }
}
