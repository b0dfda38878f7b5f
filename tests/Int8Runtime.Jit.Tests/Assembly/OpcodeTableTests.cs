// Every VEX and EVEX opcode of the table is reachable, encodes, and decodes back to itself with the same operands. For legacy
// opcodes see LegacyLoweringTests.
using Iced.Intel;

namespace Int8Runtime.Jit.Tests;

public sealed class OpcodeTableTests
{
    [Fact]
    public void Every_operation_has_exactly_one_row()
    {
        VectorOp[] rows = [.. OpcodeTable.Rows.Select(r => r.Operation)];
        Assert.Equal(Enum.GetValues<VectorOp>(), rows.Order());
    }

    [Fact]
    public void Every_opcode_round_trips_with_every_kind_of_operand()
    {
        int checkedInstructions = 0;
        foreach (OpcodeRow row in OpcodeTable.Rows)
        {
            HashSet<Iced.Intel.Code> reached = [];
            foreach (OpcodeForm form in OpcodeTable.FormsOf(row.Operation).ToArray().Where(f => f.Encoding != VectorEncoding.Legacy))
                foreach (Operand[] operands in OperandsFor(form))
                {
                    Isa tier = TierFor(form);
                    OpcodeForm chosen = OpcodeTable.Select(row.Operation, tier, IsaTraits.For(tier).Encoding, form.Width, operands);
                    var asm = new KernelAssembler(tier);
                    asm.Emit(row.Operation, form.Width, operands);
                    KernelImage image = asm.Build(row.Operation.ToString());
                    KernelVerifier.Verify(image);
                    Instruction decoded = Disassembler.Decode(image).First();
                    Assert.Equal(chosen.Code, decoded.Code);
                    Assert.True(chosen.IsScalar || chosen.Width == form.Width);
                    AssertSameOperands(operands, decoded);
                    reached.Add(decoded.Code);
                    checkedInstructions++;
                }
            Assert.Equal(row.Opcodes.Where(c => c.ToOpCode().Encoding != EncodingKind.Legacy).Order(), reached.Order());
        }
        Assert.True(checkedInstructions > 3000, $"only {checkedInstructions} instructions were checked");
    }

    [Theory]
    [InlineData("avx2_vnni", Iced.Intel.Code.VEX_Vpdpbusd_ymm_ymm_ymmm256)]
    [InlineData("avx512_vnni", Iced.Intel.Code.EVEX_Vpdpbusd_zmm_k1z_zmm_zmmm512b32)]
    public void The_tier_decides_between_VEX_and_EVEX(string tier, Iced.Intel.Code expected)
    {
        var asm = new KernelAssembler(IsaTiers.Parse(tier));
        asm.Emit(VectorOp.Vpdpbusd, new Vec(1), new Vec(2), new Vec(3));
        Assert.Equal(expected, Disassembler.Decode(asm.Build("k")).First().Code);
    }

    [Fact]
    public void An_AVX512_host_with_AVX_VNNI_still_gets_EVEX()
    {
        var asm = new KernelAssembler(IsaTiers.Avx512Vnni | Isa.Avx2Vnni);
        asm.Emit(VectorOp.Vpdpbusd, VectorWidth.V256, new Vec(1), new Vec(2), new Vec(3));
        Assert.Equal(
            Iced.Intel.Code.EVEX_Vpdpbusd_ymm_k1z_ymm_ymmm256b32, Disassembler.Decode(asm.Build("k")).First().Code);
    }

    [Fact]
    public void Instructions_outside_the_tier_are_refused_by_name()
    {
        var avx2 = new KernelAssembler(IsaTiers.Avx2);
        Assert.Contains("Vpdpbusd", Refusal(() => avx2.Emit(VectorOp.Vpdpbusd, new Vec(0), new Vec(1), new Vec(2))));
        Assert.Contains("512", Refusal(() => avx2.Emit(VectorOp.Vpaddd, VectorWidth.V512, new Vec(0), new Vec(1), new Vec(2))));
        Assert.Contains("vector 16", Refusal(() => avx2.Emit(VectorOp.Vpaddd, new Vec(16), new Vec(1), new Vec(2))));
        Assert.Contains("broadcast", Refusal(
            () => avx2.Emit(VectorOp.Vaddps, new Vec(0), new Vec(1), avx2.Arguments[0].Broadcast)));
        Assert.Contains("Kmovw", Refusal(() => avx2.Emit(VectorOp.Kmovw, new Mask(1), avx2.Arguments)));

        var avx512 = new KernelAssembler(IsaTiers.Avx512);
        Assert.Contains("Vblendvps", Refusal(
            () => avx512.Emit(VectorOp.Vblendvps, new Vec(0), new Vec(1), new Vec(2), new Vec(3)))); // no 512-bit form
    }

