// Kernels that run: results with every tail, registers preserved, pages executable but not writable.
using System.Globalization;

namespace Int8Runtime.Jit.Tests;

public sealed unsafe class KernelExecutionTests
{
    [Fact]
    public void A_masked_loop_computes_every_length()
    {
        foreach (Isa isa in Tiers.Runnable)
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
}
