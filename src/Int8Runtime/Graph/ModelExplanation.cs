// How a compiled model runs, node by node.
using System.Text;
using Int8Runtime.Graph.Lowering;
using Int8Runtime.Graph.Planning;

namespace Int8Runtime.Graph;

/// <summary>How one node runs.</summary>
/// <param name="Name">The node.</param>
/// <param name="OpType">Its operator.</param>
/// <param name="Precision">Types of source, weights or second source, and destination, for example <c>u8·s8→u8</c>.</param>
/// <param name="Implementation">The kernel; <c>view</c> where nothing is computed, <c>gather</c> and the like for a loop that is
/// not generated, <c>host</c> for the portable evaluator.</param>
/// <param name="InputLayout">Layout of the source.</param>
/// <param name="OutputLayout">Layout of the result.</param>
/// <param name="FusedNodes">Other nodes that the same kernel computes.</param>
/// <param name="OutputShape">Extents of the result.</param>
/// <param name="MultiplyAccumulates">Multiplications with addition; 0 for other operations.</param>
/// <param name="Bytes">Bytes read and written, weights included.</param>
/// <param name="Notes">Why nothing better was chosen: refusals, why it is not quantized, copies.</param>
public sealed record NodeExplanation(
    string Name, string OpType, string Precision, string Implementation, string InputLayout, string OutputLayout,
    IReadOnlyList<string> FusedNodes, Shape OutputShape, long MultiplyAccumulates, long Bytes, IReadOnlyList<string> Notes)
{
    /// <summary>
    /// Layout of packed weights, which names the product: <c>brgemm:uint8:n16k4</c> multiplies pairs or quadruples of bytes
    /// (<c>int8</c> those of a signed source), <c>brgemm:int16:n16k2</c> bytes widened to words. Empty where the kernel reads
    /// weights as they are, or none.
    /// </summary>
    public string WeightsLayout { get; init; } = "";

    /// <summary>Whether the node computes with 8-bit integers.</summary>
    public bool IsInt8 { get; init; }

    /// <summary>The operator of each of <see cref="FusedNodes"/>.</summary>
    public IReadOnlyList<string> FusedOperators { get; init; } = [];

    /// <summary>What the kernel computes as a line that i8bench accepts; null where no primitive does.</summary>
    public ProblemLine? Problem { get; init; }

    /// <summary>Whether it is a quantizer or dequantizer that stands alone: no layer of the model, but a change of type between two.</summary>
    public bool IsConversion => OpType is "QuantizeLinear" or "DequantizeLinear";

    /// <summary>Whether a scalar reference or the portable evaluator computes the node.</summary>
    public bool IsSlow { get; init; }
}

