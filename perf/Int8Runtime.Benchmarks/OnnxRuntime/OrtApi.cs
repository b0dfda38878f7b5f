// The part of ONNX Runtime's C API that the comparison uses. The API is a table of function pointers whose order never
// changes; entries are named here by their place in it.
using System.Runtime.InteropServices;

namespace Int8Runtime.Benchmarks.OnnxRuntime;

/// <summary>A call of ONNX Runtime that failed.</summary>
internal sealed class OrtException(string message) : Exception(message);

/// <summary>ONNX Runtime's functions.</summary>
internal sealed unsafe class OrtApi
{
    private const uint ApiVersion = 1;

    private readonly nint* _table;

    private OrtApi(nint library)
    {
        var getBase = (delegate* unmanaged<nint*>)NativeLibrary.GetExport(library, "OrtGetApiBase");
        nint* apiBase = getBase();
        Version = Marshal.PtrToStringUTF8(((delegate* unmanaged<nint>)apiBase[1])()) ?? "";
        _table = (nint*)((delegate* unmanaged<uint, nint>)apiBase[0])(ApiVersion);
        if (_table is null)
            throw new OrtException($"ONNX Runtime {Version} does not offer version {ApiVersion} of its API.");
    }

    /// <summary>Entries of the table.</summary>
    public enum Entry
    {
        GetErrorMessage = 2,
        CreateEnv = 3,
        CreateSession = 7,
        Run = 9,
        CreateSessionOptions = 10,
        SetIntraOpNumThreads = 24,
        SetInterOpNumThreads = 25,
        CreateTensorWithData = 49,
        GetTensorMutableData = 51,
        GetTensorShapeElementCount = 64,
        GetTensorTypeAndShape = 65,
        CreateCpuMemoryInfo = 69,
        ReleaseEnv = 92,
        ReleaseStatus = 93,
        ReleaseMemoryInfo = 94,
        ReleaseSession = 95,
        ReleaseValue = 96,
        ReleaseTensorTypeAndShapeInfo = 99,
        ReleaseSessionOptions = 100,
    }

    /// <summary>The version of the library.</summary>
    public string Version { get; }

    /// <summary>Opens the library; null where there is none at this path.</summary>
    public static OrtApi? TryOpen(string path) => NativeLibrary.TryLoad(path, out nint library) ? new OrtApi(library) : null;

    /// <summary>A function of the table.</summary>
    public nint this[Entry entry] => _table[(int)entry];

    /// <summary>Throws with the library's message where a call failed.</summary>
    public void Check(nint status)
    {
        if (status == 0)
            return;
        string message = Marshal.PtrToStringUTF8(((delegate* unmanaged<nint, nint>)this[Entry.GetErrorMessage])(status)) ?? "";
        Release(Entry.ReleaseStatus, status);
        throw new OrtException(message);
    }

    /// <summary>Calls one of the release functions.</summary>
    public void Release(Entry entry, nint handle) => ((delegate* unmanaged<nint, void>)this[entry])(handle);
}
