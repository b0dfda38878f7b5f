// The base of all kernel generators: an immutable spec in, a kernel image out.
namespace Int8Runtime.Jit;

/// <summary>Generates kernels from specs.</summary>
/// <typeparam name="TSpec">
/// An immutable record of everything that changes the code; together with the instruction set it is the cache key.
/// </typeparam>
internal abstract class KernelGenerator<TSpec>
    where TSpec : notnull, IEquatable<TSpec>
{
    /// <summary>Name of a kernel, unique per spec: letters, digits and <c>_-.:</c>.</summary>
    public abstract string NameOf(TSpec spec);

    /// <summary>Generates the kernel for any instruction set, also one that this host lacks.</summary>
    public KernelImage Generate(TSpec spec, Isa isa, CallingAbi? abi = null)
    {
        var assembler = new KernelAssembler(isa, abi);
        Emit(assembler, spec);
        return assembler.Build($"{NameOf(spec)}:{IsaTiers.NameOf(isa)}");
    }

    /// <summary>The kernel for this host, from the cache.</summary>
    public CompiledKernel GetOrCreate(KernelCache cache, TSpec spec, Isa isa)
    {
        var key = new KernelKey(GetType(), spec, isa);
        if (KernelLibrary.Current is not { } library)
            return cache.GetOrCreate(key, () => Generate(spec, isa));
        string name = $"{GetType().Name}/{NameOf(spec)}";
        CompiledKernel kernel = cache.GetOrCreate(key, () => library.Find(name, spec, isa) ?? Generate(spec, isa));
        library.Add(name, spec, kernel.Image);
        return kernel;
    }

    /// <summary>Emits the body of the kernel; the base adds prologue, epilogue and constants.</summary>
    protected abstract void Emit(KernelAssembler asm, TSpec spec);
}
