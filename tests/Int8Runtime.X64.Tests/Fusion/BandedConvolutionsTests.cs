// Chains of convolutions in bands against the same convolutions one after the other.
using FsCheck;
using FsCheck.Fluent;
using Int8Runtime.Jit;
using Int8Runtime.TestKit;
using Int8Runtime.X64.Tests.Products;

namespace Int8Runtime.X64.Tests.Fusion;

public sealed unsafe class BandedConvolutionsTests
{
    // A second-level cache so small that most images are split into bands.
    private const long SmallCache = 12 << 10;

    [Fact]
    public void Results_are_those_of_the_convolutions_one_after_the_other_on_every_tier()
    {
        int compared = 0, banded = 0;
        Properties.Check(AnyChain, chain =>
        {
            foreach ((string _, Isa isa) in Tiers.Generated)
            {
                compared++;
                banded += Compare(chain, isa, (chain.Seed % 3) + 1) > 1 ? 1 : 0;
            }
        }, count: 20);
        Assert.True(4 * banded > compared, $"only {banded} of {compared} chains went in bands");
    }

    [Fact]
    public void Sums_of_floats_keep_their_order_whatever_rows_a_band_has()
    {
        // Bands of one or two rows of 13 pixels fill no tile, or end in one with fewer rows.
        foreach (int rows in (int[])[14, 29])
        {
            var chain = new Chain(DataType.Float32, 24, rows, 13, 1, 5, [
                new Stage(StageKind.Pointwise, 40, 1, 1, 0), new Stage(StageKind.Depthwise, 40, 3, 1, 1),
                new Stage(StageKind.Pointwise, 12, 1, 1, 0)]);
            foreach ((string _, Isa isa) in Tiers.Generated)
                Assert.InRange(Compare(chain, isa, threads: 2), 2, rows);
        }
    }

    [Fact]
    public void Bands_are_a_multiple_of_the_threads_and_fill_the_budget()
    {
        var chain = new Chain(DataType.UInt8, 16, 63, 64, 1, 3, [
            new Stage(StageKind.Pointwise, 64, 1, 1, 0), new Stage(StageKind.Depthwise, 64, 3, 1, 1)]);
        // A row of the source has 1 KiB, each of the others 4 KiB: r rows need 1·(r + 2) + 4·(r + 2) + 4·r KiB.
        Assert.Equal(7, Compare(chain, CpuFeatures.Host.Isa, threads: 1, cacheBytes: 128 << 10)); // 9 rows have 91 of 96 KiB
        Assert.Equal(9, Compare(chain, CpuFeatures.Host.Isa, threads: 3, cacheBytes: 128 << 10));
        Assert.Equal(1, Compare(chain, CpuFeatures.Host.Isa, threads: 1, cacheBytes: 8 << 20));
    }

    [Fact]
    public void Layouts_without_rows_are_refused()
    {
        using var engine = new TestEngine(CpuFeatures.Host.Isa, [.. Implementations, new StagedProduct(
            PrimitiveKind.Convolution, Implementations, KernelCache.Shared)]);
        var blocked = new MemoryDescriptor([1, 16, 8, 8], DataType.Float32, FormatTag.Parse("aBcd16b"));
        Primitive stage = engine.Create(new ConvolutionDescriptor
        {
            Source = blocked, Weights = MemoryDescriptor.Any([16, 16, 1, 1], DataType.Float32), Destination = blocked,
        });
        ConvolutionStage[] chain = [new(stage.Plan, stage.Attributes), new(stage.Plan, stage.Attributes)];
        Assert.Null(new BandedConvolutions("bands", Implementations, SmallCache).TryPlan(chain, engine.Isa, 1, out Rejection? refusal));
        Assert.Equal(RejectionReason.Layout, refusal!.Reason);
    }

    private static IImplementation[] Implementations =>
        [new DepthwiseConvolution(KernelCache.Shared), new BrgemmConvolution(KernelCache.Shared, CpuFeatures.Host)];

    private static Gen<Chain> AnyChain => (
        from type in Gen.Elements(DataType.Float32, DataType.UInt8, DataType.Int8, DataType.BFloat16)
        from inputs in Gen.Choose(1, 20)
        from rows in Gen.Choose(12, 40)
        from columns in Gen.Choose(5, 12)
        from images in Gen.Elements(1, 1, 2, 3)
        from seed in Arbitraries.Seed
        from count in Gen.Choose(2, 4)
        from stages in AnyStage.ArrayOf(count)
        select new Chain(type, inputs, rows, columns, images, seed, stages)).Where(chain => chain.HasPixels);

