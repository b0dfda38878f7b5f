// Kernels that run: results with every tail, registers preserved, pages executable but not writable.
using System.Globalization;

namespace Int8Runtime.Jit.Tests;

public sealed unsafe class KernelExecutionTests
{
    [Fact]
    public void A_masked_loop_computes_every_length()
    {
        foreach (Isa isa in KernelTiers.Runnable)
        {
            KernelImage image = new ScaleGenerator().Generate(new(2.5f, -1f), isa);
            KernelVerifier.Verify(image);
            using CompiledKernel kernel = CompiledKernel.Load(image);
            for (int count = 0; count <= 50; count++)
            {
                float[] x = [.. Enumerable.Range(0, count).Select(i => i * 0.75f - 3)];
                var y = new float[count + 16];
                y.AsSpan().Fill(-77);
                fixed (float* px = x, py = y)
                {
                    var arguments = new ScaleArguments { X = px, Y = py, Count = count };
                    kernel.Invoke(&arguments);
                }
                for (int i = 0; i < y.Length; i++)
                    Assert.Equal(i < count ? MathF.FusedMultiplyAdd(x[i], 2.5f, -1f) : -77f, y[i]);
            }
        }
    }

    [Fact]
    public void Code_pages_are_executable_and_never_writable()
    {
        if (!OperatingSystem.IsLinux() || !KernelTiers.Runnable.Any())
            return; // the protection is read from /proc
        using CompiledKernel kernel = CompiledKernel.Load(new ScaleGenerator().Generate(new(1, 2), IsaTiers.Avx2));
        ulong address = (ulong)kernel.Entry;
        string mapping = File.ReadLines("/proc/self/maps").Single(line =>
        {
            string[] bounds = line.Split(' ')[0].Split('-');
            return address >= ulong.Parse(bounds[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture)
                && address < ulong.Parse(bounds[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        });
        Assert.Equal("r-xp", mapping.Split(' ')[1]);
    }

    [Fact]
    public void A_kernel_beyond_the_host_is_generated_and_verified_but_not_loaded()
    {
        var image = new KernelImage("future", CpuFeatures.Host.Isa | (Isa)(1 << 30), [0xC3], 1);
        Assert.Contains("future", Assert.Throws<InvalidOperationException>(() => CompiledKernel.Load(image)).Message);
        foreach (Isa isa in KernelTiers.All)
            foreach (CallingAbi abi in (CallingAbi[])[CallingAbi.SystemV, CallingAbi.Windows])
                KernelVerifier.Verify(new ScaleGenerator().Generate(new(1, 2), isa, abi));
    }

    [Fact]
    public void Scalar_instructions_compute()
    {
        Isa isa = KernelTiers.Runnable.FirstOrDefault();
        if (isa == Isa.None)
            return; // no kernels on this host
        var asm = new KernelAssembler(isa);
        using Gpr a = asm.Registers.Gpr("a"), b = asm.Registers.Gpr("b"), i = asm.Registers.Gpr("i");
        Gpr memory = asm.Arguments;
        asm.Mov(a, memory[0]);          // 10
        asm.Lea(b, a[a, 4, 2]);         // 52
        asm.Imul(b, b, -3);             // -156
        asm.Sar(b, 2);                  // -39
        asm.Neg(b);                     // 39
        asm.Shl(b, 4);                  // 624
        asm.Shr(b, 1);                  // 312
        asm.And(b, 0x1F0);              // 304
        asm.Mov(memory[8], b);
        asm.Mov(i, 4);
        asm.Xor(b, b);
        asm.CountDown(i, () => asm.Add(b, a));
        asm.Mov(memory[16], b);         // 40
        asm.MovSx8(a, memory[24]);      // -2
        asm.MovZx8(b, memory[24]);      // 254
        asm.Cmp(a, b);
        asm.MovIf(Condition.Less, b, a); // -2
        asm.Mov(memory[32], b);
        asm.Mov(a, 0x1_2345_6789_ABCD);
        asm.Mov(memory[40], a);
        asm.Add(memory[40], -0xCD);
        asm.Mov(b, 0xEE);
        asm.Mov8(memory[48], b);
        asm.Mov16(memory[50], b);
        asm.Mov32(memory[52], b);
        asm.Mov(i, 10);
        asm.Mov(a, 0);
        asm.StepDown(i, 4, () => asm.Inc(a));
        asm.Mov(memory[56], a);         // 2
        asm.Mov(memory[64], i);         // 2
        KernelImage image = asm.Build("scalar");
        KernelVerifier.Verify(image);
        using CompiledKernel kernel = CompiledKernel.Load(image);
        long* data = stackalloc long[9];
        data[0] = 10;
        data[3] = -2;
        kernel.Invoke(data);
        Assert.Equal((304, 40, -2), (data[1], data[2], data[4]));
        Assert.Equal(0x1_2345_6789_AB00, data[5]);
        Assert.Equal(0x0000_00EE_00EE_00EE, data[6]);
        Assert.Equal((2, 2), (data[7], data[8]));
    }
}
