// Sequences that compute what one instruction of AVX-VNNI, AVX512_VNNI or AVX512_BF16 computes, to the bit, from AVX2 or
// AVX-512 instructions. A sequence changes the destination and nothing else: no flags, no opmasks, no MXCSR. Its
// temporaries are registers that the kernel does not use, or others that are saved below the kernel's frame.
using Iced.Intel;
using static Iced.Intel.Code;
using static Int8Runtime.Jit.VectorOp;
using IcedCode = Iced.Intel.Code;

namespace Int8Runtime.Jit;

/// <summary>Emits replacements of single instructions.</summary>
/// <remarks>
/// The operations are those of Intel's Software Developer's Manual, volume 2 (VPDPBUSD, VPDPBUSDS, VPDPWSSD, VPDPWSSDS,
/// VDPBF16PS, VCVTNEPS2BF16, VCVTNE2PS2BF16). Lanes that a write mask switches off are neither written nor read from
/// memory where the instruction itself promises that.
/// </remarks>
internal sealed class InstructionEmulator
{
    // Above the lowered stack pointer: a constant, the caller's MXCSR, a vector, the registers that were saved.
    private const int ConstantSlot = 0, MxcsrSlot = 4, VectorSlot = 64, SavedSlots = 128, MaxSaved = 8;
    private const int FrameBytes = SavedSlots + (64 * MaxSaved);

    // Masks for all exceptions, denormal operands as zero, denormal results to zero, rounding to nearest even.
    private const uint FlushDenormals = 0x9FC0;

    private static readonly VectorOp[] Operations =
        [Vpdpbusd, Vpdpbusds, Vpdpwssd, Vpdpwssds, Vdpbf16ps, Vcvtneps2bf16, Vcvtne2ps2bf16];

    private static readonly Lazy<Dictionary<IcedCode, (VectorOp Operation, OpcodeForm Form)>> Forms = new(
        () => Operations.SelectMany(o => OpcodeTable.FormsOf(o).ToArray().Select(form => (o, form))).ToDictionary(f => f.form.Code));

    private readonly Isa _available;
    private readonly IReadOnlyList<int> _free;

    /// <summary>An emulator for one kernel.</summary>
    /// <param name="available">Instruction sets that sequences may use.</param>
    /// <param name="free">Vector registers that may be changed without saving them.</param>
    public InstructionEmulator(Isa available, IReadOnlyList<int> free) => (_available, _free) = (available, free);

    /// <summary>Appends the sequence for <paramref name="instruction"/> to <paramref name="output"/>.</summary>
    /// <exception cref="InvalidOperationException">There is no sequence for the instruction.</exception>
    public void Replace(in Instruction instruction, List<Instruction> output)
    {
        if (!Forms.Value.TryGetValue(instruction.Code, out (VectorOp Operation, OpcodeForm Form) found))
            throw new InvalidOperationException($"{instruction} cannot be emulated.");
        var sequence = new Sequence(instruction, found.Form, found.Form.Encoding == VectorEncoding.Evex
            ? _available & IsaTiers.Avx512 : _available & IsaTiers.Avx2, _free);
        switch (found.Operation)
        {
            case Vpdpbusd:
            case Vpdpwssd:
                sequence.AddProducts(found.Operation == Vpdpbusd);
                break;
            case Vpdpbusds:
            case Vpdpwssds:
                sequence.AddProductsSaturated(found.Operation == Vpdpbusds);
                break;
            case Vdpbf16ps:
                sequence.AddBf16Products();
                break;
            case Vcvtneps2bf16:
                sequence.ConvertOne();
                break;
            default:
                sequence.ConvertTwo();
                break;
        }
        output.AddRange(sequence.Finish());
    }

    // The replacement of one instruction.
    private sealed class Sequence
    {
        private readonly Instruction _instruction;
        private readonly VectorWidth _width;
        private readonly KernelAssembler _asm;
        private readonly Queue<int> _free;
        private readonly Queue<int> _others;
        private readonly List<Vec> _saved = [];
        private (Vec, Vec, Vec)? _conversion; // what conversions to bf16 share

        public Sequence(in Instruction instruction, OpcodeForm form, Isa isa, IReadOnlyList<int> free)
        {
            _instruction = instruction;
            _width = form.Width;
            _asm = new KernelAssembler(isa);
            var operands = new List<int>();
            for (int i = 0; i < instruction.OpCount; i++)
                if (instruction.GetOpKind(i) == OpKind.Register)
                    operands.Add(instruction.GetOpRegister(i).GetNumber());
            _free = new(free);
            _others = new(Enumerable.Range(0, _asm.Traits.VectorRegisters).Except(free).Except(operands));
        }

