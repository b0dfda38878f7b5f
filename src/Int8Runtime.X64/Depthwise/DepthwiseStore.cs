// From the accumulators of a depthwise tile to the destination. Three forms:
//   linear accumulators (f32 products)                                        → the epilogue stores them
//   unpacked order, 8-bit destination, nothing in the epilogue needs the place of a lane → packs, which undo the unpacks
//   unpacked order otherwise                                                  → transpose 128-bit lanes, then as linear
using Int8Runtime.Jit;
using static Int8Runtime.Jit.VectorOp;

namespace Int8Runtime.X64;

/// <summary>Emits epilogue and stores of a depthwise kernel.</summary>
internal sealed class DepthwiseStore : IDisposable
{
    private readonly KernelAssembler _asm;
    private readonly DepthwiseKernelSpec _spec;
    private readonly TapGeometry _geometry;
    private readonly ByteRun? _bytes;
    private readonly ActiveLanes? _lanes;

    /// <summary>Leases what lasts as long as the kernel.</summary>
    public DepthwiseStore(KernelAssembler asm, DepthwiseKernelSpec spec)
    {
        (_asm, _spec, _geometry) = (asm, spec, TapGeometry.Of(spec.Product, asm.Traits));
        if (StoresPacked(spec))
            _bytes = new ByteRun(asm, spec.Channels);
        else if (spec.Channels % _geometry.Lanes != 0)
            _lanes = ActiveLanes.First(asm, spec.Channels % _geometry.Lanes);
    }

    /// <summary>
    /// Vector registers needed beside the accumulators: those of the epilogue, one for the transposition, one for the
    /// vector mask of a tail.
    /// </summary>
    public int Registers => EpilogueEmitter.NeedsOf(_spec.Epilogue).Vectors
        + (_geometry.IsUnpackedOrder && !StoresPacked(_spec) ? 1 : 0)
        + (_lanes is not null && !_asm.Traits.HasOpmask ? 1 : 0);

    /// <summary>Whether results leave by packs, so that scales and biases are read in unpacked order.</summary>
    public static bool StoresPacked(DepthwiseKernelSpec spec) =>
        spec.Product != TapProductKind.Fma && spec.Epilogue.Destination.IsInt8() && spec.Epilogue.FitsWords
        && !spec.Epilogue.DependsOnLane;

    /// <summary>Emits the epilogue of a tile.</summary>
    public void Emit(VecArray accumulators, int outputs, Gpr destination, Gpr channel, Mem arguments)
    {
        if (StoresPacked(_spec))
        {
            EmitPacked(accumulators, outputs, destination, channel, arguments);
            return;
        }

        var vectors = new Vec[outputs, _geometry.Vectors];
        if (_geometry.IsUnpackedOrder)
        {
            using Vec spare = _asm.Registers.Vec("spare");
            Vec free = spare;
            for (int o = 0; o < outputs; o++)
                free = Transpose(accumulators, o, free, vectors);
            EmitLinear(vectors, outputs, destination, channel, arguments);
        }
        else
        {
            for (int o = 0; o < outputs; o++)
                for (int v = 0; v < _geometry.Vectors; v++)
                    vectors[o, v] = accumulators[o, v];
            EmitLinear(vectors, outputs, destination, channel, arguments);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _bytes?.Dispose();
        _lanes?.Dispose();
    }

    private void EmitLinear(Vec[,] vectors, int outputs, Gpr destination, Gpr channel, Mem arguments)
    {
        var results = new List<ResultVector>();
        int size = _spec.Epilogue.Destination.SizeInBytes();
        for (int v = 0; v < _geometry.Vectors && v * _geometry.Lanes < _spec.Channels; v++)
        {
            int first = v * _geometry.Lanes;
            bool isTail = first + _geometry.Lanes > _spec.Channels;
            for (int o = 0; o < outputs; o++)
                results.Add(new(vectors[o, v], destination[(o * _spec.DestinationPixel) + (first * size)], first, isTail ? _lanes : null));
        }

        using EpilogueEmitter epilogue = EpilogueEmitter.Begin(_asm, _spec.Epilogue, arguments, channel);
        epilogue.Emit(results.ToArray());
    }

    private void EmitPacked(VecArray accumulators, int outputs, Gpr destination, Gpr channel, Mem arguments)
    {
        using EpilogueEmitter epilogue = EpilogueEmitter.Begin(_asm, _spec.Epilogue, arguments, channel);
        var results = new List<ResultVector>();
        for (int v = 0; v < _geometry.Vectors; v++)
            for (int o = 0; o < outputs; o++)
                results.Add(new(accumulators[o, v], destination[o * _spec.DestinationPixel], v * _geometry.Lanes));
        epilogue.EmitBytes(
            results.ToArray(),
            Enumerable.Range(0, outputs).Select(o => Enumerable.Range(0, _geometry.Vectors).Select(v => accumulators[o, v]).ToArray()));
        for (int o = 0; o < outputs; o++)
            _bytes!.Store(destination[o * _spec.DestinationPixel], accumulators[o, 0]);
    }

    // Gathers lane L of the four accumulators into vector L (512 bits), or lane pairs into halves (256 bits). Takes one
    // free register and returns another.
    private Vec Transpose(VecArray accumulators, int output, Vec free, Vec[,] linear)
    {
        Vec a = accumulators[output, 0], b = accumulators[output, 1], c = accumulators[output, 2], d = accumulators[output, 3];
        if (_asm.Traits.Width == VectorWidth.V256)
        {
            const int LowLanes = 0x20, HighLanes = 0x31;
            _asm.Emit(Vperm2i128, free, a, b, LowLanes);
            _asm.Emit(Vperm2i128, b, a, b, HighLanes);
            _asm.Emit(Vperm2i128, a, c, d, LowLanes);
            _asm.Emit(Vperm2i128, d, c, d, HighLanes);
            (linear[output, 0], linear[output, 1], linear[output, 2], linear[output, 3]) = (free, a, b, d);
            return c;
        }

        const int Lanes01 = 0x44, Lanes23 = 0xEE, EvenLanes = 0x88, OddLanes = 0xDD;
        _asm.Emit(Vshufi32x4, free, a, b, Lanes01);
        _asm.Emit(Vshufi32x4, b, a, b, Lanes23);
        _asm.Emit(Vshufi32x4, a, c, d, Lanes01);
        _asm.Emit(Vshufi32x4, d, c, d, Lanes23);
        _asm.Emit(Vshufi32x4, c, free, a, EvenLanes);
        _asm.Emit(Vshufi32x4, a, free, a, OddLanes);
        _asm.Emit(Vshufi32x4, free, b, d, EvenLanes);
        _asm.Emit(Vshufi32x4, d, b, d, OddLanes);
        (linear[output, 0], linear[output, 1], linear[output, 2], linear[output, 3]) = (c, a, free, d);
        return b;
    }
}
