// What an epilogue reads at run time: pointers, in the order in which kernels address them.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Int8Runtime.X64;

/// <summary>
/// Run-time arguments of an <see cref="EpilogueEmitter"/>. One table serves a whole execution unless operands move, as
/// they do where each image of a batch meets its own part of an operand; then the caller changes a copy.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct EpilogueArguments
{
    /// <summary>Offsets of the fields.</summary>
    public const int ConstantsOffset = 0, ScaleOffset = 8, BiasOffset = 16, DestinationOriginOffset = 24, ZeroPointsOffset = 32,
        OperandsOffset = 40;

    /// <summary>Most operands: those of post-ops, and those that implementations add for scales and zero points.</summary>
    public const int MaximumOperands = PostOp.MaximumChainLength + 8;

    /// <summary>Offset of an operand's pointer.</summary>
    public static int OffsetOfOperand(int operand) => OperandsOffset + (operand * sizeof(long));

    /// <summary>Splats of 64 bytes, by slot of the <see cref="EpilogueSpec"/>.</summary>
    public byte* Constants;

    /// <summary>Factors of channel 0 and up (a single one for <see cref="OperandMode.PerTensor"/>).</summary>
    public float* Scale;

    /// <summary>Bias, as its <see cref="OperandMode"/> says.</summary>
    public byte* Bias;

    /// <summary>The destination element at which the operands of <see cref="OperandMode.PerElement"/> start.</summary>
    public byte* DestinationOrigin;

    /// <summary>Zero points of the destination from channel 0 on, in s32, where they differ from channel to channel.</summary>
    public int* ZeroPoints;

    /// <summary>Operands of post-ops, by their place in the chain.</summary>
    public OperandTable Operands;

    /// <summary>A pointer for each post-op.</summary>
    [InlineArray(MaximumOperands)]
    public struct OperandTable
    {
        private nint _first;
    }
}