        private Vec Destination => VectorOf(0);

        // The destination under the instruction's write mask.
        private Operand Result
        {
            get
            {
                if (!_instruction.HasOpMask)
                    return Destination;
                return _instruction.ZeroingMasking ? Destination.Zero(WriteMask) : Destination.Merge(WriteMask);
            }
        }

        private Mask WriteMask => new(_instruction.OpMask.GetNumber());

        // acc += Σ a·b, wrapping.
        public void AddProducts(bool bytes)
        {
            Vec sum = Products(bytes);
            Emit(Vpaddd, Result, Destination, sum);
        }

        // acc = saturate(acc + Σ a·b). The sum of products fits 32 bits but for 2·(−32768)², which wraps to −2³¹.
        public void AddProductsSaturated(bool bytes)
        {
            Vec sum = Products(bytes), total = Temporary(), sign = Temporary(), limit = Temporary();
            Emit(Vpaddd, total, Destination, sum);
            Emit(Vpxor, sign, sign, sign);
            Emit(Vpsubd, sign, sign, sum);
            Emit(Vpand, sign, sign, sum);  // negative only for −2³¹
            Emit(Vpandn, sign, sign, sum); // has the sign of the exact sum
            Emit(Vpxor, sum, Destination, sign);
            Emit(Vpxor, limit, Destination, total);
            Emit(Vpandn, sum, sum, limit); // negative where both terms have one sign and the total has the other
            Emit(Vpsrad, sum, sum, 31);
            Emit(Vpsrad, sign, sign, 31);
            Constant(limit, int.MaxValue);
            Emit(Vpxor, limit, limit, sign);
            Choose(total, sum, limit);
            Emit(Vmovups, Result, total);
        }

        // acc = fma(a₀, b₀, fma(a₁, b₁, acc)) with denormals as zero on both sides. The multiply-add gives the first NaN of
        // a₀, b₀, a₁, b₁, acc, as it should.
        public void AddBf16Products()
        {
            Vec a = VectorOf(1), b = LastOperand(suppressesFaults: true);
            Vec sum = Temporary(), left = Temporary(), right = Temporary();
            _asm.Append(Instruction.Create(VEX_Vstmxcsr_m32, Stack(MxcsrSlot)));
            _asm.Append(Instruction.Create(Mov_rm32_imm32, Stack(ConstantSlot), FlushDenormals));
            _asm.Append(Instruction.Create(VEX_Vldmxcsr_m32, Stack(ConstantSlot)));
            Emit(Vmovups, sum, Destination);
            Emit(Vpsrld, left, a, 16);
            Emit(Vpslld, left, left, 16);
            Emit(Vpsrld, right, b, 16);
            Emit(Vpslld, right, right, 16);
            Emit(Vfmadd231ps, sum, left, right);
            Emit(Vpslld, left, a, 16);
            Emit(Vpslld, right, b, 16);
            Emit(Vfmadd231ps, sum, left, right);
            Emit(Vmovups, Result, sum);
            _asm.Append(Instruction.Create(VEX_Vldmxcsr_m32, Stack(MxcsrSlot)));
        }

        public void ConvertOne()
        {
            Vec value = LastOperand(suppressesFaults: true);
            Emit(Vpmovdw, Result, ToBf16(value));
        }

        // The lower half of the destination comes from the last operand.
        public void ConvertTwo()
        {
            Vec low = ToBf16(LastOperand(suppressesFaults: false)), high = ToBf16(VectorOf(1));
            Mem joined = Gpr.StackPointer[VectorSlot];
            Emit(Vpmovdw, joined, low);
            Emit(Vpmovdw, joined + ((int)_width / 2), high);
            Emit(Vmovdqu16, Result, joined);
        }

        // The whole sequence, between two moves of the stack pointer.
        public IEnumerable<Instruction> Finish()
        {
            List<Instruction> body = _asm.TakeInstructions();
            for (int i = 0; i < _saved.Count; i++)
                _asm.Emit(Vmovups, Gpr.StackPointer[SavedSlots + (64 * i)], _saved[i]);
            List<Instruction> save = _asm.TakeInstructions();
            for (int i = 0; i < _saved.Count; i++)
                _asm.Emit(Vmovups, _saved[i], Gpr.StackPointer[SavedSlots + (64 * i)]);
            return [MoveStack(-FrameBytes), .. save, .. body, .. _asm.TakeInstructions(), MoveStack(FrameBytes)];
        }

