// General-purpose instructions: 64-bit unless the name says otherwise.
using Iced.Intel;
using static Iced.Intel.Code;
using IcedCode = Iced.Intel.Code;

namespace Int8Runtime.Jit;

internal sealed partial class KernelAssembler
{
    private static readonly Register[] ByteRegisters =
    [
        Register.AL, Register.CL, Register.DL, Register.BL, Register.SPL, Register.BPL, Register.SIL, Register.DIL,
        Register.R8L, Register.R9L, Register.R10L, Register.R11L, Register.R12L, Register.R13L, Register.R14L, Register.R15L,
    ];

    public void Mov(Gpr destination, Gpr source) => RegReg(Mov_r64_rm64, destination, source);

    /// <summary>Loads a constant, in the shortest form.</summary>
    public void Mov(Gpr destination, long value) => _instructions.Add(value switch
    {
        >= 0 and <= uint.MaxValue => Instruction.Create(Mov_r32_imm32, Register.EAX + destination.Index, (uint)value),
        >= int.MinValue and < 0 => Instruction.Create(Mov_rm64_imm32, Register.RAX + destination.Index, (int)value),
        _ => Instruction.Create(Mov_r64_imm64, Register.RAX + destination.Index, value),
    });

    public void Mov(Gpr destination, Mem source) => RegMem(Mov_r64_rm64, Register.RAX + destination.Index, source);

    public void Mov(Mem destination, Gpr source) => MemReg(Mov_rm64_r64, destination, Register.RAX + source.Index);

    /// <summary>Loads 4 bytes; the upper half of the register becomes 0.</summary>
    public void Mov32(Gpr destination, Mem source) => RegMem(Mov_r32_rm32, Register.EAX + destination.Index, source);

    /// <summary>Copies the low 4 bytes; the upper half of the register becomes 0.</summary>
    public void Mov32(Gpr destination, Gpr source)
        => _instructions.Add(Instruction.Create(Mov_r32_rm32, Register.EAX + destination.Index, Register.EAX + source.Index));

    /// <summary>Stores 4 bytes.</summary>
    public void Mov32(Mem destination, Gpr source) => MemReg(Mov_rm32_r32, destination, Register.EAX + source.Index);

    /// <summary>Stores 2 bytes.</summary>
    public void Mov16(Mem destination, Gpr source) => MemReg(Mov_rm16_r16, destination, Register.AX + source.Index);

    /// <summary>Stores 1 byte.</summary>
    public void Mov8(Mem destination, Gpr source) => MemReg(Mov_rm8_r8, destination, ByteRegisters[source.Index]);

    /// <summary>Loads a byte, zero-extended to 64 bits.</summary>
    public void MovZx8(Gpr destination, Mem source) => RegMem(Movzx_r32_rm8, Register.EAX + destination.Index, source);

    /// <summary>Loads a byte, sign-extended to 64 bits.</summary>
    public void MovSx8(Gpr destination, Mem source) => RegMem(Movsx_r64_rm8, Register.RAX + destination.Index, source);

    /// <summary>Loads 4 bytes, sign-extended to 64 bits.</summary>
    public void MovSx32(Gpr destination, Mem source) => RegMem(Movsxd_r64_rm32, Register.RAX + destination.Index, source);

    /// <summary>Asks for a cache line ahead of its use; an address that cannot be read does no harm.</summary>
    public void Prefetch(Mem address)
    {
        var instruction = new Instruction { Code = Prefetcht0_m8 };
        instruction.SetOpKind(0, OpKind.Memory);
        SetMemory(ref instruction, address, null);
        _instructions.Add(instruction);
    }

    public void Lea(Gpr destination, Mem address) => RegMem(Lea_r64_m, Register.RAX + destination.Index, address);

    public void Add(Gpr destination, Gpr source) => RegReg(Add_r64_rm64, destination, source);

    public void Add(Gpr destination, Mem source) => RegMem(Add_r64_rm64, Register.RAX + destination.Index, source);

    public void Add(Gpr destination, int value) => RegImm(Add_rm64_imm8, Add_rm64_imm32, destination, value);

    public void Add(Mem destination, Gpr source) => MemReg(Add_rm64_r64, destination, Register.RAX + source.Index);

    public void Add(Mem destination, int value) => MemImm(Add_rm64_imm8, Add_rm64_imm32, destination, value);

    public void Sub(Gpr destination, Gpr source) => RegReg(Sub_r64_rm64, destination, source);

    public void Sub(Gpr destination, Mem source) => RegMem(Sub_r64_rm64, Register.RAX + destination.Index, source);

    public void Sub(Gpr destination, int value) => RegImm(Sub_rm64_imm8, Sub_rm64_imm32, destination, value);

    public void Sub(Mem destination, int value) => MemImm(Sub_rm64_imm8, Sub_rm64_imm32, destination, value);

    public void And(Gpr destination, Gpr source) => RegReg(And_r64_rm64, destination, source);

    public void And(Gpr destination, int value) => RegImm(And_rm64_imm8, And_rm64_imm32, destination, value);

    public void Or(Gpr destination, Gpr source) => RegReg(Or_r64_rm64, destination, source);

