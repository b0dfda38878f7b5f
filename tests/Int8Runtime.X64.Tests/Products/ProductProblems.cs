// Random convolutions, fully connected layers and matrix products with the whole space of attributes and layouts.
using FsCheck;
using FsCheck.Fluent;
using Int8Runtime.TestKit;

namespace Int8Runtime.X64.Tests.Products;

/// <summary>Generators that go beyond what a single implementation takes: the engine's list has to serve every one of them.</summary>
internal static class ProductProblems
{
    private static readonly DataType[] OperandTypes =
        [DataType.Float32, DataType.BFloat16, DataType.Float16, DataType.Int32, DataType.Int8, DataType.UInt8];

    /// <summary>Scales and zero points: none, constants of any value, per channel, or given at execution.</summary>
    public static Gen<PrimitiveAttributes> Attributes(MemoryDescriptor destination, int channelDimension, int inputs, bool integer)
    {
        int outputs = destination.Dimensions[channelDimension];
        Gen<ZeroPoint?> zeroPoint = ZeroPointOf(inputs);
        return
            from sourceScale in ScaleOf(1)
            from weightsScale in ScaleOf(outputs)
            from destinationScale in ScaleOf(1)
            from sourceZero in zeroPoint
            from weightsZero in ZeroPointOf(outputs)
            from destinationZero in ZeroPointOf(outputs)
            from postOps in PostOps(destination, channelDimension)
            from scratchpad in Gen.Elements(ScratchpadMode.Library, ScratchpadMode.User)
            select new PrimitiveAttributes
            {
                SourceScale = sourceScale,
                WeightsScale = weightsScale,
                DestinationScale = destinationScale,
                SourceZeroPoint = integer ? sourceZero : null,
                WeightsZeroPoint = integer ? weightsZero : null,
                DestinationZeroPoint = destination.DataType.IsFloatingPoint() ? null : destinationZero,
                PostOps = postOps,
                Scratchpad = scratchpad,
            };
    }

    /// <summary>Up to four post-ops whose operands have any type and are broadcast over any dimensions.</summary>
    public static Gen<PostOpChain> PostOps(MemoryDescriptor destination, int channelDimension)
    {
        Gen<MemoryDescriptor> operand =
            from type in Gen.Elements(OperandTypes)
            from mask in Gen.OneOf(Gen.Constant(0), Gen.Constant(1 << channelDimension), Gen.Choose(0, (1 << destination.Rank) - 1))
            from plain in Gen.Elements(true, false)
            let dimensions = Shape.Create(
                [.. Enumerable.Range(0, destination.Rank).Select(d => (mask >> d & 1) != 0 ? destination.Dimensions[d] : 1)])
            select plain || destination.Rank < 3
                ? new MemoryDescriptor(dimensions, type)
                : new MemoryDescriptor(dimensions, type, FormatTag.ChannelsLast(destination.Rank));
        Gen<PostOp> postOp = Gen.OneOf(
            from scale in Arbitraries.Scale from zeroPoint in Gen.Elements(0, 0, 7, -300) select PostOp.Sum(scale, zeroPoint),
            from alpha in Gen.Elements(0f, 0.25f) select PostOp.Relu(alpha),
            from high in Gen.Elements(0.5f, 6f, 100f) select PostOp.Clip(-0.25f, high),
            Gen.Constant(PostOp.Eltwise(EltwiseAlgorithm.HardSwish, 1f / 6, 0.5f)),
            Gen.Constant(PostOp.Eltwise(EltwiseAlgorithm.Linear, 0.5f, -3f)),
            from slopes in operand select PostOp.PRelu(slopes),
            from algorithm in Gen.Elements(BinaryAlgorithm.Add, BinaryAlgorithm.Multiply, BinaryAlgorithm.Maximum, BinaryAlgorithm.Subtract)
            from y in operand
            select PostOp.Binary(algorithm, y));
        return from count in Gen.Elements(0, 1, 2, 4) from items in postOp.ArrayOf(count) select PostOpChain.Create(items);
    }

