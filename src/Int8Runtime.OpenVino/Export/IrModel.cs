// Layers, edges and constants of an IR that is being written.
using System.Globalization;
using System.Xml;
using Int8Runtime.Graph;
using Int8Runtime.OpenVino.Import;

namespace Int8Runtime.OpenVino.Export;

/// <summary>A result of a layer, as operand of the next one.</summary>
/// <param name="Layer">Index of the layer.</param>
/// <param name="Port">Number of the port.</param>
/// <param name="Type">Element type.</param>
/// <param name="Extents">Extents, −1 where one is free.</param>
/// <param name="Content">The content of a constant.</param>
internal sealed record IrValue(int Layer, int Port, DataType Type, long[] Extents, TensorData? Content = null);

/// <summary>
/// Collects layers; <see cref="WriteXml"/> and <see cref="WriteWeights"/> write them. The text is kept short, because for small int8 models it
/// is as large as the weights: attributes whose value is the default of the format are left out, operands are named by their number
/// only (readers take types and extents from the results that lead to them), and small constants that are equal are one layer.
/// </summary>
internal sealed class IrModel(string name)
{
    // Contents up to this size are compared, larger ones only shared where they are the same tensor.
    private const int LargestCompared = 4096;

    private readonly List<OutputLayer> _layers = [];
    private readonly HashSet<string> _names = new(StringComparer.Ordinal);
    private readonly Dictionary<TensorData, IrValue> _constants = new(new ContentComparer(comparesShape: true));

    /// <summary>Adds a layer.</summary>
    /// <param name="type">The layer type.</param>
    /// <param name="operatorSet">The number of the operator set in which the form appeared.</param>
    /// <param name="layerName">The name; made unique.</param>
    /// <param name="attributes">The attributes.</param>
    /// <param name="operands">The operands.</param>
    /// <param name="results">Types and extents of the results.</param>
    public IrValue[] Add(
        string type, int operatorSet, string layerName, IEnumerable<(string Name, object Value)> attributes,
        IReadOnlyList<IrValue> operands,
        params ReadOnlySpan<(DataType Type, long[] Extents)> results)
    {
        string unique = layerName;
        for (int i = 1; !_names.Add(unique); i++)
            unique = $"{layerName}_{i}";
        (DataType Type, long[] Extents)[] list = results.ToArray();
        _layers.Add(new OutputLayer(unique, type, operatorSet, [.. attributes.Select(a => (a.Name, Text(a.Value)))], operands, list));
        return [.. list.Select((r, i) => new IrValue(_layers.Count - 1, operands.Count + i, r.Type, r.Extents))];
    }

    /// <summary>Whether a value is computed by a layer of this name that has no other result, so that a Result can take the name from it.</summary>
    public bool IsSoleResultOf(IrValue value, string layerName) =>
        _layers[value.Layer] is { Type: not ("Const" or "Parameter"), Results.Length: 1 } layer && layer.Name == layerName;

    /// <summary>A constant: a new layer, or that of an equal one. It is written if a layer reads it.</summary>
    public IrValue Constant(string layerName, TensorData content)
    {
        if (_constants.TryGetValue(content, out IrValue? known))
            return known;
        long[] extents = [.. content.Shape.Select(e => (long)e)];
        IrValue value = Add("Const", 1, layerName,
            [("element_type", IrElementTypes.AttributeName(content.ElementType)), ("shape", extents)], [],
            (content.ElementType, extents))[0] with { Content = content };
        _layers[value.Layer] = _layers[value.Layer] with { Content = content };
        _constants.Add(content, value);
        return value;
    }

    /// <summary>Writes the .bin file.</summary>
    public void WriteWeights(Stream stream)
    {
        long position = 0;
        Span<byte> gap = stackalloc byte[8];
        gap.Clear();
        foreach ((TensorData content, long offset) in Offsets().OrderBy(entry => entry.Value))
        {
            stream.Write(gap[..(int)(offset - position)]);
            ReadOnlySpan<byte> bytes = content.StoredBytes.Span;
            stream.Write(bytes);
            position = offset + bytes.Length;
        }
    }

    /// <summary>Writes the .xml file.</summary>
    public void WriteXml(Stream stream)
    {
        Dictionary<TensorData, long> offsets = Offsets();
        bool[] isWritten = Written();
        int[] ids = new int[_layers.Count];
        for (int i = 1; i < ids.Length; i++)
            ids[i] = ids[i - 1] + (isWritten[i - 1] ? 1 : 0);
        using XmlWriter xml = XmlWriter.Create(stream);
        xml.WriteStartElement("net");
        xml.WriteAttributeString("name", name.Length > 0 ? name : "model");
        xml.WriteAttributeString("version", "11");
        xml.WriteStartElement("layers");
        for (int i = 0; i < _layers.Count; i++)
        {
            if (isWritten[i])
                WriteLayer(xml, ids[i], _layers[i], offsets);
        }

        xml.WriteEndElement();
        xml.WriteStartElement("edges");
        for (int i = 0; i < _layers.Count; i++)
        {
            for (int port = 0; port < _layers[i].Operands.Count; port++)
                WriteEdge(xml, ids[_layers[i].Operands[port].Layer], _layers[i].Operands[port].Port, ids[i], port);
        }

        xml.WriteEndElement();
        xml.WriteStartElement("rt_info");
        xml.WriteStartElement("Runtime_version");
        xml.WriteAttributeString("value", "Int8Runtime");
        xml.WriteEndElement();
        xml.WriteEndElement();
        xml.WriteEndElement();
    }

    // All layers but constants that nothing reads.
    private bool[] Written()
    {
        bool[] isWritten = [.. _layers.Select(l => l.Content is null)];
        foreach (IrValue operand in _layers.SelectMany(l => l.Operands))
            isWritten[operand.Layer] = true;
        return isWritten;
    }

