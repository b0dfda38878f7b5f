// Kernels of every tier, those above the host included, stay inside their instruction set and registers.
using Int8Runtime.Jit;

namespace Int8Runtime.X64.Tests.Brgemm;

public sealed class BrgemmGeneratorTests
{
    private static readonly Isa[] AllTiers = [IsaTiers.Sse41, IsaTiers.Avx2, IsaTiers.Avx2Vnni, IsaTiers.Avx512, IsaTiers.Avx512Vnni, IsaTiers.Avx512Bf16];

    [Fact]
    public void Kernels_of_every_tier_are_sound()
    {
        foreach (Isa isa in AllTiers)
        {
            foreach (DotProductKind product in Enum.GetValues<DotProductKind>())
            {
                if (product == DotProductKind.BFloat16 && !IsaTraits.For(isa).HasBf16)
                    continue; // operands are widened there
                foreach (DataType destination in new[] { DataType.BFloat16, DataType.UInt8, DataType.Int8, DataType.Float32, DataType.Int32 })
                    foreach (bool extras in new[] { false, true })
                        VerifyTiles(isa, product, destination, extras);
            }
        }
    }

    [Fact]
    public void Kernels_that_read_compact_weights_are_sound()
    {
        foreach (Isa isa in AllTiers)
        {
            int lanes = IsaTraits.For(isa).Lanes32;
            EpilogueSpec epilogue = EpilogueOf(DotProductKind.Float32, DataType.Float32, extras: true);
            foreach (DataType type in new[] { DataType.Int8, DataType.UInt8, DataType.Int4, DataType.UInt4 })
            {
                foreach ((int group, bool scales, DataType zeros) in new[]
                {
                    (107, false, DataType.Undefined), (32, true, DataType.UInt8), (5, true, DataType.Int8), (1, false, DataType.Float32),
                })
                {
                    var format = new CompactFormat
                    {
                        Type = type, Lanes = lanes, Rows = 107, GroupRows = group, HasScales = scales, ZeroType = zeros,
                    };
                    KernelVerifier.Verify(new CompactExpansion().Generate(
                        new CompactExpansionSpec(format, (107 * lanes * 4) + 64), isa, CallingAbi.SystemV));
                    BrgemmRegisters registers = BrgemmRegisters.For(IsaTraits.For(isa), DotProductKind.Float32, epilogue, lanes - 1, format);
                    foreach ((int rows, int vectors) in new[] { (1, 1), (1, 8), (1, 3), (4, 2), (2, 4), (7, 1), (20, 1) })
                    {
                        if (!registers.Fits(rows, vectors))
                            continue;
                        var spec = new BrgemmSpec
                        {
                            Product = DotProductKind.Float32, Rows = rows, Vectors = vectors, TailLanes = lanes - 1, SourceStride = 60,
                            DestinationStride = 1000, RunSteps = 107, WeightsStride = (int)format.VectorStride, Compact = format,
                            Epilogue = epilogue,
                        };
                        KernelVerifier.Verify(new BrgemmGenerator().Generate(spec, isa, CallingAbi.Windows));
                    }
                }
            }
        }
    }

    [Fact]
    public void A_blocking_fits_the_registers_whatever_the_shape()
    {
        foreach (Isa isa in AllTiers)
        {
            IsaTraits traits = IsaTraits.For(isa);
            EpilogueSpec epilogue = EpilogueOf(DotProductKind.Int16, DataType.UInt8, extras: true);
            BrgemmRegisters registers = BrgemmRegisters.For(traits, DotProductKind.Int16, epilogue, columns: 100);
            for (int rows = 1; rows < 60; rows += 3)
                for (int vectors = 1; vectors < 20; vectors += 3)
                {
                    BrgemmBlocking blocking = new BlockingProblem(registers, rows, vectors, Steps: 64, traits.VectorBytes, RowStep: 60).Choose(null);
                    Assert.True(registers.Fits(blocking.Rows, blocking.Vectors), $"{blocking} on {IsaTiers.NameOf(isa)}");
                }
        }
    }