    /// <summary>A bias of any type over any dimensions, or none.</summary>
    public static Gen<MemoryDescriptor?> Bias(MemoryDescriptor destination, int channelDimension, bool anyDimensions) =>
        from type in Gen.Elements(OperandTypes)
        from kind in Gen.Choose(0, anyDimensions ? 3 : 1)
        from mask in Gen.Choose(0, (1 << destination.Rank) - 1)
        select kind switch
        {
            0 => null,
            1 => new MemoryDescriptor([destination.Dimensions[channelDimension]], type),
            _ => new MemoryDescriptor(
                [.. Enumerable.Range(0, destination.Rank).Select(d => (mask >> d & 1) != 0 ? destination.Dimensions[d] : 1)], type),
        };

    /// <summary>A layout of an activation: left open, row-major, channels last or blocked.</summary>
    public static Gen<MemoryDescriptor> Layout(Shape dimensions, DataType type)
    {
        string letters = "abcde"[..dimensions.Rank], rest = letters[2..];
        return Gen.Elements(
            MemoryDescriptor.Any(dimensions, type), new MemoryDescriptor(dimensions, type),
            new MemoryDescriptor(dimensions, type, FormatTag.ChannelsLast(dimensions.Rank)),
            new MemoryDescriptor(dimensions, type, FormatTag.Parse($"aB{rest}8b")),
            new MemoryDescriptor(dimensions, type, FormatTag.Parse($"aB{rest}16b")));
    }

    /// <summary>Convolutions over one to three dimensions: dense, grouped and depthwise.</summary>
    public static Gen<Problem> Convolutions(DataType source, DataType weights, DataType destination) =>
        from rank in Gen.Choose(1, 3)
        from axes in Axis.ArrayOf(rank)
        from groups in Gen.Elements(1, 1, 0, 2)
        from inputs in Gen.Choose(1, 20)
        from outputs in Gen.Choose(1, 40)
        let depthwise = groups == 0
        let groupCount = depthwise ? inputs : groups
        let channels = depthwise ? inputs : inputs * groups
        let results = depthwise ? inputs : outputs * groups
        let sourceShape = Shape.Create([2, channels, .. axes.Select(a => a.Input)])
        let destinationShape = Shape.Create([2, results, .. axes.Select(a => a.Output)])
        from src in Layout(sourceShape, source)
        from dst in Layout(destinationShape, destination)
        from plainWeights in Gen.Elements(true, false)
        let weightsShape = Shape.Create([results, channels / groupCount, .. axes.Select(a => a.Kernel)])
        from bias in Bias(dst, 1, anyDimensions: false)
        let descriptor = new ConvolutionDescriptor
        {
            Source = src,
            Weights = plainWeights ? new MemoryDescriptor(weightsShape, weights) : MemoryDescriptor.Any(weightsShape, weights),
            Bias = bias,
            Destination = dst,
            Strides = Shape.Create([.. axes.Select(a => a.Stride)]),
            Dilations = Shape.Create([.. axes.Select(a => a.Dilation)]),
            PaddingBefore = Shape.Create([.. axes.Select(a => a.Before)]),
            PaddingAfter = Shape.Create([.. axes.Select(a => a.After)]),
            Groups = groupCount,
        }
        where descriptor.MultiplyAccumulates <= 200_000
        from attributes in Attributes(dst, 1, channels, source.IsInt8())
        from options in Options(source, descriptor.Weights.ElementCount / results)
        select new Problem(descriptor, attributes, options);

    /// <summary>Matrix products of up to four dimensions, plain or transposed, with either side broadcast.</summary>
    public static Gen<Problem> MatrixProducts(DataType source, DataType weights, DataType destination) =>
        from m in Gen.Choose(1, 9)
        from n in Gen.Choose(1, 40)
        from k in Gen.Choose(1, 40)
        from batches in Gen.Choose(1, 3).ArrayOf(2)
        from rank in Gen.Choose(2, 4)
        from broadcasts in Gen.Elements(false, true).ArrayOf(2)
        from transposes in Gen.Elements(false, true).ArrayOf(3)
        from packed in Gen.Elements(false, true)
        let batch = batches.Take(rank - 2).ToArray()
        let dst = Matrix(batch, m, n, destination, transposes[2])
        from bias in Bias(dst, rank - 1, anyDimensions: true)
        let descriptor = new MatMulDescriptor
        {
            Source = Matrix(Broadcast(batch, broadcasts[0] && !broadcasts[1]), m, k, source, transposes[0]),
            Weights = packed
                ? MemoryDescriptor.Any([.. Broadcast(batch, broadcasts[1]), k, n], weights)
                : Matrix(Broadcast(batch, broadcasts[1]), k, n, weights, transposes[1]),
            Bias = bias,
            Destination = dst,
        }
        from attributes in Attributes(dst, rank - 1, k, source.IsInt8())
        from options in Options(source, k)
        select new Problem(descriptor, attributes, options);

