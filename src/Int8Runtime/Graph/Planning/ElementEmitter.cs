// Poolings, resamplings, element-wise functions, softmax, LRN and reductions.
using Int8Runtime.Graph.Lowering;

namespace Int8Runtime.Graph.Planning;

/// <summary>Plans operations without weights.</summary>
internal static class ElementEmitter
{
    public static void EmitPooling(Operation operation, PoolingSpec spec, PlanBuilder plan)
    {
        Location source = plan.Read(operation[0].Edge, channelsLast: true);
        Location destination = plan.Define(operation.Output);
        var descriptor = new PoolingDescriptor
        {
            Algorithm = spec.Algorithm,
            Source = source.Descriptor,
            Destination = destination.Descriptor,
            Kernel = spec.Kernel,
            Strides = spec.Strides,
            Dilations = spec.Dilations,
            PaddingBefore = spec.Before,
            PaddingAfter = spec.After,
        };

        plan.Execute(descriptor, AttributesOf.PassThrough(operation[0].Quantization, operation.OutputQuantization),
            (ArgumentSlot.Source, source), (ArgumentSlot.Destination, destination));
    }

    public static void EmitResampling(Operation operation, ResamplingSpec spec, PlanBuilder plan)
    {
        Location source = plan.Read(operation[0].Edge, channelsLast: true);
        Location destination = plan.Define(operation.Output);
        var descriptor = new ResamplingDescriptor
        {
            Algorithm = spec.Algorithm, Rounding = spec.Rounding, Coordinates = spec.Coordinates,
            Source = source.Descriptor, Destination = destination.Descriptor,
        };
        plan.Execute(descriptor, AttributesOf.PassThrough(operation[0].Quantization, operation.OutputQuantization),
            (ArgumentSlot.Source, source), (ArgumentSlot.Destination, destination));
    }

    public static void EmitEltwise(Operation operation, EltwiseSpec spec, PlanBuilder plan)
    {
        (Location source, Location destination) = Unary(operation, plan);
        var descriptor = new EltwiseDescriptor
        {
            Algorithm = spec.Algorithm, Alpha = spec.Alpha, Beta = spec.Beta, Source = source.Descriptor,
            Destination = destination.Descriptor,
        };
        (PostOpChain postOps, List<(ArgumentSlot, Location?)> operands) = PostOpsOf(operation, plan);
        plan.Execute(descriptor, AttributesOf.Unary(operation[0].Quantization, operation.OutputQuantization) with { PostOps = postOps },
            [(ArgumentSlot.Source, source), (ArgumentSlot.Destination, destination), .. operands]);
    }

    public static void EmitSoftmax(Operation operation, SoftmaxSpec spec, PlanBuilder plan)
    {
        (Location source, Location destination) = Unary(operation, plan);
        var descriptor = new SoftmaxDescriptor
        {
            Axis = spec.Axis, Logarithm = spec.Logarithm, Source = source.Descriptor, Destination = destination.Descriptor,
        };
        plan.Execute(descriptor, PrimitiveAttributes.Default, (ArgumentSlot.Source, source), (ArgumentSlot.Destination, destination));
    }

    public static void EmitLrn(Operation operation, LrnSpec spec, PlanBuilder plan)
    {
        Location source = plan.Read(operation[0].Edge, channelsLast: true);
        Location destination = plan.Define(operation.Output);
        var descriptor = new LrnDescriptor
        {
            LocalSize = spec.Size, Alpha = spec.Alpha, Beta = spec.Beta, K = spec.K, Source = source.Descriptor,
            Destination = destination.Descriptor,
        };
        plan.Execute(descriptor, PrimitiveAttributes.Default, (ArgumentSlot.Source, source), (ArgumentSlot.Destination, destination));
    }

    public static void EmitReduction(Operation operation, ReductionSpec spec, PlanBuilder plan)
    {
        Location source = plan.LocationOf(operation[0].Edge); // any layout does
        Location destination = plan.Define(operation.Output);
        var descriptor = new ReductionDescriptor
        {
            Algorithm = spec.Algorithm, P = spec.P, Source = source.Descriptor, Destination = destination.Descriptor,
        };
        plan.Execute(descriptor, AttributesOf.Unary(operation[0].Quantization, operation.OutputQuantization),
            (ArgumentSlot.Source, source), (ArgumentSlot.Destination, destination));
    }

