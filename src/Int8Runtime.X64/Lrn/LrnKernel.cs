// Local response normalization across channels. Squares of all channels of one pixel (channels in lanes), or of one stretch
// of pixels (pixels in lanes), go to scratch memory between zeros; then each vector adds up its window there.
//
//   scratch:  0 … 0 | x₀² x₁² … | 0 … 0        ⌊(size − 1)/2⌋ zeros before, enough for whole vectors behind
//   y = x·(k + α/size·Σ window)^−β
using System.Runtime.InteropServices;
using Int8Runtime.Jit;
using static Int8Runtime.Jit.VectorOp;

namespace Int8Runtime.X64;

/// <summary>What the code of an LRN kernel depends on.</summary>
/// <param name="Source">Element type of the source.</param>
/// <param name="ChannelsInLanes">Whether channels are consecutive in memory; otherwise pixels are.</param>
/// <param name="Size">Channels of a window.</param>
/// <param name="Beta">The exponent.</param>
/// <param name="IsQuantized">Whether the source has a scale and a zero point.</param>
/// <param name="Epilogue">What happens to the results.</param>
internal sealed record LrnSpec(
    DataType Source, bool ChannelsInLanes, int Size, float Beta, bool IsQuantized, EpilogueSpec Epilogue)
{
    /// <summary>Channels of the window before the element itself.</summary>
    public int Before => (Size - 1) / 2;
}

/// <summary>Arguments of a call: one pixel, or up to a vector of neighbouring pixels.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct LrnArguments
{
    /// <summary>First element.</summary>
    public byte* Source;

    /// <summary>First element.</summary>
    public byte* Destination;

    /// <summary>Scratch memory, zero where no square is written.</summary>
    public byte* Squares;

    /// <summary>Number of channels, at least 1.</summary>
    public long Channels;

    /// <summary>Neighbouring pixels, at least 1; not used with channels in lanes.</summary>
    public long Pixels;

    /// <summary>Bytes from one channel to the next; not used with channels in lanes.</summary>
    public long SourceStride;

    /// <summary>Bytes from one channel to the next; not used with channels in lanes.</summary>
    public long DestinationStride;

    /// <summary>Constants of the epilogue.</summary>
    public EpilogueArguments* Epilogue;

    /// <summary>Scale of the source.</summary>
    public float Scale;

    /// <summary>Zero point of the source.</summary>
    public float ZeroPoint;

    /// <summary>Factor of the sum: α/size.</summary>
    public float Factor;

    /// <summary>Addend: k.</summary>
    public float K;
}

/// <summary>Generates the kernel of an <see cref="LrnSpec"/>.</summary>
internal sealed class LrnGenerator : KernelGenerator<LrnSpec>
{
    /// <inheritdoc/>
    public override string NameOf(LrnSpec spec) =>
        $"lrn_{spec.Source.ToShortName()}_{(spec.ChannelsInLanes ? "channels" : "pixels")}_{spec.Size}_"
        + FormattableString.Invariant($"{spec.Beta}{(spec.IsQuantized ? "_q" : "")}_{spec.Epilogue}");

    /// <inheritdoc/>
    protected override void Emit(KernelAssembler asm, LrnSpec spec) => new Body(asm, spec).Emit();

    private sealed class Body(KernelAssembler asm, LrnSpec spec)
    {
        private readonly Gpr _source = asm.Registers.Gpr("source");
        private readonly Gpr _destination = asm.Registers.Gpr("destination");
        private readonly Gpr _squares = asm.Registers.Gpr("squares");
        private readonly Gpr _count = asm.Registers.Gpr("count");
        private readonly Vec _x = asm.Registers.Vec("x");
        private readonly Vec _sum = asm.Registers.Vec("sum");

        // Bytes between the squares of neighbouring channels.
        private int WindowStride => spec.ChannelsInLanes ? sizeof(float) : asm.Traits.VectorBytes;

        public void Emit()
        {
            using EpilogueEmitter epilogue = EpilogueEmitter.Begin(
                asm, spec.Epilogue, Argument(nameof(LrnArguments.Epilogue)));
            if (spec.ChannelsInLanes)
            {
                EmitBoth(epilogue, ActiveLanes.All);
                return;
            }

            using Gpr pixels = asm.Registers.Gpr("pixels");
            Label partial = asm.NewLabel("partial vector");
            asm.Mov(pixels, Argument(nameof(LrnArguments.Pixels)));
            asm.Cmp(pixels, asm.Traits.Lanes32);
            asm.JumpIf(Condition.Less, partial);
            EmitBoth(epilogue, ActiveLanes.All);
            asm.Jump(asm.Exit);
            asm.Bind(partial);
            using ActiveLanes tail = ActiveLanes.Count(asm, pixels);
            EmitBoth(epilogue, tail);
        }

