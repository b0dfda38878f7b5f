// An engine and a stream of oneDNN, where it is installed.
using System.Runtime.InteropServices;

namespace Int8Runtime.Benchmarks.OneDnn;

/// <summary>oneDNN's CPU engine.</summary>
internal sealed unsafe class OneDnnEngine : IDisposable
{
    private OneDnnEngine(int threads)
    {
        Dnnl.SetOpenMpThreads(threads);
        Dnnl.Check(Dnnl.EngineCreate(out nint engine, Dnnl.CpuEngine, 0), "dnnl_engine_create");
        Dnnl.Check(Dnnl.StreamCreate(out nint stream, engine, Dnnl.InOrderStream), "dnnl_stream_create");
        (Handle, Stream) = (engine, stream);
    }

    /// <summary>dnnl_engine_t.</summary>
    public nint Handle { get; }

    /// <summary>dnnl_stream_t.</summary>
    public nint Stream { get; }

    /// <summary>Name and version.</summary>
    public static string Version
    {
        get
        {
            DnnlVersion* version = Dnnl.Version();
            return FormattableString.Invariant($"oneDNN {version->Major}.{version->Minor}.{version->Patch}");
        }
    }

    /// <summary>Opens the library, or returns null where it is not installed.</summary>
    /// <param name="threads">OpenMP threads, for calls from this thread.</param>
    public static OneDnnEngine? TryOpen(int threads)
    {
        Processor.SetNativeVariable("OMP_NUM_THREADS", threads.ToString(System.Globalization.CultureInfo.InvariantCulture));
        Processor.SetNativeVariable("OMP_DYNAMIC", "false");

        // Idle OpenMP workers spin for some tenths of a millisecond, which bridges the calls of a sample, and sleep while
        // the other side is measured. By default they would spin for several milliseconds and take a core from it.
        Processor.SetNativeVariable("GOMP_SPINCOUNT", "20000");
        return NativeLibrary.TryLoad(Dnnl.Library, out _) ? new OneDnnEngine(threads) : null;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _ = Dnnl.StreamDestroy(Stream);
        _ = Dnnl.EngineDestroy(Handle);
    }
}