    // Where the content of each constant begins, at a multiple of its elements' size; equal contents share their bytes.
    private Dictionary<TensorData, long> Offsets()
    {
        var offsets = new Dictionary<TensorData, long>(new ContentComparer(comparesShape: false));
        bool[] isWritten = Written();
        long length = 0;
        for (int i = 0; i < _layers.Count; i++)
        {
            if (!isWritten[i] || _layers[i].Content is not { } content)
                continue;
            long size = IsHalfByte(content.ElementType) ? 1 : content.ElementType.SizeInBytes(), offset = (length + size - 1) / size * size;
            if (offsets.TryAdd(content, offset))
                length = offset + StoredSize(content);
        }

        return offsets;
    }

    private static void WriteLayer(XmlWriter xml, int id, OutputLayer layer, Dictionary<TensorData, long> offsets)
    {
        xml.WriteWhitespace("\n");
        xml.WriteStartElement("layer");
        xml.WriteAttributeString("id", Number(id));
        xml.WriteAttributeString("name", layer.Name);
        xml.WriteAttributeString("type", layer.Type);
        xml.WriteAttributeString("version", $"opset{Number(layer.OperatorSet)}");
        if (layer.Attributes.Length > 0)
        {
            xml.WriteStartElement("data");
            foreach ((string attribute, string value) in layer.Attributes)
                xml.WriteAttributeString(attribute, value);
            if (layer.Content is { } content)
            {
                xml.WriteAttributeString("offset", Number(offsets[content]));
                xml.WriteAttributeString("size", Number(StoredSize(content)));
            }

            xml.WriteEndElement();
        }

        if (layer.Operands.Count > 0)
        {
            xml.WriteStartElement("input");
            for (int i = 0; i < layer.Operands.Count; i++)
            {
                xml.WriteStartElement("port");
                xml.WriteAttributeString("id", Number(i));
                xml.WriteEndElement();
            }

            xml.WriteEndElement();
        }

        WriteResults(xml, layer);
        xml.WriteEndElement();
    }

    private static void WriteResults(XmlWriter xml, OutputLayer layer)
    {
        if (layer.Results.Length == 0)
            return;
        xml.WriteStartElement("output");
        for (int i = 0; i < layer.Results.Length; i++)
        {
            (DataType type, long[] extents) = layer.Results[i];
            xml.WriteStartElement("port");
            xml.WriteAttributeString("id", Number(layer.Operands.Count + i));
            xml.WriteAttributeString("precision", IrElementTypes.PortName(type));
            foreach (long extent in extents)
                xml.WriteElementString("dim", Number(extent));
            xml.WriteEndElement();
        }

        xml.WriteEndElement();
    }

    private static void WriteEdge(XmlWriter xml, int from, int fromPort, int to, int toPort)
    {
        xml.WriteWhitespace("\n");
        xml.WriteStartElement("edge");
        xml.WriteAttributeString("from-layer", Number(from));
        xml.WriteAttributeString("from-port", Number(fromPort));
        xml.WriteAttributeString("to-layer", Number(to));
        xml.WriteAttributeString("to-port", Number(toPort));
        xml.WriteEndElement();
    }

    private static bool IsHalfByte(DataType type) => type is DataType.Int4 or DataType.UInt4;

    private static long StoredSize(TensorData content) =>
        IsHalfByte(content.ElementType) ? Nibbles.BytesOf(content.ElementCount) : (long)content.ElementCount * content.ElementType.SizeInBytes();

    private static string Text(object value) => value switch
    {
        string text => text,
        bool flag => flag ? "true" : "false",
        long integer => Number(integer),
        int integer => Number(integer),
        float real => real.ToString("R", CultureInfo.InvariantCulture),
        IEnumerable<long> integers => string.Join(',', integers.Select(Number)),
        IEnumerable<float> reals => string.Join(',', reals.Select(r => r.ToString("R", CultureInfo.InvariantCulture))),
        _ => throw new ArgumentException($"{value.GetType().Name} is no kind of attribute.", nameof(value)),
    };

    private static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);

    /// <param name="Name">The name.</param>
    /// <param name="Type">The layer type.</param>
    /// <param name="OperatorSet">The number of the operator set.</param>
    /// <param name="Attributes">The attributes, without the place of a constant's content.</param>
    /// <param name="Operands">The operands.</param>
    /// <param name="Results">Types and extents of the results.</param>
    private sealed record OutputLayer(
        string Name, string Type, int OperatorSet, (string Name, string Value)[] Attributes, IReadOnlyList<IrValue> Operands,
        (DataType Type, long[] Extents)[] Results)
    {
        /// <summary>The content of a constant.</summary>
        public TensorData? Content { get; init; }
    }

    private sealed class ContentComparer(bool comparesShape) : IEqualityComparer<TensorData>
    {
        public bool Equals(TensorData? x, TensorData? y) => ReferenceEquals(x, y)
            || (x is not null && y is not null && x.ElementType == y.ElementType && x.ElementCount == y.ElementCount && IsSmall(x)
                && (!comparesShape || x.Shape == y.Shape) && x.Bytes.Span.SequenceEqual(y.Bytes.Span));

        public int GetHashCode(TensorData content)
        {
            var hash = new HashCode();
            hash.Add(content.ElementType);
            hash.Add(content.ElementCount);
            if (IsSmall(content))   // others may have to be unpacked or computed first
                hash.AddBytes(content.Bytes.Span);
            return hash.ToHashCode();
        }

        private static bool IsSmall(TensorData content) => StoredSize(content) <= LargestCompared;
    }
}
