// A kernel in executable memory.
namespace Int8Runtime.Jit;

/// <summary>
/// A loaded kernel: a function with one pointer argument. Its memory lives as long as the object is reachable, so
/// whoever keeps <see cref="Entry"/> must keep the object too.
/// </summary>
internal sealed unsafe class CompiledKernel : IDisposable
{
    private readonly ExecutableMemory _memory;

    private CompiledKernel(KernelImage image, KernelImage executed, ExecutableMemory memory)
    {
        (Image, Executed, _memory) = (image, executed, memory);
        Entry = (delegate* unmanaged<void*, void>)memory.Address;
    }

    /// <summary>The kernel as generated.</summary>
    public KernelImage Image { get; }

    /// <summary>The bytes that were loaded: <see cref="Image"/>, or its lowering to what this host has.</summary>
    public KernelImage Executed { get; }

    /// <summary>Whether instructions that the host lacks were replaced. Such a kernel says nothing about speed.</summary>
    public bool IsEmulated => !ReferenceEquals(Executed, Image);

    /// <summary>Name in dumps, perf maps and logs.</summary>
    public string Name => Image.Name;

    /// <summary>The function; see the type about its lifetime.</summary>
    public delegate* unmanaged<void*, void> Entry { get; }

    /// <summary>Bytes of memory that the kernel occupies.</summary>
    public long Footprint => _memory.Length;

    /// <summary>Disassembly with the roles of the registers.</summary>
    public string Disassembly => Disassembler.Format(Image);

    /// <summary>Loads a kernel; what <see cref="IsaEmulation"/> can emulate, this host need not have.</summary>
    /// <exception cref="InvalidOperationException">The kernel needs instructions that the host lacks.</exception>
    /// <exception cref="ExecutableMemoryException">The system denies executable memory.</exception>
    public static CompiledKernel Load(KernelImage image) => Load(image, CpuFeatures.Host.Isa);

    /// <summary>Loads a kernel as if the host had only the instruction sets <paramref name="available"/>.</summary>
    /// <inheritdoc cref="Load(KernelImage)"/>
    internal static CompiledKernel Load(KernelImage image, Isa available)
    {
        Isa missing = image.Isa & ~(available | IsaEmulation.MissingFrom(available));
        if (missing != Isa.None)
            throw new InvalidOperationException($"The kernel '{image.Name}' needs {missing}, which this host lacks.");
        KernelDump.WriteIfAsked(image);
        KernelImage executed = KernelLowering.IsNeeded(image, available)
            ? KernelLowering.Lower(image, available, CallingAbi.Host)
            : image;
        var kernel = new CompiledKernel(image, executed, ExecutableMemory.Create(executed.Bytes));
        PerfMap.AddIfAsked(kernel);
        return kernel;
    }

    /// <summary>Calls the kernel.</summary>
    public void Invoke(void* arguments)
    {
        Entry(arguments);
        GC.KeepAlive(this);
    }

    /// <summary>Frees the code. Only for kernels that no one else holds; cached ones are left to the collector.</summary>
    public void Dispose() => _memory.Dispose();
}