    [Fact]
    public void Common_layers_get_tiles_that_keep_the_multipliers_busy()
    {
        var registers = new BrgemmRegisters(Total: 32, Product: 0, Epilogue: 2);
        foreach ((int rows, int vectors, int steps) in new[] { (3136, 4, 16), (3136, 16, 64), (56, 4, 144), (28, 8, 288), (14, 16, 576), (49, 32, 512) })
        {
            BrgemmBlocking blocking = new BlockingProblem(registers, rows, vectors, steps, VectorBytes: 64, RowStep: 60).Choose(null);
            int products = blocking.Rows * blocking.Vectors, loads = blocking.Rows + blocking.Vectors;
            Assert.True(loads * 5 <= products * 3 && products >= 16, $"{rows} rows, {vectors} vectors: {blocking}");
        }
    }

    /// <summary>Rows 4096 bytes apart share a set of eight cache lines; those of another distance do not.</summary>
    [Fact]
    public void Rows_that_share_a_set_of_the_cache_stay_few()
    {
        var registers = new BrgemmRegisters(Total: 32, Product: 0, Epilogue: 2);
        BrgemmBlocking Choose(int step) => new BlockingProblem(registers, Rows: 196, Vectors: 1, Steps: 1024, VectorBytes: 64, step).Choose(null);
        Assert.InRange(Choose(4096).Rows, 1, 7);
        Assert.InRange(Choose(8192).Rows, 1, 7);
        Assert.InRange(Choose(4160).Rows, 14, 28);
        Assert.InRange(Choose(4).Rows, 14, 28); // many rows in one cache line
    }

    /// <summary>512 channels times 3×3 taps in f32: two vectors of weights take 590 KB, four would not stay in a cache of 1 MB.</summary>
    [Fact]
    public void Panels_that_are_swept_often_fit_the_second_level_cache()
    {
        var registers = new BrgemmRegisters(Total: 32, Product: 0, Epilogue: 2);
        BrgemmBlocking Choose(int rows, int lines) => new BlockingProblem(
            registers, rows, Vectors: 32, Steps: 4608, VectorBytes: 64, RowStep: 2048, lines, 2048 * rows, 1 << 20).Choose(null);
        Assert.InRange(Choose(14, 14).Vectors, 1, 2);
        Assert.InRange(Choose(7, 7).Vectors, 1, 2);
        Assert.InRange(Choose(1, 1).Vectors, 4, 8); // weights that are read once
    }

    /// <summary>
    /// Panels of 24 KiB and more are asked for; the next tile where rows are one piece of memory that no cache holds; the lines that short
    /// sums write beyond the caches.
    /// </summary>
    [Fact]
    public void Kernels_ask_for_what_the_caches_do_not_keep()
    {
        var registers = new BrgemmRegisters(Total: 32, Product: 0, Epilogue: 2);
        BrgemmPrefetch Of(int steps, int rowStep, long sourceBytes, int rows = 14, int vectors = 2, int allVectors = 2, long destinationBytes = 0,
            int vectorBytes = 64) => new BlockingProblem(registers, Rows: 196, allVectors, steps, vectorBytes, rowStep, CacheBytes: 1 << 20)
                .PrefetchOf(new BrgemmBlocking(rows, vectors), steps, sourceBytes, destinationBytes);
        Assert.Equal(BrgemmPrefetch.None, Of(64, 256, 0));
        Assert.Equal(BrgemmPrefetch.Weights, Of(256, 1024, 0));
        Assert.Equal(BrgemmPrefetch.NextTile, Of(64, 256, 1 << 20));
        Assert.Equal(BrgemmPrefetch.Weights | BrgemmPrefetch.NextTile, Of(256, 1024, 1 << 20));
        Assert.Equal(BrgemmPrefetch.None, Of(64, 512, 1 << 20)); // every other pixel
        Assert.Equal(BrgemmPrefetch.None, Of(64, -256, 1 << 20));
        Assert.Equal(BrgemmPrefetch.None, Of(64, 256, 1 << 20, allVectors: 10)); // in the cache after the first of five panels
        Assert.Equal(BrgemmPrefetch.Destination, Of(64, 256, 0, destinationBytes: 2 << 20));
        Assert.Equal(BrgemmPrefetch.Weights, Of(256, 1024, 0, destinationBytes: 2 << 20));
        Assert.Equal(BrgemmPrefetch.None, Of(256, 1024, 1 << 20, rows: 1));
        Assert.Equal(BrgemmPrefetch.None, Of(256, 1024, 0, rows: 7, vectors: 4, allVectors: 4));
        Assert.Equal(BrgemmPrefetch.None, Of(256, 1024, 0, rows: 4, vectorBytes: 32)); // half lines
    }

