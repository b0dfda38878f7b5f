// Operands of generated instructions. A register is an index; its class and width come from the opcode it is used in,
// so one generator text serves xmm, ymm and zmm.
namespace Int8Runtime.Jit;

/// <summary>
/// A vector register. As leased from <see cref="RegisterPool"/> it is disposed to give the register back; copies are
/// handles to the same lease.
/// </summary>
internal readonly struct Vec(int index, RegisterPool? owner = null) : IDisposable
{
    /// <summary>Register number, 0 to 31.</summary>
    public int Index { get; } = index;

    /// <summary>This register as a destination whose lanes outside <paramref name="mask"/> stay (AVX-512).</summary>
    public Operand Merge(Mask mask) => Operand.Of(this) with { WriteMask = mask.Index };

    /// <summary>This register as a destination whose lanes outside <paramref name="mask"/> become 0 (AVX-512).</summary>
    public Operand Zero(Mask mask) => Operand.Of(this) with { WriteMask = mask.Index, Zeroing = true };

    /// <summary>Gives the register back to its pool.</summary>
    public void Dispose() => owner?.Release(RegisterClass.Vector, Index);

    /// <inheritdoc/>
    public override string ToString() => $"v{Index}";
}

/// <summary>An opmask register k1 to k7 (k0 cannot serve as a write mask and is not leased).</summary>
internal readonly struct Mask(int index, RegisterPool? owner = null) : IDisposable
{
    /// <summary>Register number.</summary>
    public int Index { get; } = index;

    /// <summary>This register as the destination of a comparison that only sees the lanes in <paramref name="mask"/>.</summary>
    public Operand Merge(Mask mask) => Operand.Of(this) with { WriteMask = mask.Index };

    /// <summary>Gives the register back to its pool.</summary>
    public void Dispose() => owner?.Release(RegisterClass.Mask, Index);

    /// <inheritdoc/>
    public override string ToString() => $"k{Index}";
}

/// <summary>A general-purpose register; indexing it makes a memory operand: <c>source[64]</c>, <c>source[i, 4]</c>.</summary>
internal readonly struct Gpr(int index, RegisterPool? owner = null) : IDisposable
{
    /// <summary>The stack pointer, for <see cref="KernelFrame"/> only.</summary>
    internal static Gpr StackPointer => new(4);

    /// <summary>Register number in encoding order: rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8 … r15.</summary>
    public int Index { get; } = index;

    /// <summary>Memory at this register plus <paramref name="displacement"/> bytes.</summary>
    public Mem this[int displacement] => new(this, null, 1, displacement);

    /// <summary>Memory at this register + index·scale + displacement.</summary>
    public Mem this[Gpr index, int scale = 1, int displacement = 0] => new(this, index, scale, displacement);

    /// <summary>Gives the register back to its pool.</summary>
    public void Dispose() => owner?.Release(RegisterClass.General, Index);

    /// <inheritdoc/>
    public override string ToString() => $"r{Index}";
}

/// <summary>A memory operand: base + index·scale + displacement, or a constant of the kernel.</summary>
internal readonly struct Mem
{
    /// <summary>An address from registers.</summary>
    public Mem(Gpr baseRegister, Gpr? index, int scale, int displacement)
        => (Base, Index, Scale, Displacement) = (baseRegister, index, scale, displacement);

    /// <summary>A constant, addressed relative to the instruction pointer.</summary>
    public Mem(PoolConstant constant) => (Constant, Scale) = (constant, 1);

    /// <summary>Base register, unless this is a constant.</summary>
    public Gpr Base { get; }

    /// <summary>Index register, if any.</summary>
    public Gpr? Index { get; }

    /// <summary>1, 2, 4 or 8.</summary>
    public int Scale { get; }

    /// <summary>Bytes added to the address.</summary>
    public int Displacement { get; private init; }

    /// <summary>Whether one 32-bit element is read and repeated over all lanes (EVEX arithmetic only).</summary>
    public bool IsBroadcast { get; private init; }

    /// <summary>The constant, if this is one.</summary>
    public PoolConstant? Constant { get; }

    /// <summary>This operand with embedded broadcast of one 32-bit element.</summary>
    public Mem Broadcast => this with { IsBroadcast = true };

    /// <summary>This operand as a store destination of which only lanes in <paramref name="mask"/> are written.</summary>
    public Operand Merge(Mask mask) => Operand.Of(this) with { WriteMask = mask.Index };

    /// <summary>The operand <paramref name="bytes"/> further on.</summary>
    public static Mem operator +(Mem mem, int bytes) => mem with { Displacement = mem.Displacement + bytes };
}

/// <summary>What an <see cref="Operand"/> holds.</summary>
internal enum OperandKind
{
    None,
    Vector,
    Mask,
    General,
    Memory,
    Immediate,
}

/// <summary>Any operand of a vector instruction; converts implicitly from registers, memory and immediates.</summary>
internal readonly struct Operand
{
    /// <summary>Which of the values below is set.</summary>
    public OperandKind Kind { get; private init; }

    /// <summary>Register number, or the immediate.</summary>
    public int Value { get; private init; }

    /// <summary>The memory operand.</summary>
    public Mem Memory { get; private init; }

    /// <summary>Number of the opmask register that guards the destination, 0 if none.</summary>
    public int WriteMask { get; init; }

    /// <summary>Whether masked-off lanes become zero.</summary>
    public bool Zeroing { get; init; }

    public static implicit operator Operand(Vec register) => Of(register);

    public static implicit operator Operand(Mask register) => Of(register);

    public static implicit operator Operand(Gpr register) => new() { Kind = OperandKind.General, Value = register.Index };

    public static implicit operator Operand(Mem memory) => Of(memory);

    public static implicit operator Operand(int immediate) => new() { Kind = OperandKind.Immediate, Value = immediate };

    public static Operand Of(Vec register) => new() { Kind = OperandKind.Vector, Value = register.Index };

    public static Operand Of(Mask register) => new() { Kind = OperandKind.Mask, Value = register.Index };

    public static Operand Of(Mem memory) => new() { Kind = OperandKind.Memory, Memory = memory };
}
