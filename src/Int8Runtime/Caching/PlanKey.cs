// What decides the kernels and packed weights of a plan besides the model.
using System.Globalization;
using System.Security.Cryptography;
using Int8Runtime.Graph;
using Int8Runtime.Jit;
using Int8Runtime.X64;

namespace Int8Runtime.Caching;

/// <summary>
/// Keys of cached plans: a digest of the model, the build of the runtime, the CPU, the engine, the options and the shapes.
/// </summary>
internal static class PlanKey
{
    /// <summary>
    /// The build of each assembly of the runtime. The compiler derives these from the code, so any change of it is another key.
    /// </summary>
    public static Guid[] Builds { get; } = Array.ConvertAll(
        [typeof(Engine), typeof(KernelAssembler), typeof(X64Implementations), typeof(CpuEngine)],
        (Type type) => type.Module.ModuleVersionId);

    /// <summary>The key of a plan.</summary>
    /// <param name="fingerprint">The digest of the model.</param>
    /// <param name="engine">The engine.</param>
    /// <param name="options">How the model is compiled.</param>
    /// <param name="shapes">The input shapes.</param>
    /// <param name="builds">The build of the runtime: <see cref="Builds"/>.</param>
    public static byte[] Of(
        byte[] fingerprint, CpuEngine engine, CompileOptions options, SortedDictionary<string, Shape> shapes,
        Guid[] builds)
    {
        CpuFeatures cpu = CpuFeatures.Host;
        using var text = new MemoryStream();
        using var writer = new BinaryWriter(text);
        writer.Write(fingerprint);
        writer.Write(builds.Length);
        foreach (Guid build in builds)
            writer.Write(build.ToByteArray());
        writer.Write(Environment.Version.ToString());
        writer.Write(OperatingSystem.IsWindows() ? "windows" : "unix"); // calling convention
        writer.Write($"{cpu.Vendor}|{cpu.Brand}|{cpu.Isa}|{cpu.Caches}");
        writer.Write(string.Create(CultureInfo.InvariantCulture, $"{engine.Isa}|{engine.Emulated}|{engine.Threads}|{engine.NumericMode}"));
        foreach (string line in engine.Tuning?.Lines ?? [])
            writer.Write("tile " + line);
        foreach (string name in options.Observe)
            writer.Write("observe " + name);
        foreach (string name in options.DisabledPasses.Order(StringComparer.Ordinal))
            writer.Write("without " + name);
        foreach ((string name, Shape shape) in shapes)
            writer.Write($"shape {name} {shape}");
        writer.Flush();
        return SHA256.HashData(text.GetBuffer().AsSpan(0, (int)text.Length));
    }
}
