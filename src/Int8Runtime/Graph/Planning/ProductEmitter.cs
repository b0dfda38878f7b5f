// Convolutions, fully connected layers and matrix products.
using Int8Runtime.Graph.Lowering;

namespace Int8Runtime.Graph.Planning;

/// <summary>Plans sums of products.</summary>
internal static class ProductEmitter
{
    public static void EmitConvolution(Operation operation, ConvolutionSpec spec, PlanBuilder plan)
    {
        Location source = plan.Read(operation[0].Edge, channelsLast: true);
        Shape shape = operation[1].Shape;
        ProductWeights? integers = KeepsIntegers(operation, spec) ? ProductWeights.OfIntegers(operation[1], inputMajor: false) : null;
        if (integers is not null && spec.IsPointwise(shape))
        {
            EmitPointwise(operation, source, integers, plan);
            return;
        }

        if (integers is { Quantization.BlockSize: > 0 })
            integers = null; // blocks of inputs are those of matrix products
        ProductWeights weights = integers ?? ProductWeights.Of(operation[1], plan.Weights);
        if (integers is not null)
            operation.Notes.Add(NoteOf(integers));
        Location? bias = ProductWeights.Bias(operation.OptionalOperand(2), shape[0], plan);
        Location? zeroPoint = ReadZeroPoint(operation, 3, plan);
        PostOpEmitter postOps = PostOpEmitter.Of(operation, plan);
        MemoryDescriptor open = MemoryDescriptor.Any(shape, weights.Type), destination = postOps.Destination.Descriptor;
        ConvolutionDescriptorBase descriptor = spec.IsTransposed
            ? new DeconvolutionDescriptor { Source = source.Descriptor, Weights = open, Destination = destination }
            : new ConvolutionDescriptor { Source = source.Descriptor, Weights = open, Destination = destination };
        descriptor = descriptor with
        {
            Bias = bias?.Descriptor,
            Strides = spec.Strides,
            Dilations = spec.Dilations,
            PaddingBefore = spec.Before,
            PaddingAfter = spec.After,
            Groups = spec.Groups,
        };
        var plain = new MemoryDescriptor(shape, weights.Type);
        WeightPairs pairs = spec.IsTransposed ? WeightPairs.Any : WeightPairs.ForConvolution(plain, spec.Groups, spec.Dilations[^1]);
        PrimitiveAttributes attributes = Attributes(operation, weights.Quantization, postOps.PostOps, zeroPoint);
        Execute(operation, plan, plan.Request(descriptor, attributes, PairSums.Of(weights.Content, pairs, plan.Engine)), weights, plain,
            source, bias, zeroPoint, postOps);
    }

    // Integer weights of an f32 source stay integers in memory where there are more of them than activations. Elsewhere f32 weights are
    // faster, since each meets many pixels; the kernels of depthwise and transposed convolutions read f32 only.
    private static bool KeepsIntegers(Operation operation, ConvolutionSpec spec) =>
        operation[0] is { Quantization: null, Edge.Type: DataType.Float32 } && !spec.IsTransposed
        && (spec.Groups == 1 || operation[1].Shape[1] > 1)
        && operation[1].Shape.ElementCount >= operation[0].Shape.ElementCount + operation.Output.Shape.ElementCount;

    // Such a 1×1 convolution is a matrix product: pixels are rows, channels columns.
    private static void EmitPointwise(Operation operation, Location source, ProductWeights weights, PlanBuilder plan)
    {
        int outputs = weights.Shape[0], inputs = weights.Shape[1], rank = source.Descriptor.Rank;
        int[] order = [0, .. Enumerable.Range(2, rank - 2), 1];
        MemoryDescriptor ChannelsLast(MemoryDescriptor image) => image.Permute(order);
        Location? bias = ProductWeights.Bias(operation.OptionalOperand(2), outputs, plan);
        PostOpEmitter postOps = PostOpEmitter.Of(operation, plan).Seen(ChannelsLast);
        var strides = new long[rank];
        (strides[^2], strides[^1]) = (1, inputs);
        MemoryDescriptor plain = MemoryDescriptor.Strided(
            Shape.Filled(rank, 1).With(rank - 2, inputs).With(rank - 1, outputs), weights.Type, strides);
        Location pixels = source with { Descriptor = ChannelsLast(source.Descriptor) };
        EmitIntegers(operation, weights, plain, inputMajor: false, pixels, bias, postOps, plan);
    }