    private static Gen<Stage> AnyStage => Gen.OneOf(
        from outputs in Gen.Choose(1, 40) select new Stage(StageKind.Pointwise, outputs, 1, 1, 0),
        from kernel in Gen.Elements(3, 3, 5)
        from stride in Gen.Elements(1, 1, 2)
        from padding in Gen.Choose(1, kernel / 2)
        select new Stage(StageKind.Depthwise, 0, kernel, stride, padding),
        from outputs in Gen.Choose(1, 20)
        from stride in Gen.Elements(1, 2)
        select new Stage(StageKind.Dense, outputs, 3, stride, 1));

    // Returns the number of bands.
    private static int Compare(Chain chain, Isa isa, int threads, long cacheBytes = SmallCache)
    {
        using var engine = new TestEngine(isa, Implementations, threads);
        using ExecutionStream stream = engine.CreateStream();
        var owned = new List<IDisposable>();
        GuardedMemory Memory(MemoryDescriptor descriptor)
        {
            var memory = new GuardedMemory(descriptor.SizeInBytes, chain.Seed % 2 == 0 ? GuardPlacement.AtEnd : GuardPlacement.AtStart);
            owned.Add(memory);
            return memory;
        }

        GuardedMemory Filled(MemoryDescriptor descriptor, int seed)
        {
            GuardedMemory memory = Memory(descriptor);
            TensorFill.Random(memory.Wrap(descriptor), seed);
            return memory;
        }

        var primitives = new List<Primitive>();
        var tables = new List<ExecutionArguments>();
        MemoryDescriptor source = new([chain.Images, chain.Inputs, chain.Rows, chain.Columns], chain.Type, FormatTag.Nhwc);
        GuardedMemory read = Filled(source, chain.Seed);
        for (int i = 0; i < chain.Stages.Length; i++)
        {
            (ConvolutionDescriptor descriptor, PrimitiveAttributes attributes) = Problem(chain, i, source);
            Primitive primitive = engine.Create(descriptor, attributes);
            var plain = new MemoryDescriptor(descriptor.Weights.Dimensions, descriptor.Weights.DataType);
            using TensorMemory weights = new(plain);
            TensorFill.Random(weights, chain.Seed + i + 1);
            TensorMemory packed = WeightsPacking.Pack(engine, weights, primitive.Weights);
            owned.Add(packed);
            ExecutionArguments arguments = default;
            arguments[ArgumentSlot.Source] = read.Pointer;
            arguments.Set(ArgumentSlot.Weights, packed);
            arguments[ArgumentSlot.Bias] = Filled(descriptor.Bias!, chain.Seed + i).Pointer;
            for (int p = 0; p < attributes.PostOps.Count; p++)
            {
                if (attributes.PostOps[p] is BinaryPostOp binary)
                    arguments[ArgumentSlot.PostOp0 + p] = Filled(binary.Operand, chain.Seed + p).Pointer;
            }

            read = Filled(descriptor.Destination, chain.Seed - 1); // what a sum of the last stage adds
            arguments[ArgumentSlot.Destination] = read.Pointer;
            source = descriptor.Destination;
            primitives.Add(primitive);
            tables.Add(arguments);
        }

        GuardedMemory banded = Filled(source, chain.Seed - 1);
        for (int i = 0; i < primitives.Count; i++)
            primitives[i].Execute(stream, tables[i]);

        BandedPlan? plan = new BandedConvolutions("bands", Implementations, cacheBytes) { KeepsTiles = true }.TryPlan(
            [.. primitives.Select(primitive => new ConvolutionStage(primitive.Plan, primitive.Attributes))], isa, threads, out Rejection? refusal);
        if (plan is null)
        {
            // Images so small that their tile is larger than a band.
            Assert.True(refusal!.Reason == RejectionReason.Shape && chain.Type.IsFloatingPoint() && chain.Columns < 13, $"{chain}: {refusal}");
            owned.ForEach(memory => memory.Dispose());
            return 0;
        }

        ExecutionArguments[] stages = [.. tables];
        for (int i = 0; i < stages.Length; i++)
        {
            if (i > 0)
                stages[i][ArgumentSlot.Source] = null;
            stages[i][ArgumentSlot.Destination] = i == stages.Length - 1 ? banded.Pointer : null;
        }

        var primitiveOfChain = new Primitive(engine, plan, primitives[^1].Attributes, primitives[^1].Report);
        stream.Execute(primitiveOfChain, stages);
        Assert.True(read.Span.SequenceEqual(banded.Span), $"{chain} on {IsaTiers.NameOf(isa)}, {threads} threads: {plan.Details}");
        banded.ThrowIfSlackWritten();
        Assert.Equal(0, Allocations.Fewest(() => stream.Execute(primitiveOfChain, stages)));
        owned.ForEach(memory => memory.Dispose());
        return plan.Bands;
    }

