// Tiles that were measured to be the fastest on one CPU, and the file that keeps them.
// The file: a line that names format, version and CPU; then for each problem one line "tier threads tile problem".
using System.Collections.Concurrent;
using System.Globalization;

namespace Int8Runtime.Tuning;

/// <summary>
/// The fastest tile of each measured problem, on this CPU and with this version of the runtime. An engine that is given it
/// (<see cref="CpuEngineOptions.Tuning"/>) plans by it and asks the cost model for other problems. Results do not depend on it: a tile
/// only decides which sums are computed together. Thread-safe.
/// </summary>
public sealed class TileTuning
{
    private const string Format = "int8runtime-tiles 1";

    private readonly ConcurrentDictionary<(string Tier, int Threads, string Problem), KernelTile> _tiles = new();

    /// <summary>Number of measured problems.</summary>
    public int Count => _tiles.Count;

    /// <summary>A line for each measured problem, in order.</summary>
    internal IEnumerable<string> Lines => _tiles
        .OrderBy(t => t.Key.Tier, StringComparer.Ordinal).ThenBy(t => t.Key.Threads).ThenBy(t => t.Key.Problem, StringComparer.Ordinal)
        .Select(t => string.Create(CultureInfo.InvariantCulture, $"{t.Key.Tier} {t.Key.Threads} {t.Value} {t.Key.Problem}"));

    private static string Header => $"{Format} {typeof(TileTuning).Assembly.GetName().Version} {CpuEngine.CpuName}";

    /// <summary>
    /// Reads a file. Measurements of another CPU or version mean nothing here: such a file, or none, gives an empty tuning.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <exception cref="FormatException">It is no file of tiles, or a line of it is damaged; the message names the line.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static TileTuning Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var tuning = new TileTuning();
        if (!File.Exists(path))
            return tuning;
        string[] lines = Readable.Read(path, File.ReadAllLines);
        if (lines.Length == 0 || !lines[0].StartsWith(Format, StringComparison.Ordinal))
            throw new FormatException($"'{path}', line 1: not a file of measured tiles. Delete it, or name another file.");
        if (lines[0] != Header)
            return tuning;
        for (int i = 1; i < lines.Length; i++)
        {
            if (lines[i].Split(' ', 4) is not [var tier, var threads, var tile, var problem]
                || !int.TryParse(threads, NumberStyles.None, CultureInfo.InvariantCulture, out int count)
                || !KernelTile.TryParse(tile, out KernelTile parsed))
                throw new FormatException(
                    $"'{path}', line {i + 1}: '{lines[i]}' is not 'tier threads tile problem'. Delete the line, or the file.");
            tuning._tiles[(tier, count, problem)] = parsed;
        }

        return tuning;
    }

    /// <summary>Writes everything to a file, which another process never sees half-written.</summary>
    /// <param name="path">The file; its folder is created.</param>
    /// <exception cref="IOException">It cannot be written.</exception>
    public void Save(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        string full = Path.GetFullPath(path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        AtomicFile.Write(full, stream =>
        {
            using var writer = new StreamWriter(stream, leaveOpen: true);
            writer.WriteLine(Header);
            foreach (string line in Lines)
                writer.WriteLine(line);
        });
    }

    /// <summary>The tile of a problem; null if it was not measured.</summary>
    /// <param name="engine">The engine that plans it.</param>
    /// <param name="problem">The problem.</param>
    public KernelTile? Find(Engine engine, ProblemLine problem) =>
        !_tiles.IsEmpty && _tiles.TryGetValue(KeyOf(engine, problem), out KernelTile tile) ? tile : null;

    /// <summary>Sets the tile of a problem.</summary>
    /// <param name="engine">The engine it was measured with.</param>
    /// <param name="problem">The problem.</param>
    /// <param name="tile">The fastest tile.</param>
    public void Set(Engine engine, ProblemLine problem, KernelTile tile) => _tiles[KeyOf(engine, problem)] = tile;

    private static (string Tier, int Threads, string Problem) KeyOf(Engine engine, ProblemLine problem)
    {
        ArgumentNullException.ThrowIfNull(engine);
        ArgumentNullException.ThrowIfNull(problem);
        return (IsaTiers.NameOf(engine.Isa), engine.Threads, problem.Command);
    }
}