    public static void EmitBinary(Operation operation, BinarySpec spec, PlanBuilder plan)
    {
        bool channelsLast = plan.Layouts.IsChannelsLast(operation.Output);
        Location first = plan.Read(operation[0].Edge, channelsLast), second = plan.Read(operation[1].Edge, channelsLast);
        Location destination = plan.TryDefineInPlace(operation.Output, operation[0]) ?? plan.Define(operation.Output);
        (PostOpChain postOps, List<(ArgumentSlot, Location?)> operands) = PostOpsOf(operation, plan);
        var descriptor = new BinaryDescriptor
        {
            Algorithm = spec.Algorithm, Source = first.Descriptor, Source1 = second.Descriptor, Destination = destination.Descriptor,
        };
        PrimitiveAttributes attributes = AttributesOf.Unary(operation[0].Quantization, operation.OutputQuantization) with
        {
            Source1Scale = AttributesOf.Scale(operation[1].Quantization),
            Source1ZeroPoint = AttributesOf.Zero(operation[1].Quantization),
            PostOps = postOps,
        };
        plan.Execute(descriptor, attributes,
            [(ArgumentSlot.Source, first), (ArgumentSlot.Source1, second), (ArgumentSlot.Destination, destination), .. operands]);
    }

    // Post-ops with the tensors that they read.
    private static (PostOpChain PostOps, List<(ArgumentSlot, Location?)> Operands) PostOpsOf(Operation operation, PlanBuilder plan)
    {
        bool channelsLast = plan.Layouts.IsChannelsLast(operation.Output);
        var postOps = new List<PostOp>();
        var operands = new List<(ArgumentSlot, Location?)>();
        foreach (FusedPostOp fused in operation.PostOps)
        {
            if (fused is FusedBinary binary)
            {
                Location operand = plan.Read(operation[binary.OperandIndex].Edge, channelsLast);
                operands.Add((ArgumentSlot.PostOp0 + postOps.Count, operand));
                postOps.Add(PostOp.Binary(binary.Algorithm, operand.Descriptor));
            }
            else if (fused is FusedEltwise eltwise)
            {
                postOps.Add(PostOp.Eltwise(eltwise.Algorithm, eltwise.Alpha, eltwise.Beta));
            }
        }

        return ([.. postOps], operands);
    }

    public static void EmitPRelu(Operation operation, PlanBuilder plan)
    {
        (Location source, Location destination) = Unary(operation, plan);
        Location slopes = plan.Read(operation[1].Edge, plan.Layouts.IsChannelsLast(operation.Output));
        var descriptor = new PReluDescriptor { Source = source.Descriptor, Slopes = slopes.Descriptor,
            Destination = destination.Descriptor };
        plan.Execute(descriptor, AttributesOf.Unary(operation[0].Quantization, operation.OutputQuantization),
            (ArgumentSlot.Source, source), (ArgumentSlot.Source1, slopes), (ArgumentSlot.Destination, destination));
    }

    public static void EmitSum(Operation operation, SumSpec spec, PlanBuilder plan)
    {
        bool channelsLast = plan.Layouts.IsChannelsLast(operation.Output);
        Location[] sources = [.. operation.Operands.Select(operand => plan.Read(operand!.Edge, channelsLast))];
        Location destination = plan.Define(operation.Output);
        var descriptor = new SumDescriptor
        {
            Sources = [.. sources.Select(source => source.Descriptor)],
            Scales = [.. Enumerable.Repeat(spec.Factor, sources.Length)],
            Destination = destination.Descriptor,
        };
        plan.Execute(descriptor, AttributesOf.Unary(null, operation.OutputQuantization),
            [.. sources.Select((source, i) => (ArgumentSlot.PostOp0 + i, (Location?)source)), (ArgumentSlot.Destination, destination)]);
    }

    public static void EmitSelect(Operation operation, PlanBuilder plan)
    {
        // Nothing reorders booleans: the condition is read as it lies.
        bool channelsLast = plan.Layouts.IsChannelsLast(operation.Output);
        Location condition = plan.Read(operation[0].Edge, channelsLast: false);
        Location source = plan.Read(operation[1].Edge, channelsLast), other = plan.Read(operation[2].Edge, channelsLast);
        Location destination = plan.Define(operation.Output);
        var descriptor = new SelectDescriptor
        {
            Source = source.Descriptor, Source1 = other.Descriptor, Condition = condition.Descriptor.WithDataType(DataType.Int8),
            Destination = destination.Descriptor,
        };
        plan.Execute(descriptor, AttributesOf.Unary(null, operation.OutputQuantization),
            (ArgumentSlot.Source, source), (ArgumentSlot.Source1, other), (ArgumentSlot.Condition, condition),
            (ArgumentSlot.Destination, destination));
    }

    private static (Location Source, Location Destination) Unary(Operation operation, PlanBuilder plan)
    {
        Location source = plan.Read(operation[0].Edge, plan.Layouts.IsChannelsLast(operation.Output));
        return (source, plan.TryDefineInPlace(operation.Output, operation[0]) ?? plan.Define(operation.Output));
    }
}
