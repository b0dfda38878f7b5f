// Run-time arguments of kernels that work on sets of elements.
using System.Runtime.InteropServices;

namespace Int8Runtime.X64;

/// <summary>A part of a set that one loop walks: byte offsets of its first element from that of the set.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SetRun
{
    /// <summary>In the source.</summary>
    public long Source;

    /// <summary>In the destination.</summary>
    public long Destination;

    /// <summary>In the parameters.</summary>
    public long Parameter;

    /// <summary>Elements of the run, at least 1.</summary>
    public long Count;
}

/// <summary>
/// Arguments of a call, which works on one set or on a stretch of neighbouring ones. Kernels move the pointers and count
/// in here, because general registers are scarce.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct SetArguments
{
    /// <summary>First element of the first set.</summary>
    public byte* Source;

    /// <summary>First element of the first set, or its result.</summary>
    public byte* Destination;

    /// <summary>The runs of a set.</summary>
    public SetRun* Runs;

    /// <summary>Number of runs, at least 1.</summary>
    public long RunCount;

    /// <summary>Neighbouring sets, at least 1; not used across lanes.</summary>
    public long Sets;

    /// <summary>Bytes from an element of a run to the next; not used across lanes.</summary>
    public long SourceStride;

    /// <summary>Bytes from an element of a run to the next; not used across lanes.</summary>
    public long DestinationStride;

    /// <summary>Bytes from an element of a run to the next; not used across lanes.</summary>
    public long ParameterStride;

    /// <summary>Factors of a normalization.</summary>
    public byte* Factors;

    /// <summary>Addends of a normalization.</summary>
    public byte* Addends;

    /// <summary>Constants and operands of the epilogue.</summary>
    public EpilogueArguments* Epilogue;

    /// <summary>The run at work, set by the kernel.</summary>
    public SetRun* Run;

    /// <summary>Runs left, set by the kernel.</summary>
    public long RunsLeft;

    /// <summary>Scale of the source.</summary>
    public float Scale;

    /// <summary>Zero point of the source.</summary>
    public float ZeroPoint;

    /// <summary>Elements of a set.</summary>
    public float Elements;

    /// <summary>Added to a variance or a norm, or the lower bound of a norm.</summary>
    public float Epsilon;

    /// <summary>What is subtracted from an integer result: the zero point once, or for each element of a set.</summary>
    public int IntegerZeroPoint;
}
