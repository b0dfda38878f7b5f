// Copies of many short runs of bytes, for each of which the call of a block copy would take longer than the copy.
using System.Runtime.InteropServices;
using Int8Runtime.Jit;
using static Int8Runtime.Jit.VectorOp;

namespace Int8Runtime.X64;

/// <summary>What the code of a copy kernel depends on.</summary>
/// <param name="Bytes">Length of a run, at least 1; a single element is a run as well.</param>
internal sealed record RunCopySpec(int Bytes)
{
    /// <summary>Beyond this length a block copy is as fast as moves in the kernel.</summary>
    public const int LongestRun = 512;
}

/// <summary>Arguments of a call. Source and destination do not overlap, or are the same runs.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct RunCopyArguments
{
    /// <summary>First byte of the first run of the source.</summary>
    public byte* Source;

    /// <summary>First byte of the first run of the destination.</summary>
    public byte* Destination;

    /// <summary>Bytes from one run of the source to the next.</summary>
    public long SourceStride;

    /// <summary>Bytes from one run of the destination to the next.</summary>
    public long DestinationStride;

    /// <summary>Number of runs, at least 1.</summary>
    public long Runs;
}

/// <summary>Generates the kernel of a <see cref="RunCopySpec"/>: whole vectors, then the rest of the run.</summary>
internal sealed class RunCopyGenerator : KernelGenerator<RunCopySpec>
{
    /// <inheritdoc/>
    public override string NameOf(RunCopySpec spec) => $"copy{spec.Bytes}";

    /// <inheritdoc/>
    protected override void Emit(KernelAssembler asm, RunCopySpec spec)
    {
        Mem Argument(string field) => asm.Arguments[(int)Marshal.OffsetOf<RunCopyArguments>(field)];
        using Gpr source = asm.Registers.Gpr("source"), destination = asm.Registers.Gpr("destination"),
            sourceStride = asm.Registers.Gpr("source stride"), destinationStride = asm.Registers.Gpr("destination stride"),
            runs = asm.Registers.Gpr("runs");
        asm.Mov(source, Argument(nameof(RunCopyArguments.Source)));
        asm.Mov(destination, Argument(nameof(RunCopyArguments.Destination)));
        asm.Mov(sourceStride, Argument(nameof(RunCopyArguments.SourceStride)));
        asm.Mov(destinationStride, Argument(nameof(RunCopyArguments.DestinationStride)));
        asm.Mov(runs, Argument(nameof(RunCopyArguments.Runs)));
        int vector = asm.Traits.VectorBytes, whole = spec.Bytes / vector * vector;
        using var tail = new ByteRun(asm, spec.Bytes % vector);
        using Vec value = asm.Registers.Vec("bytes"), scratch = asm.Registers.Vec("scratch");
        asm.CountDown(runs, () =>
        {
            for (int i = 0; i < whole; i += vector)
            {
                asm.Emit(Vmovups, value, source[i]);
                asm.Emit(Vmovups, destination[i], value);
            }

            if (whole < spec.Bytes)
            {
                tail.Load(value, source[whole], scratch);
                tail.Store(destination[whole], value);
            }

            asm.Add(source, sourceStride);
            asm.Add(destination, destinationStride);
        });
    }
}
