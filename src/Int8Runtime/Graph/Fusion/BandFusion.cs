// Convolutions around depthwise ones are computed band by band where what lies between them does not stay in the caches.
using Int8Runtime.Graph.Lowering;
using Int8Runtime.X64;

namespace Int8Runtime.Graph.Fusion;

/// <summary>
/// Finds chains of convolutions of images in which one of two neighbours is depthwise. Depthwise convolutions do little with each byte, so
/// where the tensor on either side of one is larger than the second-level cache of a core, the time goes into writing and reading that
/// tensor. Then the chain is computed for some rows at a time (<see cref="BandedConvolutions"/>), and the tensor never exists as a whole.
/// Smaller ones stay in the cache anyway, and products of few rows are slower, so they are left alone. All images of a batch count, and
/// each core has its share, but not of one tensor only. A chain ends at a tensor that the caller or another operation reads.
/// </summary>
internal sealed class BandFusion : IOperationPass
{
    // A chain is not continued where bands of so few rows of its result would not fit the cache.
    private const int FewestRows = 2;

    // Where the CPU does not tell.
    private const long UsualCacheBytes = 1 << 20;

    public string Name => "band-fusion";

    public void Run(OperationGraph graph, PassLog log)
    {
        foreach (Operation first in graph.Operations.ToArray())
        {
            if (first.Chain is not null || !IsStage(first))
                continue;
            List<Operation> chain = [first];
            while (Next(chain, graph.CacheBytes > 0 ? graph.CacheBytes : UsualCacheBytes) is { } next)
                chain.Add(next);
            if (chain.Count == 1)
                continue;
            foreach (Operation operation in chain.SkipLast(1))
                graph.MoveBefore(chain[^1], operation);
            var marked = new OperationChain(chain);
            chain.ForEach(operation => operation.Chain = marked);
            log.Add(Name, first.Name, $"goes in bands through {string.Join(", ", chain.Skip(1).Select(o => o.Name))}");
        }
    }

    private static Operation? Next(List<Operation> chain, long cacheBytes)
    {
        Operation producer = chain[^1];
        Edge between = producer.Output;
        if (between.SoleUse is not { Index: 0, Operation: var next } || next.Chain is not null || !IsStage(next)
            || !(IsDepthwise(producer) || IsDepthwise(next)) || Bytes(between) <= cacheBytes
            || producer.PostOps.OfType<FusedBinary>().Any(binary => IsResidual(producer, binary)))
            return null;

        // An integer residual is added in the memory of the result. That cannot be the memory of the chain's source, so it would be copied.
        foreach (FusedBinary residual in next.PostOps.OfType<FusedBinary>().Where(binary => IsResidual(next, binary)))
        {
            Operand other = next[residual.OperandIndex];
            if (other.Quantization is not null && new OperationChain(chain).Reads(edge => edge == other.Edge, except: null))
                return null;
        }

        BandLayer[] layers = [.. chain.Append(next).Select(Layer)];
        return BandedConvolutions.BytesOfBand(layers, BytesOfRow(next.Output), FewestRows) <= BandedConvolutions.Budget(cacheBytes)
            ? next : null;
    }

    // Weights that another operation computes are packed in every run, by a step between those of a chain.
    private static bool IsStage(Operation operation) =>
        operation is { Spec: ConvolutionSpec { IsTransposed: false }, Output.Shape.Rank: 4 } && operation[1].IsKnown();

    private static bool IsDepthwise(Operation operation) =>
        ((ConvolutionSpec)operation.Spec).Groups == operation[0].Shape[1] && operation.Output.Shape[1] == operation[0].Shape[1];

    private static bool IsResidual(Operation operation, FusedBinary binary) => operation[binary.OperandIndex].Shape == operation.Output.Shape;

    private static BandLayer Layer(Operation operation)
    {
        var spec = (ConvolutionSpec)operation.Spec;
        return new BandLayer(
            ((operation[1].Shape[2] - 1) * spec.Dilations[0]) + 1, spec.Strides[0], operation[0].Shape[2], BytesOfRow(operation[0].Edge));
    }

    private static long Bytes(Edge edge) => edge.Shape.ElementCount * edge.Type.SizeInBytes();

    private static long BytesOfRow(Edge edge) => (long)edge.Shape[1] * edge.Shape[3] * edge.Type.SizeInBytes();
}