    public static void EmitInnerProduct(Operation operation, InnerProductSpec spec, PlanBuilder plan)
    {
        Shape map = operation[0].Shape;
        if (operation[0] is { Quantization: null, Edge.Type: DataType.Float32 }
            && ProductWeights.OfIntegers(operation[1], spec.InputMajorWeights) is { } integers
            && plan.Read(operation[0].Edge, channelsLast: false) is { Descriptor.IsDense: true } rows)
        {
            EmitIntegerWeights(operation, spec.InputMajorWeights, rows, integers, plan);
            return;
        }

        Location source = plan.Read(operation[0].Edge, channelsLast: map.Rank > 2);
        ProductWeights weights = ProductWeights.Of(operation[1], plan.Weights);
        DataType type = weights.Type;
        int outputs = weights.Shape[spec.InputMajorWeights ? 1 : 0];
        Shape shape = [outputs, .. map[1..]];

        // Dimensions [O, C, …] over the model's [C·…, O] or [O, C·…].
        var strides = new long[shape.Rank];
        long stride = spec.InputMajorWeights ? outputs : 1;
        for (int d = shape.Rank - 1; d > 0; d--)
        {
            strides[d] = stride;
            stride *= shape[d];
        }

        strides[0] = spec.InputMajorWeights ? 1 : stride;
        Location? bias = ProductWeights.Bias(operation.OptionalOperand(2), outputs, plan);
        PostOpEmitter postOps = PostOpEmitter.Of(operation, plan);
        var descriptor = new InnerProductDescriptor
        {
            Source = source.Descriptor,
            Weights = MemoryDescriptor.Any(shape, type),
            Bias = bias?.Descriptor,
            Destination = postOps.Destination.Descriptor,
        };
        MemoryDescriptor plain = MemoryDescriptor.Strided(shape, type, strides);
        WeightPairs pairs = WeightPairs.ForInnerProduct(plain);
        PrimitiveAttributes attributes = Attributes(operation, weights.Quantization, postOps.PostOps, null);
        Execute(operation, plan, plan.Request(descriptor, attributes, PairSums.Of(weights.Content, pairs, plan.Engine)), weights, plain,
            source, bias, null, postOps);
    }

    // An f32 source and weights that stay integers in memory: a matrix product, which takes scales for blocks of inputs.
    private static void EmitIntegerWeights(Operation operation, bool inputMajor, Location source, ProductWeights weights, PlanBuilder plan)
    {
        int inputs = weights.Shape[inputMajor ? 0 : 1], outputs = weights.Shape[inputMajor ? 1 : 0];
        Location rows = source with { Descriptor = new MemoryDescriptor([operation[0].Shape[0], inputs], DataType.Float32) };
        Location? bias = ProductWeights.Bias(operation.OptionalOperand(2), outputs, plan);
        PostOpEmitter postOps = PostOpEmitter.Of(operation, plan);
        MemoryDescriptor plain = MemoryDescriptor.Strided([inputs, outputs], weights.Type, inputMajor ? [outputs, 1] : [1, inputs]);
        EmitIntegers(operation, weights, plain, inputMajor, rows, bias, postOps, plan);
    }

    private static void EmitIntegers(
        Operation operation, ProductWeights weights, MemoryDescriptor plain, bool inputMajor, Location rows, Location? bias,
        PostOpEmitter postOps, PlanBuilder plan)
    {
        var descriptor = new MatMulDescriptor
        {
            Source = rows.Descriptor,
            Weights = MemoryDescriptor.Any(plain.Dimensions, weights.Type),
            Bias = bias?.Descriptor,
            Destination = postOps.Destination.Descriptor,
        };
        PrimitiveAttributes attributes = Attributes(operation, weights.Quantization, postOps.PostOps, null);
        operation.Notes.Add(NoteOf(weights));
        PlannedPrimitive primitive = plan.Request(descriptor, weights.Attributes(attributes, inputMajor));
        Execute(operation, plan, primitive, weights, plain, rows, bias, null, postOps);
    }

