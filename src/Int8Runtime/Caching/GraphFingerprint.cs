// A digest of everything in a graph that compilation reads.
using System.Buffers.Binary;
using System.Security.Cryptography;
using Int8Runtime.Graph;

namespace Int8Runtime.Caching;

/// <summary>
/// SHA-256 of a graph: nodes, names, types, shapes, attributes and the content of constants, large ones by their <see cref="DigestKey"/>.
/// Only a digest that nobody can aim at will do, since a model that collides with another one would run with that one's weights.
/// </summary>
internal static class GraphFingerprint
{
    // Constants up to this size are part of the text; larger ones are digested in pieces, on all cores.
    private const int Inline = 256;
    private const int Piece = 1 << 20;

    /// <summary>Computes the digest.</summary>
    /// <param name="graph">The model.</param>
    /// <param name="key">The key of the cache.</param>
    public static byte[] Of(ModelGraph graph, DigestKey key)
    {
        GraphValue[] constants = [.. graph.Values.Where(v => v.IsConstant).OrderBy(v => v.Name, StringComparer.Ordinal)];
        Dictionary<TensorData, byte[]> digests = Digests(LargeTensors(graph, constants), key);
        using var text = new MemoryStream();
        using var writer = new BinaryWriter(text);
        writer.Write(graph.Name);
        foreach (GraphValue input in graph.Inputs)
            Write(writer, 'i', input);
        foreach (GraphValue output in graph.Outputs)
            Write(writer, 'o', output);
        foreach (GraphValue constant in constants)
        {
            Write(writer, 'c', constant);
            Write(writer, constant.Constant!, digests);
        }

        foreach (GraphNode node in graph.Nodes)
            Write(writer, node, digests);
        writer.Flush();
        return SHA256.HashData(text.GetBuffer().AsSpan(0, (int)text.Length));
    }

    // Each once, although several values may share it.
    private static HashSet<TensorData> LargeTensors(ModelGraph graph, GraphValue[] constants)
    {
        var large = new HashSet<TensorData>(ReferenceEqualityComparer.Instance);
        foreach (GraphValue constant in constants)
            AddIfLarge(constant.Constant);
        foreach (GraphNode node in graph.Nodes)
            foreach ((_, object value) in node.Attributes)
                AddIfLarge(value as TensorData);
        return large;

        void AddIfLarge(TensorData? tensor)
        {
            if (tensor?.ByteCount > Inline)
                large.Add(tensor);
        }
    }

    private static Dictionary<TensorData, byte[]> Digests(HashSet<TensorData> tensors, DigestKey key)
    {
        var pieces = new List<(TensorData Tensor, ReadOnlyMemory<byte> Content)>();
        foreach (TensorData tensor in tensors)
        {
            ReadOnlyMemory<byte> content = tensor.HeldBytes; // weights of 4 bits are not unpacked for this
            for (int start = 0; start < content.Length; start += Piece)
                pieces.Add((tensor, content.Slice(start, Math.Min(Piece, content.Length - start))));
        }

        var parts = new byte[pieces.Count][];
        System.Threading.Tasks.Parallel.For(0, parts.Length, i => parts[i] = key.Digest(pieces[i].Content.Span));
        var digests = new Dictionary<TensorData, byte[]>(ReferenceEqualityComparer.Instance);
        for (int i = 0; i < parts.Length; i++)
        {
            TensorData tensor = pieces[i].Tensor;
            digests[tensor] = digests.TryGetValue(tensor, out byte[]? before) ? [.. before, .. parts[i]] : parts[i];
        }

        return digests;
    }

    private static void Write(BinaryWriter writer, char role, GraphValue value)
    {
        writer.Write(role);
        writer.Write(value.Name);
        writer.Write((int)value.ElementType);
        writer.Write(value.Shape?.ToString() ?? "");
    }

    private static void Write(BinaryWriter writer, TensorData tensor, Dictionary<TensorData, byte[]> digests)
    {
        writer.Write((int)tensor.ElementType);
        writer.Write(tensor.Shape.Rank);
        foreach (int extent in tensor.Shape.Span)
            writer.Write(extent);
        writer.Write(digests.TryGetValue(tensor, out byte[]? digest) ? digest : tensor.Bytes.Span);
    }

    private static void Write(BinaryWriter writer, GraphNode node, Dictionary<TensorData, byte[]> digests)
    {
        writer.Write('n');
        writer.Write(node.Name);
        writer.Write(node.OpType);
        writer.Write(node.Domain);
        writer.Write(node.Inputs.Count);
        foreach (GraphValue? input in node.Inputs)
            writer.Write(input is null ? "" : input.Name);
        writer.Write(node.Outputs.Count);
        foreach (GraphValue output in node.Outputs)
        {
            Write(writer, 'v', output);
            writer.Write(output.IsOmitted);
        }

        writer.Write(node.Attributes.Count);
        foreach ((string name, object value) in node.Attributes) // sorted by name
        {
            writer.Write(name);
            Write(writer, value, digests);
        }
    }

    private static void Write(BinaryWriter writer, object attribute, Dictionary<TensorData, byte[]> digests)
    {
        switch (attribute)
        {
            case long value:
                writer.Write('l');
                writer.Write(value);
                break;
            case float value:
                writer.Write('f');
                writer.Write(value);
                break;
            case string value:
                writer.Write('s');
                writer.Write(value);
                break;
            case TensorData tensor:
                writer.Write('t');
                Write(writer, tensor, digests);
                break;
            case long[] values:
                writer.Write('L');
                writer.Write(values.Length);
                Array.ForEach(values, writer.Write);
                break;
            case float[] values:
                writer.Write('F');
                writer.Write(values.Length);
                Array.ForEach(values, writer.Write);
                break;
            case string[] values:
                writer.Write('S');
                writer.Write(values.Length);
                Array.ForEach(values, writer.Write);
                break;
            default:
                throw new ArgumentException($"{attribute.GetType().Name} is not an attribute kind.");
        }
    }
}