    private static (ConvolutionDescriptor, PrimitiveAttributes) Problem(Chain chain, int index, MemoryDescriptor source)
    {
        Stage stage = chain.Stages[index];
        int channels = source.Dimensions[1], outputs = stage.Kind == StageKind.Depthwise ? channels : stage.Outputs;
        bool isInteger = chain.Type.IsInt8(), isLast = index == chain.Stages.Length - 1;
        int Extent(int extent) => ((extent + (2 * stage.Padding) - stage.Kernel) / stage.Stride) + 1;
        var destination = new MemoryDescriptor(
            [chain.Images, outputs, Extent(source.Dimensions[2]), Extent(source.Dimensions[3])], chain.Type, FormatTag.Nhwc);
        var descriptor = new ConvolutionDescriptor
        {
            Source = source, Destination = destination, Bias = new MemoryDescriptor([outputs], DataType.Float32),
            Weights = MemoryDescriptor.Any(
                [outputs, stage.Kind == StageKind.Depthwise ? 1 : channels, stage.Kernel, stage.Kernel], isInteger ? DataType.Int8 : chain.Type),
            Strides = [stage.Stride, stage.Stride], PaddingBefore = [stage.Padding, stage.Padding],
            PaddingAfter = [After(source.Dimensions[2], destination.Dimensions[2]), After(source.Dimensions[3], destination.Dimensions[3])],
            Groups = stage.Kind == StageKind.Depthwise ? channels : 1,
        };

        // Operands that differ from row to row, for channels, and what the destination held before.
        PostOp[] last = (chain.Seed % 3) switch
        {
            0 => [PostOp.Binary(BinaryAlgorithm.Add, new MemoryDescriptor(destination.Dimensions, DataType.Float32, FormatTag.Nhwc))],
            1 => [PostOp.Sum(0.5f), PostOp.Relu()],
            _ => [],
        };
        PostOp[] between = chain.Seed % 2 == 0 ? [PostOp.Clip(0, 6)]
            : [PostOp.Binary(BinaryAlgorithm.Multiply, new MemoryDescriptor([1, outputs, 1, 1], DataType.Float32))];
        var attributes = new PrimitiveAttributes
        {
            PostOps = PostOpChain.Create(isLast ? last : between),
            SourceScale = isInteger ? QuantizationScale.PerTensor(0.02f) : null,
            SourceZeroPoint = isInteger ? chain.Seed % 5 : null,
            WeightsScale = isInteger ? QuantizationScale.PerTensor(0.01f) : null,
            DestinationScale = isInteger ? QuantizationScale.PerTensor(0.02f) : null,
            DestinationZeroPoint = isInteger ? chain.Seed % 5 : null,
        };
        return (descriptor, attributes);

        int After(int extent, int result) => Math.Max(0, ((result - 1) * stage.Stride) + stage.Kernel - extent - stage.Padding);
    }

    private enum StageKind
    {
        Pointwise,
        Depthwise,
        Dense,
    }

    private sealed record Stage(StageKind Kind, int Outputs, int Kernel, int Stride, int Padding);

    private sealed record Chain(DataType Type, int Inputs, int Rows, int Columns, int Images, int Seed, Stage[] Stages)
    {
        /// <summary>Whether something is left behind every stage.</summary>
        public bool HasPixels => Left(Rows) && Left(Columns);

        public override string ToString() =>
            $"{Images}x{Inputs}x{Rows}x{Columns} {Type.ToShortName()} seed {Seed}: {string.Join(", ", Stages.Select(stage => $"{stage}"))}";

        private bool Left(int extent) => Stages.All(stage =>
            (extent = ((extent + (2 * stage.Padding) - stage.Kernel + stage.Stride) / stage.Stride)) > 0);
    }
}
