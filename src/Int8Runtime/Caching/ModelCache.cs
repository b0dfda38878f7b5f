// The cache on disk of compiled models: a folder with a file for each plan.
using System.Globalization;
using System.Diagnostics;
using Int8Runtime.Graph.Planning;
using Int8Runtime.Jit;

namespace Int8Runtime.Caching;

/// <summary>Counts of a cache since it was opened.</summary>
/// <param name="Hits">Plans that were found.</param>
/// <param name="Misses">Plans that were not there.</param>
/// <param name="Refused">Files that could not be used: damaged, or not to be trusted.</param>
/// <param name="Stored">Files that were written.</param>
public readonly record struct ModelCacheMetrics(int Hits, int Misses, int Refused, int Stored);

/// <summary>
/// Keeps generated code and packed weights of compiled models in a folder, so that later processes neither generate nor pack them.
/// A file belongs to one model, set of shapes, build of the runtime, CPU, and options of engine and compilation; anything else is
/// another file. Any number of processes may use a folder at once: files appear complete or not at all, and one that leaves stays
/// valid for its users. Results do not depend on the cache. Thread-safe.
/// </summary>
/// <remarks>
/// Files hold machine code, so the folder must be one that only its owner can write. Files are checked for damage before they are
/// used, and one that fails is ignored, told in the verbose log, and written anew.
/// </remarks>
public sealed class ModelCache
{
    /// <summary>The default of <see cref="CapacityBytes"/>: 4 GiB.</summary>
    public const long DefaultCapacityBytes = 4L << 30;

    private const string Extension = ".i8plan";
    private static readonly TimeSpan AbandonedAfter = TimeSpan.FromHours(1);

    private int _hits, _misses, _refused, _stored;

    private ModelCache(string folder, long capacityBytes) =>
        (Folder, CapacityBytes, Key) = (folder, capacityBytes, DigestKey.Of(folder));

    /// <summary>The folder.</summary>
    public string Folder { get; }

    /// <summary>Bound of the size of all files; the least recently used leave first.</summary>
    public long CapacityBytes { get; }

    /// <summary>The key under which models are digested.</summary>
    internal DigestKey Key { get; }

    /// <summary>Counts at this moment.</summary>
    public ModelCacheMetrics Metrics => new(
        Volatile.Read(ref _hits), Volatile.Read(ref _misses), Volatile.Read(ref _refused), Volatile.Read(ref _stored));

    /// <summary>Opens a folder, which is created, for its owner alone, if it does not exist.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="capacityBytes">Bound of the size of all files.</param>
    /// <exception cref="IOException">The folder cannot be created, or other users may write to it.</exception>
    public static ModelCache Open(string folder, long capacityBytes = DefaultCapacityBytes)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentOutOfRangeException.ThrowIfNegative(capacityBytes);
        string full = Path.GetFullPath(folder);
        const UnixFileMode Owner = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        try
        {
            if (OperatingSystem.IsWindows())
                Directory.CreateDirectory(full);
            else if (!Directory.Exists(full))
                Directory.CreateDirectory(full, Owner);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"The cache folder '{full}' cannot be made ({exception.Message.TrimEnd('.')}): name another folder.", exception);
        }

        if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(full) & (UnixFileMode.GroupWrite | UnixFileMode.OtherWrite)) != 0)
            throw new IOException(
                $"The cache folder '{full}' holds machine code, but other users may write to it: run chmod go-w on it, or name "
                + "another folder.");
        return new ModelCache(full, capacityBytes);
    }

    /// <summary>The plan of a key; null if there is none that can be used.</summary>
    internal CachedPlan? Find(byte[] key, VerboseLog? log, string model)
    {
        long start = Stopwatch.GetTimestamp();
        string path = PathOf(key), name = Path.GetFileName(path);
        try
        {
            CachedPlan plan = CachedPlan.Read(path, key);
            Touch(path);
            Interlocked.Increment(ref _hits);
            log?.Cached("hit", name, Text(plan.Kernels.Count, plan.ConstantCount), Milliseconds(start), model);
            return plan;
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            Interlocked.Increment(ref _misses);
            log?.Cached("miss", name, "", Milliseconds(start), model);
        }
        catch (Exception exception) when (exception is CacheFileException or IOException or UnauthorizedAccessException)
        {
            Interlocked.Increment(ref _refused);
            log?.Cached("refused", name, "", "refused: " + exception.Message, model);
        }

        return null;
    }

    /// <summary>Keeps a plan. A folder that cannot be written is told in the log and otherwise ignored.</summary>
    internal void Store(byte[] key, KernelLibrary kernels, IReadOnlyList<StoredTensor> constants, VerboseLog? log, string model)
    {
        long start = Stopwatch.GetTimestamp();
        string path = PathOf(key), name = Path.GetFileName(path);
        KeyValuePair<string, KernelImage>[] images = [.. kernels.Images];
        try
        {
            if (!CachedPlan.Fits(constants))
                throw new CacheFileException("its constants have 2 GiB or more");
            AtomicFile.WritePrivate(path, stream => CachedPlan.Write(stream, key, images, constants));
            Interlocked.Increment(ref _stored);
            log?.Cached("stored", name, Text(images.Length, constants.Count), Milliseconds(start), model);
            Trim(keep: path);
        }
        catch (Exception exception) when (exception is CacheFileException or IOException or UnauthorizedAccessException)
        {
            log?.Cached("refused", name, "", "not stored: " + exception.Message, model);
        }
    }

    private static string Text(int kernels, int constants) => FormattableString.Invariant($"kernels:{kernels} constants:{constants}");

    private static string Milliseconds(long start) =>
        Stopwatch.GetElapsedTime(start).TotalMilliseconds.ToString("0.####", CultureInfo.InvariantCulture);

    // The time of the last write stands for the last use, since many file systems do not record that.
    private static void Touch(string path)
    {
        try
        {
            File.SetLastWriteTimeUtc(path, DateTime.UtcNow);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Another process has removed the file, or the folder is read-only; the mapping stays valid.
        }
    }

    private string PathOf(byte[] key) => Path.Combine(Folder, Convert.ToHexStringLower(key) + Extension);

    // Removes the least recently used files beyond the bound, and what interrupted processes left.
    private void Trim(string keep)
    {
        DateTime now = DateTime.UtcNow;
        long size = 0;
        foreach (FileInfo file in new DirectoryInfo(Folder).GetFiles("*" + Extension + "*").OrderByDescending(f => f.LastWriteTimeUtc))
        {
            bool isPlan = file.Extension == Extension;
            long length = isPlan ? LengthOf(file) : 0;
            size += length;
            if (file.FullName != keep && (isPlan ? size > CapacityBytes : now - file.LastWriteTimeUtc > AbandonedAfter))
            {
                size -= length;
                file.Delete();
            }
        }
    }

    // Another process may have removed the file since the folder was listed.
    private static long LengthOf(FileInfo file)
    {
        try
        {
            return file.Length;
        }
        catch (FileNotFoundException)
        {
            return 0;
        }
    }
}
