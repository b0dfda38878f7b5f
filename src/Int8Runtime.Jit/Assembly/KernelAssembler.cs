// Writes the instructions of one kernel. This part: vector instructions and the whole kernel's shape; the other parts:
// general registers (Scalar), jumps and loops (Flow), encoding (Build).
using Iced.Intel;

namespace Int8Runtime.Jit;

/// <summary>Assembler for one kernel: a function with one pointer argument and no result.</summary>
/// <remarks>
/// <para>A kernel that computes y[i] = a·x[i] + b over whole vectors; the same text yields xmm, ymm and zmm code:</para>
/// <code>
/// struct Args { float* X; float* Y; long Vectors; }
///
/// var asm = new KernelAssembler(isa);
/// using Gpr x = asm.Registers.Gpr("x"), y = asm.Registers.Gpr("y"), count = asm.Registers.Gpr("count");
/// asm.Mov(x, asm.Arguments[0]);                      // 64-bit load of a field
/// asm.Mov(y, asm.Arguments[8]);
/// asm.Mov(count, asm.Arguments[16]);
/// asm.Arguments.Dispose();                           // the register may be leased again
/// using Vec value = asm.Registers.Vec("value"), b = asm.Registers.Vec("b");
/// asm.Emit(Vmovups, b, asm.Splat(1.5f));             // constants go to the pool behind the code
/// asm.CountDown(count, () =>
/// {
///     asm.Emit(Vmovups, value, x[0]);
///     asm.Emit(Vfmadd213ps, value, b, asm.Splat(2f)); // embedded broadcast on AVX-512, full vector on AVX2
///     asm.Emit(Vmovups, y[0], value);
///     asm.Add(x, asm.Traits.VectorBytes);
///     asm.Add(y, asm.Traits.VectorBytes);
/// });
/// KernelImage image = asm.Build("axpb");              // prologue, epilogue and constants are added here
/// using CompiledKernel kernel = CompiledKernel.Load(image);
/// kernel.Invoke(&amp;args);
/// </code>
/// <list type="bullet">
/// <item>Write <c>using static Int8Runtime.Jit.VectorOp;</c> to name operations by their mnemonic.</item>
/// <item>Operands come in Intel order, destination first. The widest operand has the tier's full width unless a
/// <see cref="VectorWidth"/> is given: <c>asm.Emit(Vpaddd, VectorWidth.V128, d, a, b)</c>. Narrower operands follow
/// from the opcode (<c>Vpmovzxbd zmm, xmm</c>).</item>
/// <item>Masks (AVX-512): <c>asm.Emit(Vmovups, value.Zero(k), x[0])</c>, <c>asm.Emit(Vmovups, y[0].Merge(k), value)</c>.</item>
/// <item>Embedded broadcast: <c>asm.Emit(Vpdpbusd, acc, b, a[4].Broadcast)</c>.</item>
/// <item><see cref="Comment"/> explains the next instruction in dumps; register names appear there by themselves.</item>
/// <item>More than one exit: <c>asm.Jump(asm.Exit)</c>. Never emit a return.</item>
/// </list>
/// </remarks>
internal sealed partial class KernelAssembler
{
    private readonly List<Instruction> _instructions = [];
    private readonly List<(int Position, string Text)> _comments = [];
    private readonly ConstantPool _constants = new();
    private readonly LegacyLowering? _legacy;

    /// <summary>Starts a kernel.</summary>
    /// <param name="isa">Instruction sets it may use; at least SSE4.1.</param>
    /// <param name="abi">Calling convention, the host's by default.</param>
    public KernelAssembler(Isa isa, CallingAbi? abi = null)
    {
        Traits = IsaTraits.For(isa);
        Abi = abi ?? CallingAbi.Host;
        Registers = new RegisterPool(Traits, Abi, () => _instructions.Count);
        Arguments = Registers.Take(RegisterClass.General, Abi.ArgumentRegister, "arguments");
        Frame = new KernelFrame();
        Exit = NewLabel("exit");
        if (Traits.Encoding == VectorEncoding.Legacy)
            _legacy = new LegacyLowering(this);
    }

    /// <summary>Facts about the instruction set.</summary>
    public IsaTraits Traits { get; }

    /// <summary>The calling convention.</summary>
    public CallingAbi Abi { get; }

    /// <summary>The registers to lease from.</summary>
    public RegisterPool Registers { get; }

    /// <summary>Stack slots.</summary>
    public KernelFrame Frame { get; }

    /// <summary>The kernel's argument: a pointer. Dispose it once its fields are loaded.</summary>
    public Gpr Arguments { get; }

    /// <summary>Target for jumps that leave the kernel.</summary>
    public Label Exit { get; }

    /// <summary>Instructions so far, without prologue.</summary>
    public int Count => _instructions.Count;

