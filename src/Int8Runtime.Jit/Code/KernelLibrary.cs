// Kernels by name, from an earlier process or of this one: what a model's file of generated code is read into and written from.
using System.Collections.Concurrent;

namespace Int8Runtime.Jit;

/// <summary>
/// The kernels of one problem set, such as a compiled model. While <see cref="Use"/> is in effect on a thread, kernels that the
/// thread asks for are taken from here instead of being generated, and those that are not here are added. Names must stand for
/// the same code whenever they are asked for, which holds as long as the problems, the version of the generators and the
/// instruction sets are the same; a name that two different kernels of the set have is left out. Thread-safe.
/// </summary>
internal sealed class KernelLibrary
{
    [ThreadStatic]
    private static KernelLibrary? s_current;

    private readonly ConcurrentDictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private int _added;

    /// <summary>Creates a library.</summary>
    /// <param name="images">Kernels of an earlier process.</param>
    public KernelLibrary(IEnumerable<KeyValuePair<string, KernelImage>> images)
    {
        foreach ((string name, KernelImage image) in images)
            _entries[name] = new Entry(image, null);
    }

    /// <summary>The library of this thread; null where kernels are only generated.</summary>
    public static KernelLibrary? Current => s_current;

    /// <summary>Kernels that were asked for and not found.</summary>
    public int Added => Volatile.Read(ref _added);

    /// <summary>The kernels; none whose name is ambiguous.</summary>
    public IEnumerable<KeyValuePair<string, KernelImage>> Images => _entries
        .Where(e => e.Value.Image is not null).Select(e => KeyValuePair.Create(e.Key, e.Value.Image!))
        .OrderBy(e => e.Key, StringComparer.Ordinal);

    /// <summary>Lets this thread use a library until the result is disposed.</summary>
    public static Scope Use(KernelLibrary? library) => new(library);

    /// <summary>Names that two kernels have; there should be none, see <see cref="KernelGenerator{TSpec}.NameOf"/>.</summary>
    public IEnumerable<string> AmbiguousNames => _entries.Where(e => e.Value.Image is null).Select(e => e.Key);

    /// <summary>
    /// The kernel of a name; null if it is not there, is another spec's, was made for other instruction sets, or has to be generated
    /// because a dump with its comments was asked for.
    /// </summary>
    public KernelImage? Find(string name, object spec, Isa isa) =>
        !KernelDump.IsAsked && _entries.TryGetValue(name, out Entry? entry) && (entry.Spec is null || entry.Spec.Equals(spec))
        && entry.Image is { } image && image.Isa == isa ? image : null;

    /// <summary>Adds a kernel that was asked for.</summary>
    /// <param name="name">The name it was asked for by.</param>
    /// <param name="spec">What it was generated from.</param>
    /// <param name="image">The kernel.</param>
    public void Add(string name, object spec, KernelImage image)
    {
        _entries.AddOrUpdate(
            name,
            _ =>
            {
                Interlocked.Increment(ref _added);
                return new Entry(image, spec);
            },
            (_, known) => known.Spec is null ? known with { Spec = spec }
                : known.Spec.Equals(spec) ? known : new Entry(null, spec));
    }

    /// <summary>Ends the use of a library.</summary>
    internal readonly ref struct Scope
    {
        private readonly KernelLibrary? _previous;

        public Scope(KernelLibrary? library) => (_previous, s_current) = (s_current, library);

        public void Dispose() => s_current = _previous;
    }

    // No image: two specs have this name. No spec: read from a file and not asked for yet.
    private sealed record Entry(KernelImage? Image, object? Spec);
}