/// <summary>How a compiled model runs for one set of shapes.</summary>
/// <param name="Model">The model.</param>
/// <param name="Nodes">The nodes in the order of execution; those fused into another are listed there.</param>
/// <param name="Passes">What the passes changed.</param>
/// <param name="Reorders">Number of steps that only change a layout.</param>
/// <param name="ArenaBytes">Bytes of inputs, outputs and activations of a request.</param>
/// <param name="WeightsBytes">Bytes of packed weights.</param>
public sealed record ModelExplanation(
    string Model, IReadOnlyList<NodeExplanation> Nodes, IReadOnlyList<PassEvent> Passes, int Reorders, long ArenaBytes, long WeightsBytes)
{
    /// <summary>Number of nodes that compute with 8-bit integers.</summary>
    public int Int8Nodes => Nodes.Count(n => n.IsInt8);

    /// <summary>Number of nodes that compute, views not counted.</summary>
    public int ComputingNodes => Nodes.Count(n => n.Implementation != "view");

    /// <summary>Multiplications with addition of all nodes.</summary>
    public long MultiplyAccumulates => Nodes.Sum(n => n.MultiplyAccumulates);

    /// <summary>A plain table, one line for each node.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        foreach (NodeExplanation node in Nodes)
        {
            text.Append(FormattableString.Invariant(
                $"{node.Name,-40} {node.OpType,-18} {node.Precision,-14} {node.Implementation,-32} {node.InputLayout}→{node.OutputLayout} {node.OutputShape}"));
            if (node.FusedNodes.Count > 0)
                text.Append(" + ").AppendJoin(", ", node.FusedNodes);
            foreach (string note in node.Notes)
                text.Append("\n    ").Append(note);
            text.Append('\n');
        }

        return text.Append(FormattableString.Invariant(
            $"{Int8Nodes} of {ComputingNodes} nodes in int8, {Reorders} layout changes, {ArenaBytes} bytes of activations, {WeightsBytes} bytes of weights")).ToString();
    }

    internal static ModelExplanation Of(string model, CompiledPlan compiled, IReadOnlyList<PassEvent> passes, long weightsBytes)
    {
        ExecutionPlan plan = compiled.Plan;
        ILookup<Operation, PlannedStep> steps = plan.Steps.SelectMany(s => s.Parts).Where(s => s.Operation is not null).ToLookup(s => s.Operation!);
        NodeExplanation[] nodes =
        [
            .. plan.Operations.Operations.Where(o => !PlanBuilder.IsConstant(o)).Select(o => Explain(o, [.. steps[o]])),
            .. (compiled.Tail?.Nodes ?? []).Select(Explain),
        ];
        int reorders = plan.Steps.SelectMany(s => s.Parts).Count(s => s.Operation is null);
        return new ModelExplanation(model, nodes, passes, reorders, plan.ArenaBytes, weightsBytes);
    }

    private static NodeExplanation Explain(GraphNode dynamic) => new(
        dynamic.Name, dynamic.OpType, "-", "host", "-", "-", [], [], 0, 0,
        ["runs on the portable evaluator: its shape depends on the content of the model's inputs"])
    {
        IsSlow = true,
    };

    private static NodeExplanation Explain(Operation operation, PlannedStep[] steps)
    {
        var primitives = steps.OfType<PrimitiveStep>().Select(s => s.Primitive).ToArray();
        Primitive? main = primitives.LastOrDefault();
        List<string> notes = [.. operation.Notes.Distinct()];
        foreach (Primitive primitive in primitives)
        {
            // That another algorithm is for other shapes or CPUs explains nothing, unless nothing fast is left.
            notes.AddRange(primitive.Report.Rejections
                .Where(r => primitive.Report.IsReference || r.Reason is not (RejectionReason.InstructionSet or RejectionReason.Shape))
                .Select(r => r.ToString()));
            if (primitive.Report.IsReference)
                notes.Add("runs on the scalar reference, which is slow");
        }

        (MemoryDescriptor? source, MemoryDescriptor? second, MemoryDescriptor? destination, long macs) = Facts(main?.Descriptor);
        string? kernel = steps.OfType<KernelStep>().FirstOrDefault()?.KernelName;
        bool host = operation.Spec is HostSpec && kernel is null;
        string implementation = main?.ImplementationName ?? kernel ?? (host ? "host" : steps.Length == 0 ? "view" : "copy");
        DataType input = source?.DataType ?? operation.OptionalOperand(0)?.Edge.Type ?? operation.Output.Type;
        DataType output = destination?.DataType ?? operation.Output.Type;
        string precision = input.ToShortName() + (second is null ? "" : "·" + second.DataType.ToShortName()) + "→" + output.ToShortName();
        long bytes = (source?.ElementCount * source?.DataType.SizeInBytes() ?? 0)
            + (second?.ElementCount * second?.DataType.SizeInBytes() ?? 0)
            + (destination?.ElementCount * destination?.DataType.SizeInBytes() ?? 0);
        return new NodeExplanation(
            operation.Name, operation.OpType, precision, implementation, source?.LayoutText() ?? "-", destination?.LayoutText() ?? "-",
            [.. operation.FusedNodes.Select(node => node.Name)], operation.Output.Shape, macs, bytes, notes)
        {
            WeightsLayout = second?.Packed?.Name ?? "",
            IsInt8 = implementation != "view" && input.IsInt8() && !host && operation.Spec is not ConvertSpec,
            FusedOperators = [.. operation.FusedNodes.Select(node => node.OpType)],
            Problem = main?.Report.Problem,
            IsSlow = host || primitives.Any(p => p.Report.IsReference),
        };
    }

    private static (MemoryDescriptor? Source, MemoryDescriptor? Second, MemoryDescriptor? Destination,
        long Macs) Facts(PrimitiveDescriptor? descriptor) =>
        descriptor switch
        {
            ConvolutionDescriptorBase c => (c.Source, c.Weights, c.Destination, c.MultiplyAccumulates),
            InnerProductDescriptor i => (i.Source, i.Weights, i.Destination, i.Source.Dimensions[0] * i.Weights.ElementCount),
            MatMulDescriptor m => (m.Source, m.Weights, m.Destination, m.Destination.ElementCount * m.K),
            BinaryDescriptor b => (b.Source, b.Source1, b.Destination, 0),
            IUnaryDescriptor u => (u.Source, null, u.Destination, 0),
            _ => (null, null, null, 0),
        };
}