        private Mem Argument(string field) => asm.Arguments[(int)Marshal.OffsetOf<LrnArguments>(field)];

        private void EmitBoth(EpilogueEmitter epilogue, ActiveLanes pixels)
        {
            ForEachVector(pixels, lanes =>
            {
                Load(lanes);
                asm.Emit(Vmulps, _x, _x, _x);
                asm.Emit(Vmovups, _squares[spec.Before * WindowStride], _x);
            });
            ForEachVector(pixels, lanes =>
            {
                asm.Emit(Vmovups, _sum, _squares[0]);
                for (int i = 1; i < spec.Size; i++)
                    asm.Emit(Vaddps, _sum, _sum, _squares[i * WindowStride]);
                using (Vec number = asm.Registers.Vec("parameter"))
                {
                    asm.Emit(Vbroadcastss, number, Argument(nameof(LrnArguments.Factor)));
                    asm.Emit(Vmulps, _sum, _sum, number);
                    asm.Emit(Vbroadcastss, number, Argument(nameof(LrnArguments.K)));
                    asm.Emit(Vaddps, _sum, _sum, number);
                }

                new MathEmitter(asm).Pow(_sum, -spec.Beta);
                Load(lanes);
                asm.Emit(Vmulps, _x, _x, _sum);
                epilogue.Emit([new ResultVector(_x, _destination[0], 0, lanes)]);
            });
        }

        // Vectors of channels of one pixel, or channel after channel of a vector of pixels.
        private void ForEachVector(ActiveLanes pixels, Action<ActiveLanes> body)
        {
            asm.Mov(_source, Argument(nameof(LrnArguments.Source)));
            asm.Mov(_destination, Argument(nameof(LrnArguments.Destination)));
            asm.Mov(_squares, Argument(nameof(LrnArguments.Squares)));
            asm.Mov(_count, Argument(nameof(LrnArguments.Channels)));
            if (!spec.ChannelsInLanes)
            {
                asm.CountDown(_count, () =>
                {
                    body(pixels);
                    asm.Add(_source, Argument(nameof(LrnArguments.SourceStride)));
                    asm.Add(_destination, Argument(nameof(LrnArguments.DestinationStride)));
                    asm.Add(_squares, asm.Traits.VectorBytes);
                });
                return;
            }

            asm.StepDown(_count, asm.Traits.Lanes32, () =>
            {
                body(ActiveLanes.All);
                asm.Add(_source, asm.Traits.Lanes32 * spec.Source.SizeInBytes());
                asm.Add(_destination, asm.Traits.Lanes32 * spec.Epilogue.Destination.SizeInBytes());
                asm.Add(_squares, asm.Traits.VectorBytes);
            });
            asm.Test(_count, _count);
            asm.SkipIf(Condition.Equal, () =>
            {
                using ActiveLanes tail = ActiveLanes.Count(asm, _count);
                body(tail);
            });
        }

        // x; lanes that do not exist must be 0 also where the zero point is not.
        private void Load(ActiveLanes lanes)
        {
            TypedLoad.ToFloat(asm, _x, spec.Source, _source[0], lanes);
            if (!spec.IsQuantized)
                return;
            using Vec number = asm.Registers.Vec("quantization");
            asm.Emit(Vbroadcastss, number, Argument(nameof(LrnArguments.ZeroPoint)));
            if (lanes.IsAll)
                asm.Emit(Vsubps, _x, _x, number);
            else if (asm.Traits.HasOpmask)
                asm.Emit(Vsubps, lanes.Zeroing(_x), _x, number);
            else
                lanes.WithVectorMask(asm, mask =>
                {
                    asm.Emit(Vandps, number, number, mask);
                    asm.Emit(Vsubps, _x, _x, number);
                });
            asm.Emit(Vbroadcastss, number, Argument(nameof(LrnArguments.Scale)));
            asm.Emit(Vmulps, _x, _x, number);
        }
    }
}