    private static string NoteOf(ProductWeights integers) => $"weights stay {integers.Type.ToShortName()} in memory";

    public static void EmitMatMul(Operation operation, MatMulSpec spec, PlanBuilder plan)
    {
        Location left = plan.Read(operation[0].Edge, channelsLast: false);
        Location right = plan.Read(operation[1].Edge, channelsLast: false);
        Location? bias = ProductWeights.Bias(operation.OptionalOperand(2), operation.Output.Shape[^1], plan);
        Location? zeroPoint = ReadZeroPoint(operation, 3, plan);
        PostOpEmitter postOps = PostOpEmitter.Of(operation, plan);
        var descriptor = new MatMulDescriptor
        {
            Source = spec.TransposeLeft ? Transposed(left.Descriptor) : left.Descriptor,
            Weights = spec.TransposeRight ? Transposed(right.Descriptor) : right.Descriptor,
            Bias = bias?.Descriptor,
            Destination = postOps.Destination.Descriptor,
        };
        PrimitiveAttributes attributes = Attributes(operation, operation[1].Quantization, postOps.PostOps, zeroPoint);
        PairSums? sums = PairSums.Of(operation[1].Edge.Constant, WeightPairs.ForMatMul(descriptor.Weights), plan.Engine);
        plan.Execute(plan.Request(descriptor, attributes, sums),
            [(ArgumentSlot.Source, left), (ArgumentSlot.Weights, right), (ArgumentSlot.Bias, bias),
             (ArgumentSlot.SourceZeroPoint, zeroPoint), (ArgumentSlot.Destination, postOps.Destination), .. postOps.Arguments]);
    }

    private static void Execute(
        Operation operation, PlanBuilder plan, PlannedPrimitive primitive, ProductWeights weights, MemoryDescriptor plain,
        Location source, Location? bias, Location? zeroPoint, PostOpEmitter postOps)
    {
        Location packed = weights.Packed(operation, plan, plain, primitive);
        plan.Execute(primitive,
            [(ArgumentSlot.Source, source), (ArgumentSlot.Weights, packed), (ArgumentSlot.Bias, bias),
             (ArgumentSlot.SourceZeroPoint, zeroPoint), (ArgumentSlot.Destination, postOps.Destination), .. postOps.Arguments]);
    }

    private static PrimitiveAttributes Attributes(
        Operation operation, Quantization? weights, PostOpChain postOps, Location? zeroPoint) => new()
    {
        SourceScale = AttributesOf.Scale(operation[0].Quantization),
        SourceZeroPoint = zeroPoint is null ? AttributesOf.Zero(operation[0].Quantization) : ZeroPoint.Runtime,
        WeightsScale = AttributesOf.Scale(weights),
        WeightsZeroPoint = AttributesOf.Zero(weights),
        DestinationScale = AttributesOf.Scale(operation.OutputQuantization),
        DestinationZeroPoint = AttributesOf.Zero(operation.OutputQuantization),
        PostOps = postOps,
    };

    private static Location? ReadZeroPoint(Operation operation, int index, PlanBuilder plan) =>
        operation.Spec is ConvolutionSpec or MatMulSpec && operation.OutputQuantization is null && operation.Output.Type == DataType.Int32
        && operation.OptionalOperand(index) is { } operand ? plan.Read(operand.Edge, channelsLast: false) : null;

    private static MemoryDescriptor Transposed(MemoryDescriptor matrix)
    {
        int[] order = [.. Enumerable.Range(0, matrix.Rank)];
        (order[^1], order[^2]) = (order[^2], order[^1]);
        return matrix.Permute(order);
    }
}
