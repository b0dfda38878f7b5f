// Mapped files and checksums.
using System.Buffers;
using Microsoft.Win32.SafeHandles;

namespace Int8Runtime.Core.Tests;

public sealed class MappedFileTests : IDisposable
{
    private readonly string _path = Path.Combine(Path.GetTempPath(), $"mapped-{Guid.NewGuid():N}");

    public void Dispose() => File.Delete(_path);

    [Fact]
    public void A_pin_shows_the_opened_file_after_it_was_replaced_and_forgotten()
    {
        byte[] content = [.. Enumerable.Range(0, 10_000).Select(i => (byte)(i * 7))];
        File.WriteAllBytes(_path, content);
        (MemoryHandle pin, ReadOnlyMemory<byte> rest) = Map();
        File.Delete(_path);
        File.WriteAllBytes(_path, new byte[10_000]);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        Assert.Equal(content[64..], rest.ToArray());
        pin.Dispose();
        pin.Dispose();
        Assert.Equal(content[64..], rest.ToArray());
    }

    [Fact]
    public void Nothing_and_too_much_are_refused()
    {
        File.WriteAllBytes(_path, []);
        using SafeFileHandle file = File.OpenHandle(_path);
        Assert.Throws<IOException>(() => new MappedFile(file));
    }

    [Fact]
    public void Checksums_see_every_bit_and_the_length()
    {
        var random = new Random(1);
        foreach (int length in (int[])[0, 1, 7, 8, 31, 32, 33, 100])
        {
            byte[] bytes = new byte[length];
            random.NextBytes(bytes);
            var seen = new HashSet<ulong> { Checksum.Of(bytes) };
            Assert.Contains(Checksum.Of([.. bytes]), seen);
            for (int bit = 0; bit < 8 * length; bit++)
            {
                bytes[bit / 8] ^= (byte)(1 << (bit % 8));
                Assert.True(seen.Add(Checksum.Of(bytes)), $"bit {bit} of {length} bytes");
                bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            }

            Assert.True(seen.Add(Checksum.Of([.. bytes, 0])));
        }

        Assert.NotEqual(Checksum.Of(new byte[64]), Checksum.Of(new byte[96])); // nothing but zeros
    }

    private (MemoryHandle Pin, ReadOnlyMemory<byte> View) Map()
    {
        using SafeFileHandle file = File.OpenHandle(_path);
        var mapped = new MappedFile(file);
        return (mapped.Memory[64..].Pin(), mapped.Memory[64..]);
    }
}
