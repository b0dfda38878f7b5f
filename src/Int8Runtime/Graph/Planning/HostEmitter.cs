// Nodes without a primitive.
using Int8Runtime.Graph.Lowering;

namespace Int8Runtime.Graph.Planning;

/// <summary>Plans steps of the portable evaluator.</summary>
internal static class HostEmitter
{
    public static void Emit(Operation operation, HostSpec spec, PlanBuilder plan)
    {
        var sources = new List<Location?>();
        var constants = new List<TensorData?>();
        foreach (Operand? operand in operation.Operands)
        {
            constants.Add(operand?.Edge.Constant);
            sources.Add(operand is null || operand.Edge.Constant is not null ? null : plan.Read(operand.Edge, channelsLast: false));
        }

        Location[] results = [.. operation.Outputs.Select(plan.Define)];
        if (HostKernel.Of(spec.Node) is { } kernel)
        {
            plan.AddStep(new KernelStep(spec.Node.Name, kernel, sources, constants, results));
            return;
        }

        operation.Notes.Add($"runs on the portable evaluator: {spec.Reason}");
        plan.AddStep(new HostStep(spec.Node, sources, constants, results));
    }

    /// <summary>Channels are last, in the source and in the result; both may be channels of a wider tensor.</summary>
    public static void EmitGridSample(Operation operation, GridSampleSpec spec, PlanBuilder plan)
    {
        TensorData? grid = operation[1].Edge.Constant;
        Location source = plan.Read(operation[0].Edge, channelsLast: true), result = plan.Define(operation.Output);
        var kernel = new GridSampleKernel(
            spec.View, GridSampleKernel.PixelDistance(source.Descriptor), GridSampleKernel.PixelDistance(result.Descriptor));
        plan.AddStep(new KernelStep(operation.Name, kernel,
            [source, grid is null ? plan.Read(operation[1].Edge, channelsLast: false) : null], [null, grid], [result]));
    }
}
