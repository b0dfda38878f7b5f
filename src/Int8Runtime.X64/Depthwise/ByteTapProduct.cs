// u8 and s8 taps, interleaved so that each dword holds the taps of one channel:
//   VPDPBUSD   bytes  (row 0, row 1, row 2, row 3)    from VPUNPCKL/HBW, VPUNPCKL/HWD
//   VPMADDUBSW, VPMADDWD with ones: the same bytes without VNNI, for weights of which no two that meet exceed 128 together, so that
//              sums of two products stay in 16 bits (NumericMode.NarrowWeights), or where they may saturate (NumericMode.Fast)
//   VPMADDWD   words  (row 0, row 1)                  from VPUNPCKL/HBW, VPUNPCKL/HBW with zero
// A group with fewer rows repeats its last ones, whose weights are 0. s8 elements become u8 by adding 128, which the
// compensation and the padded element take into account.
using Int8Runtime.Jit;
using static Int8Runtime.Jit.VectorOp;

namespace Int8Runtime.X64;

/// <summary>Taps in bytes, multiplied as four bytes or as two words.</summary>
internal sealed class ByteTapProduct : TapProduct
{
    private readonly bool _isWords;
    private readonly ByteRun _tail;
    private readonly Vec? _signs;

    /// <summary>Prepares the kernel: leases the weights' registers if they fit beside the outputs that are under way at once.</summary>
    public ByteTapProduct(KernelAssembler asm, DepthwiseKernelSpec spec, int epilogueRegisters)
        : base(asm, spec)
    {
        _isWords = spec.Product == TapProductKind.WordPairs;
        _tail = new ByteRun(asm, spec.Channels % Geometry.BlockChannels);
        if (spec.Source == DataType.Int8)
        {
            _signs = asm.Registers.Vec("sign bits");
            asm.Emit(Vmovups, _signs.Value, asm.Splat(sbyte.MinValue));
        }

        // Where a product takes three instructions its operands from memory cost nothing, and tiles are faster.
        if (asm.Traits.HasVnni && spec.Dilation == 1)
            HoldWeights((OpenOutputs * Geometry.Vectors) + Math.Max(ColumnRegisters, epilogueRegisters));
    }

    // Without VNNI a register holds the products before they are added.
    private bool HasProductRegister => !Asm.Traits.HasVnni;

    /// <inheritdoc/>
    public override int ColumnRegisters => HasProductRegister ? 6 : 5;

    /// <inheritdoc/>
    public override Vec[] Load(VecArray registers, int rows, Func<int, Mem> address)
    {
        Vec a = registers[0], b = registers[1], c = registers[2], d = registers[3], t = registers[4];
        for (int r = 0; r < rows; r++)
        {
            _tail.Load(registers[r], address(r), t);
            if (_signs is { } signs)
                Asm.Emit(Vpxor, registers[r], registers[r], signs);
        }

        // t and a: rows 0 and 1 of channels 0…7 and 8…15 of each lane.
        Vec second = rows > 1 ? b : a;
        Asm.Emit(Vpunpcklbw, t, a, second);
        Asm.Emit(Vpunpckhbw, a, a, second);
        if (_isWords)
        {
            Asm.Clear(b);
            return Spread(Vpunpcklbw, Vpunpckhbw, t, b, a, b, d, c);
        }

        Vec low = t, high = a;
        if (rows > 2)
        {
            Vec fourth = rows > 3 ? d : c;
            Asm.Emit(Vpunpcklbw, b, c, fourth);
            Asm.Emit(Vpunpckhbw, c, c, fourth);
            (low, high) = (b, c);
        }

        return Spread(Vpunpcklwd, Vpunpckhwd, t, low, a, high, d, b);
    }

    /// <inheritdoc/>
    public override Vec[] LoadPadding(VecArray registers, Mem padding)
    {
        Vec value = registers[0];
        Asm.Emit(Vpbroadcastd, value, padding);
        return [value, value, value, value];
    }

    /// <inheritdoc/>
    public override void Multiply(VecArray registers, Vec[] column, ReadOnlySpan<Vec> sums, int tap, Mem weights)
    {
        for (int v = 0; v < Geometry.Vectors; v++)
        {
            Vec accumulator = sums[v];
            Operand operand = WeightsOf(tap, v, weights);
            if (!HasProductRegister)
            {
                Asm.Emit(_isWords ? Vpdpwssd : Vpdpbusd, accumulator, column[v], operand);
                continue;
            }

            Vec product = registers[5];
            Asm.Emit(_isWords ? Vpmaddwd : Vpmaddubsw, product, column[v], operand);
            if (!_isWords)
                Asm.Emit(Vpmaddwd, product, product, Asm.Splat((short)1));
            Asm.Emit(Vpaddd, accumulator, accumulator, product);
        }
    }

    /// <inheritdoc/>
    public override void End()
    {
        base.End();
        _signs?.Dispose();
        _tail.Dispose();
    }

    // From (first, firstWith) come channels 0…3 and 4…7 of each lane, from (second, secondWith) 8…11 and 12…15. The result
    // replaces the sources; `free` and `other` take the low halves, other may be firstWith.
    private Vec[] Spread(VectorOp low, VectorOp high, Vec first, Vec firstWith, Vec second, Vec secondWith, Vec free, Vec other)
    {
        Asm.Emit(low, free, first, firstWith);
        Asm.Emit(high, first, first, firstWith);
        Asm.Emit(low, other, second, secondWith);
        Asm.Emit(high, second, second, secondWith);
        return [free, first, other, second];
    }
}