    /// <summary>Fully connected layers over samples of any layout.</summary>
    public static Gen<Problem> Layers(DataType source, DataType weights, DataType destination) =>
        from samples in Gen.Choose(1, 5)
        from inputs in Gen.Choose(1, 24)
        from outputs in Gen.Choose(1, 40)
        from spatial in Gen.Choose(1, 4).ArrayOf(2)
        from src in Layout([samples, inputs, .. spatial], source)
        let dst = new MemoryDescriptor([samples, outputs], destination)
        from bias in Bias(dst, 1, anyDimensions: false)
        let descriptor = new InnerProductDescriptor
        {
            Source = src, Weights = MemoryDescriptor.Any([outputs, inputs, .. spatial], weights), Bias = bias, Destination = dst,
        }
        from attributes in Attributes(dst, 1, inputs, source.IsInt8())
        from options in Options(source, descriptor.Weights.ElementCount / outputs)
        select new Problem(descriptor, attributes, options);

    private static Gen<AxisSpec> Axis { get; } =
        from kernel in Gen.Elements(1, 3, 2, 4)
        from stride in Gen.Elements(1, 1, 2, 3)
        from dilation in Gen.Elements(1, 1, 2)
        from before in Gen.Choose(0, 2)
        from after in Gen.Choose(0, 2)
        from extra in Gen.Choose(0, 4)
        let window = ((kernel - 1) * dilation) + 1
        let input = Math.Max(1, window - before - after) + extra
        select new AxisSpec(input, ((input + before + after - window) / stride) + 1, kernel, stride, dilation, before, after);

    private static Gen<QuantizationScale?> ScaleOf(int channels) => Gen.OneOf(
        Gen.Constant<QuantizationScale?>(null),
        from scale in Arbitraries.Scale select (QuantizationScale?)QuantizationScale.PerTensor(scale * 0.25f),
        channels > 1
            ? from scales in Arbitraries.Scale.ArrayOf(channels) select (QuantizationScale?)QuantizationScale.PerChannel(scales)
            : Gen.Constant<QuantizationScale?>(null),
        Gen.Constant<QuantizationScale?>(channels > 1 ? QuantizationScale.RuntimePerChannel : QuantizationScale.Runtime));

    private static Gen<ZeroPoint?> ZeroPointOf(int channels) => Gen.OneOf(
        Gen.Constant<ZeroPoint?>(null),
        from value in Gen.Elements(1, -1, 5, 128, 255, -128, 300, -1000) select (ZeroPoint?)ZeroPoint.PerTensor(value),
        from values in Gen.Choose(-20, 270).ArrayOf(channels) select (ZeroPoint?)ZeroPoint.PerChannel(values),
        Gen.Constant<ZeroPoint?>(ZeroPoint.Runtime));

    private static Gen<CheckOptions> Options(DataType source, long terms) =>
        from options in Arbitraries.Options(source.IsFloatingPoint() ? Tolerance.Within(1e-3, 1e-3) : Tolerance.Exact)
        select options;

    private static int[] Broadcast(int[] batches, bool broadcasts) => broadcasts ? [.. batches.Select(_ => 1)] : batches;

    private static MemoryDescriptor Matrix(int[] batches, int rows, int columns, DataType type, bool transposed)
    {
        if (!transposed)
            return new MemoryDescriptor([.. batches, rows, columns], type);
        int rank = batches.Length + 2;
        return new MemoryDescriptor([.. batches, columns, rows], type).Permute([.. Enumerable.Range(0, rank - 2), rank - 1, rank - 2]);
    }

    private sealed record AxisSpec(int Input, int Output, int Kernel, int Stride, int Dilation, int Before, int After);
}