        // Σ of the products in each lane of 32 bits: u8·s8 of four bytes, or s16·s16 of two words.
        private Vec Products(bool bytes)
        {
            Vec a = VectorOf(1), b = LastOperand(suppressesFaults: true), sum = Temporary();
            if (!bytes)
            {
                Emit(Vpmaddwd, sum, a, b);
                return sum;
            }
            Vec odd = Temporary(), words = Temporary();
            Emit(Vpsllw, words, b, 8);
            Emit(Vpsraw, words, words, 8); // even bytes of b
            Emit(Vpsllw, sum, a, 8);
            Emit(Vpsrlw, sum, sum, 8);     // even bytes of a
            Emit(Vpmaddwd, sum, sum, words);
            Emit(Vpsraw, words, b, 8);
            Emit(Vpsrlw, odd, a, 8);
            Emit(Vpmaddwd, odd, odd, words);
            Emit(Vpaddd, sum, sum, odd);
            return sum;
        }

        // The bf16 of each f32 lane, in the low half of the lane.
        private Vec ToBf16(Vec value)
        {
            (Vec magnitude, Vec mask, Vec other) = _conversion ??= (Temporary(), Temporary(), Temporary());
            Vec result = Temporary();
            Constant(mask, 1);
            Emit(Vpsrld, result, value, 16);
            Emit(Vpand, result, result, mask);
            Constant(mask, 0x7FFF);
            Emit(Vpaddd, result, result, mask);
            Emit(Vpaddd, result, result, value); // rounded to nearest even in the high half

            Constant(mask, 0x7FFF_FFFF);
            Emit(Vpand, magnitude, value, mask);
            Constant(mask, 0x7F80_0000);
            Emit(Vpsubd, mask, mask, magnitude);
            Emit(Vpsrad, mask, mask, 31); // NaN
            Constant(other, 0x0040_0000);
            Emit(Vpor, other, other, value);
            Choose(result, mask, other);

            Constant(mask, 0x0080_0000);
            Emit(Vpsubd, mask, magnitude, mask);
            Emit(Vpsrad, mask, mask, 31); // zero or denormal
            Constant(other, int.MinValue);
            Emit(Vpand, other, other, value);
            Choose(result, mask, other);
            Emit(Vpsrld, result, result, 16);
            return result;
        }

        // value = mask ? other : value, for masks of all bits; changes all three.
        private void Choose(Vec value, Vec mask, Vec other)
        {
            Emit(Vpand, other, other, mask);
            Emit(Vpandn, value, mask, value);
            Emit(Vpor, value, value, other);
        }

        private void Emit(VectorOp operation, params ReadOnlySpan<Operand> operands) => _asm.Emit(operation, _width, operands);

        private void Constant(Vec register, int value)
        {
            _asm.Append(Instruction.Create(Mov_rm32_imm32, Stack(ConstantSlot), value));
            Emit(Vpbroadcastd, register, Gpr.StackPointer[ConstantSlot]);
        }

        private Vec VectorOf(int operand) => new(_instruction.GetOpRegister(operand).GetNumber());

        // The last operand in a register. Memory is loaded once, and only in the lanes of the mask where the instruction
        // promises that.
        private Vec LastOperand(bool suppressesFaults)
        {
            int last = _instruction.OpCount - 1;
            if (_instruction.GetOpKind(last) != OpKind.Memory)
                return VectorOf(last);
            Vec loaded = Temporary();
            Operand target = suppressesFaults && _instruction.HasOpMask ? loaded.Zero(WriteMask) : loaded;
            Emit(_instruction.IsBroadcast ? Vpbroadcastd : Vmovups, target, Gpr.StackPointer[0]);
            Instruction load = _asm.TakeLast();
            load.MemoryBase = _instruction.MemoryBase;
            load.MemoryIndex = _instruction.MemoryIndex;
            load.MemoryIndexScale = _instruction.MemoryIndexScale;
            ulong moved = _instruction.MemoryBase == Register.RSP ? FrameBytes : 0u; // the stack pointer is lowered
            load.MemoryDisplacement64 = _instruction.MemoryDisplacement64 + moved;
            load.MemoryDisplSize = _instruction.IsIPRelativeMemoryOperand ? 8 : 1;
            _asm.Append(load);
            return loaded;
        }

        // A vector register for the rest of the sequence.
        private Vec Temporary()
        {
            if (_free.TryDequeue(out int free))
                return new Vec(free);
            if (_saved.Count == MaxSaved)
                throw new InvalidOperationException("A sequence needs more registers than its frame can save.");
            var register = new Vec(_others.Dequeue());
            _saved.Add(register);
            return register;
        }

        private static Instruction MoveStack(int bytes) => Instruction.Create(Lea_r64_m, Register.RSP, Stack(bytes));

        private static MemoryOperand Stack(int offset) => new(Register.RSP, offset);
    }
}