    /// <summary>Explains the next instruction in dumps.</summary>
    public void Comment(string text) => _comments.Add((_instructions.Count, text));

    /// <summary>Emits a vector instruction at the tier's full width.</summary>
    public void Emit(VectorOp operation, params ReadOnlySpan<Operand> operands) => Emit(operation, Traits.Width, operands);

    /// <summary>Emits a vector instruction whose widest register operand has the given width.</summary>
    /// <exception cref="InvalidOperationException">The operation has no such form within the instruction set.</exception>
    public void Emit(VectorOp operation, VectorWidth width, params ReadOnlySpan<Operand> operands)
    {
        if (_legacy is not null)
            _legacy.Emit(operation, width, operands);
        else
            Encode(OpcodeTable.Select(operation, Traits.Isa, Traits.Encoding, width, operands), operands);
    }

    /// <summary>Appends an instruction with the operands of a form.</summary>
    internal void Encode(OpcodeForm form, params ReadOnlySpan<Operand> operands)
    {
        var instruction = new Instruction { Code = form.Code };
        for (int i = 0; i < operands.Length; i++)
        {
            Operand operand = operands[i];
            switch (operand.Kind)
            {
                case OperandKind.Memory:
                    instruction.SetOpKind(i, OpKind.Memory);
                    SetMemory(ref instruction, operand.Memory, form);
                    break;
                case OperandKind.Immediate:
                    instruction.SetOpKind(i, OpKind.Immediate8);
                    instruction.Immediate8 = checked((byte)operand.Value);
                    break;
                default:
                    instruction.SetOpKind(i, OpKind.Register);
                    instruction.SetOpRegister(i, form.Slots[i].Register + operand.Value);
                    break;
            }
        }
        if (operands.Length > 0 && operands[0].WriteMask != 0)
        {
            instruction.OpMask = Register.K0 + operands[0].WriteMask;
            instruction.ZeroingMasking = operands[0].Zeroing;
        }
        _instructions.Add(instruction);
    }

    /// <summary>Appends an instruction that needs neither operand selection nor labels.</summary>
    internal void Append(in Instruction instruction) => _instructions.Add(instruction);

    /// <summary>Removes and returns the last instruction.</summary>
    internal Instruction TakeLast()
    {
        Instruction last = _instructions[^1];
        _instructions.RemoveAt(_instructions.Count - 1);
        return last;
    }

    /// <summary>Removes and returns the instructions so far; for sequences that become part of another kernel.</summary>
    internal List<Instruction> TakeInstructions()
    {
        List<Instruction> taken = [.. _instructions];
        _instructions.Clear();
        return taken;
    }

    /// <summary>A constant with the same element in all lanes of whatever vector it is used in.</summary>
    public Mem Splat<T>(T element)
        where T : unmanaged
        => new(ConstantPool.Splat(element));

    /// <summary>A constant of the given elements.</summary>
    public Mem Table<T>(params ReadOnlySpan<T> elements)
        where T : unmanaged
        => new(ConstantPool.Table(elements));

    /// <summary>Sets all lanes to zero.</summary>
    public void Clear(Vec register) // the 128-bit VEX form zeroes the whole register in the fewest bytes
        => Emit(VectorOp.Vpxor, VectorWidth.V128, register, register, register);

    private void SetMemory(ref Instruction instruction, Mem memory, OpcodeForm? form)
    {
        if (memory.Constant is { } constant)
        {
            bool broadcast = constant.SplatElement == 4 && form is { CanBroadcast: true };
            byte[] content = constant.Content;
            if (constant.SplatElement > 0 && !broadcast && form is not null && form.MemoryBytes > content.Length)
                content = Repeat(content, form.MemoryBytes);
            instruction.IsBroadcast = broadcast;
            instruction.MemoryBase = Register.RIP;
            instruction.MemoryDisplSize = 8;
            instruction.MemoryDisplacement64 = Origin + (ulong)(_constants.Place(content) + memory.Displacement);
            return;
        }
        instruction.MemoryBase = Register.RAX + memory.Base.Index;
        if (memory.Index is { } index)
        {
            if (index.Index == Gpr.StackPointer.Index)
                throw new InvalidOperationException("The stack pointer cannot be an index register.");
            instruction.MemoryIndex = Register.RAX + index.Index;
            instruction.MemoryIndexScale = memory.Scale;
        }
        instruction.MemoryDisplacement64 = (ulong)memory.Displacement;
        instruction.MemoryDisplSize = memory.Displacement == 0 ? 0 : 1; // the encoder widens it where needed
        instruction.IsBroadcast = memory.IsBroadcast;
    }

    private static byte[] Repeat(byte[] element, int length)
    {
        var content = new byte[length];
        for (int i = 0; i < length; i += element.Length)
            element.CopyTo(content, i);
        return content;
    }
}