    private static void VerifyTiles(Isa isa, DotProductKind product, DataType destination, bool extras)
    {
        EpilogueSpec epilogue = EpilogueOf(product, destination, extras);
        int lanes = IsaTraits.For(isa).Lanes32;
        BrgemmRegisters registers = BrgemmRegisters.For(IsaTraits.For(isa), product, epilogue, columns: lanes - 1);
        foreach ((int rows, int vectors) in new[] { (1, 1), (1, 8), (14, 2), (9, 3), (6, 4), (5, 5), (3, 3), (2, 6), (4, 1) })
        {
            if (!registers.Fits(rows, vectors))
                continue;
            TileLines Spanned(TapClip? clip) => new(Pixels: Math.Max(1, rows / 2), SourceStep: 900, DestinationStep: 5000, clip, RunsOfTap: 1);
            foreach ((int tail, CallingAbi abi, TapClip? clip, TileLines? lines) in new (int, CallingAbi, TapClip?, TileLines?)[]
            {
                (0, CallingAbi.SystemV, null, null), (lanes - 1, CallingAbi.Windows, null, null),
                (0, CallingAbi.SystemV, new TapClip(Taps: 3, Step: 1, Before: 1, After: 1), null),
                (0, CallingAbi.Windows, new TapClip(5, 2, 3, 0), null), (0, CallingAbi.Windows, new TapClip(3, 1, 6, 1, Dilation: 3), null),
                (0, CallingAbi.Windows, new TapClip(3, 1, 1, 0), Spanned(new TapClip(3, 1, 1, 0))), (0, CallingAbi.SystemV, null, Spanned(null)),
            })
            {
                if (lines is { } spanned && rows % spanned.Pixels != 0)
                    continue;
                int steps = 13 * (clip?.Taps ?? 1);
                var spec = new BrgemmSpec
                {
                    Product = product, Rows = rows, Vectors = vectors, TailLanes = tail, SourceStride = 60, DestinationStride = 1000,
                    RunSteps = steps, Clip = clip, Lines = lines, WeightsStride = 4160, HasCompensation = extras, Epilogue = epilogue,
                    Residuals = new BrgemmOperands(product, isa, ShiftsSource: false).SplitsWeights ? BrgemmResiduals.For(steps, lanes) : null,
                };
                KernelVerifier.Verify(new BrgemmGenerator().Generate(spec, isa, abi));
                KernelVerifier.Verify(new BrgemmGenerator().Generate(
                    spec with { Prefetch = BrgemmPrefetch.Weights | BrgemmPrefetch.NextTile | BrgemmPrefetch.Destination }, isa, abi));
            }
        }
    }

    private static EpilogueSpec EpilogueOf(DotProductKind product, DataType destination, bool extras) => new()
    {
        Accumulator = product.AccumulatorType(),
        Destination = destination,
        Scale = extras ? OperandMode.PerChannel : OperandMode.None,
        Bias = extras ? OperandMode.PerChannel : OperandMode.None,
        ClampsBelow = !destination.IsFloatingPoint(),
        ClampsAbove = !destination.IsFloatingPoint(),
        HasZeroPoint = extras && destination.IsInt8(),
        HasLowerByte = extras && destination.IsInt8(),
        StoresAccumulator = !extras && destination == DataType.Int32 && !product.IsFloatingPoint(),
        PostOps = extras ? new ValueList<PostOpSpec>(new SumSpec(destination, true, 0)) : new(),
    };
}