    public void Xor(Gpr destination, Gpr source) => RegReg(Xor_r64_rm64, destination, source);

    public void Cmp(Gpr left, Gpr right) => RegReg(Cmp_r64_rm64, left, right);

    public void Cmp(Gpr left, Mem right) => RegMem(Cmp_r64_rm64, Register.RAX + left.Index, right);

    public void Cmp(Gpr left, int right) => RegImm(Cmp_rm64_imm8, Cmp_rm64_imm32, left, right);

    public void Cmp(Mem left, int right) => MemImm(Cmp_rm64_imm8, Cmp_rm64_imm32, left, right);

    public void Test(Gpr left, Gpr right)
        => _instructions.Add(Instruction.Create(Test_rm64_r64, Register.RAX + left.Index, Register.RAX + right.Index));

    public void Test(Gpr left, int right)
        => _instructions.Add(Instruction.Create(Test_rm64_imm32, Register.RAX + left.Index, right));

    public void Imul(Gpr destination, Gpr source) => RegReg(Imul_r64_rm64, destination, source);

    public void Imul(Gpr destination, Mem source) => RegMem(Imul_r64_rm64, Register.RAX + destination.Index, source);

    /// <summary>destination = source · value.</summary>
    public void Imul(Gpr destination, Gpr source, int value) => _instructions.Add(
        Instruction.Create(Imul_r64_rm64_imm32, Register.RAX + destination.Index, Register.RAX + source.Index, value));

    public void Shl(Gpr destination, int bits) => Shift(Shl_rm64_imm8, destination, bits);

    public void Shr(Gpr destination, int bits) => Shift(Shr_rm64_imm8, destination, bits);

    public void Sar(Gpr destination, int bits) => Shift(Sar_rm64_imm8, destination, bits);

    public void Inc(Gpr register) => _instructions.Add(Instruction.Create(Inc_rm64, Register.RAX + register.Index));

    public void Dec(Gpr register) => _instructions.Add(Instruction.Create(Dec_rm64, Register.RAX + register.Index));

    public void Neg(Gpr register) => _instructions.Add(Instruction.Create(Neg_rm64, Register.RAX + register.Index));

    /// <summary>Decrements a counter in memory.</summary>
    public void Dec(Mem counter)
    {
        var instruction = new Instruction { Code = Dec_rm64 };
        instruction.SetOpKind(0, OpKind.Memory);
        SetMemory(ref instruction, counter, null);
        _instructions.Add(instruction);
    }

    /// <summary>destination = source if the condition holds.</summary>
    public void MovIf(Condition condition, Gpr destination, Gpr source) => RegReg(condition switch
    {
        Condition.Equal => Cmove_r64_rm64,
        Condition.NotEqual => Cmovne_r64_rm64,
        Condition.Less => Cmovl_r64_rm64,
        Condition.LessOrEqual => Cmovle_r64_rm64,
        Condition.Greater => Cmovg_r64_rm64,
        Condition.GreaterOrEqual => Cmovge_r64_rm64,
        Condition.Below => Cmovb_r64_rm64,
        _ => Cmovae_r64_rm64,
    }, destination, source);

    internal static Instruction Push(int register) => Instruction.Create(Push_r64, Register.RAX + register);

    internal static Instruction Pop(int register) => Instruction.Create(Pop_r64, Register.RAX + register);

    private void RegReg(IcedCode code, Gpr first, Gpr second)
        => _instructions.Add(Instruction.Create(code, Register.RAX + first.Index, Register.RAX + second.Index));

    private void RegImm(IcedCode small, IcedCode large, Gpr register, int value)
        => _instructions.Add(Instruction.Create(value == (sbyte)value ? small : large, Register.RAX + register.Index, value));

    private void Shift(IcedCode code, Gpr register, int bits)
        => _instructions.Add(Instruction.Create(code, Register.RAX + register.Index, bits));

    private void RegMem(IcedCode code, Register register, Mem memory)
    {
        var instruction = new Instruction { Code = code };
        instruction.SetOpKind(0, OpKind.Register);
        instruction.SetOpRegister(0, register);
        instruction.SetOpKind(1, OpKind.Memory);
        SetMemory(ref instruction, memory, null);
        _instructions.Add(instruction);
    }

    private void MemReg(IcedCode code, Mem memory, Register register)
    {
        var instruction = new Instruction { Code = code };
        instruction.SetOpKind(0, OpKind.Memory);
        SetMemory(ref instruction, memory, null);
        instruction.SetOpKind(1, OpKind.Register);
        instruction.SetOpRegister(1, register);
        _instructions.Add(instruction);
    }

    private void MemImm(IcedCode small, IcedCode large, Mem memory, int value)
    {
        bool fits = value == (sbyte)value;
        var instruction = new Instruction { Code = fits ? small : large };
        instruction.SetOpKind(0, OpKind.Memory);
        SetMemory(ref instruction, memory, null);
        instruction.SetOpKind(1, fits ? OpKind.Immediate8to64 : OpKind.Immediate32to64);
        if (fits)
            instruction.Immediate8to64 = value;
        else
            instruction.Immediate32to64 = value;
        _instructions.Add(instruction);
    }
}
