// Entries in the order of their use: who leaves when room is short.
namespace Int8Runtime.Core.Tests;

public sealed class BoundedEntriesTests
{
    [Fact]
    public void The_least_recently_used_leave_for_one_that_is_weighed()
    {
        var entries = new BoundedEntries<string, int>(100);
        foreach ((string key, int bytes) in ((string, int)[])[("a", 40), ("b", 30), ("c", 20)])
            Assert.Equal(0, entries.Weigh(entries.Add(key, bytes), bytes));
        Assert.NotNull(entries.Find("a"));
        Assert.Equal(2, entries.Weigh(entries.Add("d", 60), 60));
        Assert.Equal([60, 40], entries.Weighed);
        Assert.Equal((2, 100L), (entries.Count, entries.Bytes));
        Assert.Null(entries.Find("b"));
    }

    [Fact]
    public void What_is_not_weighed_yet_stays_and_so_does_what_is_too_heavy_alone()
    {
        var entries = new BoundedEntries<string, int>(100);
        var open = entries.Add("open", 1);
        Assert.Equal(0, entries.Weigh(entries.Add("heavy", 2), 1000));
        Assert.Equal((2, 1000L), (entries.Count, entries.Bytes));
        Assert.Equal(1, entries.Weigh(open, 10));
        Assert.Equal([1], entries.Weighed);
    }

    [Fact]
    public void An_entry_is_weighed_once_and_not_when_it_is_gone()
    {
        var entries = new BoundedEntries<string, int>(100);
        var first = entries.Add("a", 1);
        entries.Weigh(first, 10);
        entries.Weigh(first, 10);
        Assert.Equal(10, entries.Bytes);
        entries.Remove(first);
        entries.Remove(first);
        var second = entries.Add("a", 2);
        entries.Weigh(first, 10);
        Assert.Equal((1, 0L), (entries.Count, entries.Bytes));
        entries.Clear();
        entries.Weigh(second, 10);
        Assert.Equal((0, 0L), (entries.Count, entries.Bytes));
    }
}
