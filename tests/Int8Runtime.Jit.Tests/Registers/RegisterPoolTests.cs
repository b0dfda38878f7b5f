// Leases: distinct registers, exhaustion with names, no double return.
namespace Int8Runtime.Jit.Tests;

public sealed class RegisterPoolTests
{
    [Fact]
    public void Leases_are_distinct_and_come_back()
    {
        RegisterPool pool = new KernelAssembler(IsaTiers.Avx512).Registers;
        using (VecArray tile = pool.Vecs("acc", 4, 6))
        {
            Assert.Equal(24, Enumerable.Range(0, tile.Count).Select(i => tile[i].Index).Distinct().Count());
            Assert.Equal(tile[7].Index, tile[1, 1].Index);
            Assert.Equal(8, pool.Free(RegisterClass.Vector));
        }
        Assert.Equal(32, pool.Free(RegisterClass.Vector));
    }

    [Fact]
    public void Exhaustion_names_the_holders()
    {
        RegisterPool pool = new KernelAssembler(IsaTiers.Avx2).Registers;
        using VecArray tile = pool.Vecs("acc", 4, 4);
        string message = Assert.Throws<InvalidOperationException>(() => pool.Vec("bias")).Message;
        Assert.Contains("'bias'", message);
        Assert.Contains("acc[0,0]", message);
        Assert.Contains("acc[3,3]", message);
        Assert.Throws<InvalidOperationException>(() => pool.Mask("tail")); // AVX2 has none
    }

    [Fact]
    public void A_register_cannot_be_given_back_twice()
    {
        RegisterPool pool = new KernelAssembler(IsaTiers.Avx2).Registers;
        Vec register = pool.Vec("x");
        Vec copy = register;
        register.Dispose();
        Assert.Throws<InvalidOperationException>(copy.Dispose);
    }

    [Fact]
    public void The_argument_register_is_leased_until_disposed()
    {
        var asm = new KernelAssembler(IsaTiers.Avx2);
        int free = asm.Registers.Free(RegisterClass.General);
        asm.Arguments.Dispose();
        Assert.Equal(free + 1, asm.Registers.Free(RegisterClass.General));
        Assert.Equal(15, free + 1); // all but the stack pointer
    }
}
