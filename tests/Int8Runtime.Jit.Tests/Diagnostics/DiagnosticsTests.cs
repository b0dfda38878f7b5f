// Dumps name the roles of registers; the verifier finds each kind of violation.
namespace Int8Runtime.Jit.Tests;

public sealed class DiagnosticsTests
{
    [Fact]
    public void A_dump_shows_instructions_roles_and_comments()
    {
        string folder = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            string path = KernelDump.Write(new ScaleGenerator().Generate(new(2, 3), IsaTiers.Avx512, CallingAbi.SystemV), folder);
            Assert.Equal("scale_2_3_avx512.txt", Path.GetFileName(path));
            string[] lines = File.ReadAllLines(path);
            Assert.Contains(lines, l => l.Contains("b in every lane"));
            Assert.Contains(lines, l => l.Contains("vfmadd132ps zmm0, zmm1,") && l.EndsWith("; value, b"));
            Assert.Contains(lines, l => l.Contains("vmovups zmm0{k1}{z}") && l.EndsWith("; value, x, tail"));
            Assert.Contains(lines, l => l.EndsWith("ret"));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Long_names_are_shortened_and_any_threads_may_dump_one_kernel()
    {
        string folder = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            KernelImage image = new ScaleGenerator().Generate(new(2, 3), IsaTiers.Avx512, CallingAbi.SystemV);
            string chain = string.Concat(Enumerable.Repeat("multiply-f32-perchannel-", 32));
            string[] paths = [.. ((string[])["a", "b"]).Select(end => KernelDump.Write(image with { Name = chain + end }, folder))];
            Assert.Equal(2, paths.Distinct().Count());
            Assert.All(paths, path => Assert.StartsWith("multiply-f32", Path.GetFileName(path), StringComparison.Ordinal));
            System.Threading.Tasks.Parallel.For(0, 64, _ => KernelDump.Write(image, folder));
            Assert.Equal(3, Directory.GetFiles(folder).Length);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void The_perf_map_line_is_start_size_name()
    {
        if (!KernelTiers.Runnable.Any())
            return; // no kernels on this host
        using CompiledKernel kernel = CompiledKernel.Load(new ScaleGenerator().Generate(new(2, 3), IsaTiers.Avx2));
        Assert.Matches("^[0-9a-f]+ [0-9a-f]+ int8rt::scale_2_3:avx2\n$", PerfMap.LineOf(kernel));
    }

    [Fact]
    public void The_verifier_accepts_sound_kernels_and_names_violations()
    {
        KernelImage sound = new ScaleGenerator().Generate(new(2, 3), IsaTiers.Avx512Vnni);
        Assert.Empty(KernelVerifier.FindViolations(sound));

        Assert.Contains(Violations(sound with { Isa = IsaTiers.Avx2 }), v => v.Contains("AVX512"));
        Assert.Contains(Violations(sound with { Isa = IsaTiers.Avx2 }), v => v.Contains("k1", StringComparison.OrdinalIgnoreCase));
        Assert.Contains(Violations(Raw(0xC4, 0xE2, 0x75, 0x50, 0xC2, 0xC3)), v => v.Contains("AVX_VNNI"));
        Assert.Contains(Violations(Raw(0x06)), v => v.Contains("not an instruction")); // push es
        Assert.Contains(Violations(Raw(0xEB, 0x01, 0x90, 0xC3) with { CodeLength = 3 }), v => v.Contains("return"));
        Assert.Contains(Violations(Raw(0xEB, 0x01, 0xB8, 0xC3, 0x00, 0x00, 0x00, 0xC3)), v => v.Contains("middle"));
        Assert.Contains(Violations(Raw(0xC3, 0xB8) with { CodeLength = 2 }), v => v.Length > 0);
        Assert.Contains("unsound", Assert.Throws<InvalidOperationException>(() => KernelVerifier.Verify(Raw(0x06))).Message);
    }

    private static KernelImage Raw(params byte[] code) => new("raw", IsaTiers.Avx2, code, code.Length);

    private static IReadOnlyList<string> Violations(KernelImage image) => KernelVerifier.FindViolations(image);
}