    [Fact]
    public void Operations_without_EVEX_form_fall_back_to_VEX()
    {
        var asm = new KernelAssembler(IsaTiers.Avx512);
        asm.Emit(VectorOp.Vblendvps, VectorWidth.V256, new Vec(0), new Vec(1), new Vec(2), new Vec(3));
        Assert.Equal(
            Iced.Intel.Code.VEX_Vblendvps_ymm_ymm_ymmm256_ymm, Disassembler.Decode(asm.Build("k")).First().Code);
    }

    private static string Refusal(Action action) => Assert.Throws<InvalidOperationException>(action).Message;

    private static Isa TierFor(OpcodeForm form)
        => form.Encoding == VectorEncoding.Evex || form.Isa.HasFlag(Isa.Avx512) ? IsaTiers.Avx512Bf16 : IsaTiers.Avx2Vnni;

    // Low and high registers; the memory slot, if any, as register, memory with small and large displacement, indexed
    // memory and broadcast; without mask, with mask, zeroing.
    private static IEnumerable<Operand[]> OperandsFor(OpcodeForm form)
    {
        int high = form.Encoding == VectorEncoding.Evex ? 28 : 12;
        Gpr a = new(13), b = new(9);
        List<Mem?> memories = [null];
        if (form.Slots.Any(s => s.Memory))
            memories.AddRange([a[0], a[64], a[-4096], new Gpr(4)[8], a[b, 4, 12]]);
        if (form.CanBroadcast)
            memories.Add(a[4].Broadcast);
        foreach (int first in (int[])[0, high])
            foreach (Mem? memory in memories)
            {
                Operand[]? operands = Assemble(form, first, memory);
                if (operands is null)
                    continue;
                if (operands.Length == 0 || !form.MustMask)
                    yield return operands;
                if (!form.CanMask)
                    continue;
                yield return [operands[0] with { WriteMask = 3 }, .. operands[1..]];
                if (form.CanZero && operands[0].Kind != OperandKind.Memory)
                    yield return [operands[0] with { WriteMask = 7, Zeroing = true }, .. operands[1..]];
            }
    }

    private static Operand[]? Assemble(OpcodeForm form, int firstRegister, Mem? memory)
    {
        var operands = new Operand[form.Slots.Length];
        for (int i = 0; i < operands.Length; i++)
        {
            OperandSlot slot = form.Slots[i];
            if (slot.Memory && memory is { } m)
                operands[i] = m;
            else if (slot.Immediate)
                operands[i] = 17;
            else if (slot.RegisterKind == OperandKind.Vector)
                operands[i] = new Vec(firstRegister + i);
            else if (slot.RegisterKind == OperandKind.Mask)
                operands[i] = new Mask(1 + i);
            else if (slot.RegisterKind == OperandKind.General)
                operands[i] = new Gpr(8 + i);
            else
                return null; // this slot takes memory only
        }
        return operands;
    }

    private static void AssertSameOperands(Operand[] given, Instruction decoded)
    {
        Assert.Equal(given.Length, decoded.OpCount);
        for (int i = 0; i < given.Length; i++)
            switch (given[i].Kind)
            {
                case OperandKind.Memory:
                    Mem memory = given[i].Memory;
                    Assert.Equal(OpKind.Memory, decoded.GetOpKind(i));
                    Assert.Equal(memory.Base.Index, decoded.MemoryBase.GetNumber());
                    Assert.Equal(memory.Displacement, (int)decoded.MemoryDisplacement64);
                    Assert.Equal(memory.Index?.Index, decoded.MemoryIndex == Register.None ? null : decoded.MemoryIndex.GetNumber());
                    Assert.Equal(memory.Scale, decoded.MemoryIndexScale);
                    Assert.Equal(memory.IsBroadcast, decoded.IsBroadcast);
                    break;
                case OperandKind.Immediate:
                    Assert.Equal(given[i].Value, (int)decoded.GetImmediate(i));
                    break;
                default:
                    Assert.Equal(given[i].Value, decoded.GetOpRegister(i).GetNumber());
                    break;
            }
        if (given.Length == 0)
            return;
        Assert.Equal(given[0].WriteMask == 0 ? Register.None : Register.K0 + given[0].WriteMask, decoded.OpMask);
        Assert.Equal(given[0].Zeroing, decoded.ZeroingMasking);
    }
}
