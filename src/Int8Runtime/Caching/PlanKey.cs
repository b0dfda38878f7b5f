// What decides the kernels and packed weights of a plan besides the model.
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
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
    public static IReadOnlyList<Guid> Builds { get; } =
        [.. from type in (Type[])[typeof(Engine), typeof(KernelAssembler), typeof(X64Implementations),
            typeof(CpuEngine)] select type.Module.ModuleVersionId];

    /// <summary>The key of a plan.</summary>
    /// <param name="fingerprint">The digest of the model.</param>
    /// <param name="engine">The engine.</param>
    /// <param name="options">How the model is compiled.</param>
    /// <param name="shapes">The input shapes.</param>
    /// <param name="builds">The build of the runtime: <see cref="Builds"/>.</param>
    public static byte[] Of(
        byte[] fingerprint, CpuEngine engine, CompileOptions options, IEnumerable<KeyValuePair<string, Shape>> shapes,
        IEnumerable<Guid> builds)
    {
        CpuFeatures cpu = CpuFeatures.Host;
        IEnumerable<string> lines =
        [
            Convert.ToHexString(fingerprint),
            .. builds.Select(build => build.ToString("N")),
            Environment.Version.ToString(),
            OperatingSystem.IsWindows() ? "windows" : "unix", // calling convention
            $"{cpu.Vendor}|{cpu.Brand}|{cpu.Isa}|{cpu.Caches}",
            string.Create(CultureInfo.InvariantCulture, $"{engine.Isa}|{engine.Emulated}|{engine.Threads}|{engine.NumericMode}"),
            .. engine.Tuning?.Lines ?? [],
            .. options.Observe.Select(name => "observe " + name),
            .. options.DisabledPasses.Order(StringComparer.Ordinal).Select(name => "without " + name),
            .. shapes.Select(s => $"shape {s.Key} {s.Value}"),
        ];
        return SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', lines.Select(line => $"{line.Length}:{line}"))));
    }
}
