// Constants: aligned, stored once, spread as the instruction needs them.
namespace Int8Runtime.Jit.Tests;

public sealed class ConstantPoolTests
{
    [Fact]
    public void Constants_are_aligned_to_their_size_and_stored_once()
    {
        var pool = new ConstantPool();
        int small = pool.Place(new byte[4]);
        int vector = pool.Place(Enumerable.Range(0, 64).Select(i => (byte)i).ToArray());
        int medium = pool.Place(Enumerable.Range(0, 32).Select(i => (byte)i).ToArray());
        Assert.Equal((0, 64, 128), (small, vector, medium));
        Assert.Equal(vector, pool.Place(Enumerable.Range(0, 64).Select(i => (byte)i).ToArray()));
        Assert.Equal(160, pool.Length);
        var bytes = new byte[pool.Length];
        pool.CopyTo(bytes);
        Assert.Equal(63, bytes[127]);
    }

    [Theory]
    [InlineData("avx2", nameof(VectorOp.Vaddps), 32)]
    [InlineData("avx512", nameof(VectorOp.Vaddps), 4)] // embedded broadcast
    [InlineData("avx512", nameof(VectorOp.Vpmaddubsw), 64)] // no such broadcast exists
    public void A_splat_takes_the_room_that_the_instruction_needs(string tier, string operationName, int expected)
    {
        VectorOp operation = Enum.Parse<VectorOp>(operationName);
        var asm = new KernelAssembler(IsaTiers.Parse(tier));
        asm.Emit(operation, new Vec(0), new Vec(1), asm.Splat(1f));
        asm.Emit(operation, new Vec(2), new Vec(1), asm.Splat(1f));
        KernelImage image = asm.Build("k");
        int start = (image.CodeLength + 63) / 64 * 64;
        Assert.Equal(expected, image.Bytes.Length - start);
        KernelVerifier.Verify(image);
    }
}
