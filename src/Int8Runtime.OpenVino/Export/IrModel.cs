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

/// <summary>Collects layers; <see cref="WriteXml"/> and <see cref="WriteWeights"/> write them.</summary>
internal sealed class IrModel(string name)
{
    private const int Alignment = 64;

    private readonly List<OutputLayer> _layers = [];
    private readonly HashSet<string> _names = new(StringComparer.Ordinal);
    private readonly Dictionary<(TensorData Content, DataType Type), long> _offsets = new(new ContentComparer());
    private readonly List<(long Offset, TensorData Content)> _contents = [];
    private long _length;

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

    /// <summary>Adds a constant; equal contents share their bytes.</summary>
    public IrValue Constant(string layerName, TensorData content)
    {
        var key = (content, content.ElementType);
        long size = content.ElementType is DataType.Int4 or DataType.UInt4 ? (content.ElementCount + 1L) / 2 : content.Bytes.Length;
        if (!_offsets.TryGetValue(key, out long offset))
        {
            offset = (_length + Alignment - 1) / Alignment * Alignment;
            if (size < Alignment)
                offset = _length;   // numbers need no alignment
            _offsets.Add(key, offset);
            _contents.Add((offset, content));
            _length = offset + size;
        }

        long[] extents = [.. content.Shape.Select(e => (long)e)];
        IrValue value = Add("Const", 1, layerName,
        [
            ("element_type", IrElementTypes.AttributeName(content.ElementType)), ("shape", string.Join(", ", extents)),
            ("offset", offset), ("size", size),
        ], [], (content.ElementType, extents))[0];
        return value with { Content = content };
    }

    /// <summary>Writes the .bin file.</summary>
    public void WriteWeights(Stream stream)
    {
        long position = 0;
        Span<byte> gap = stackalloc byte[Alignment];
        gap.Clear();
        foreach ((long offset, TensorData content) in _contents)
        {
            stream.Write(gap[..(int)(offset - position)]);
            ReadOnlySpan<byte> bytes = content.ElementType is DataType.Int4 or DataType.UInt4
                ? Halves(content.Bytes.Span) : content.Bytes.Span;
            stream.Write(bytes);
            position = offset + bytes.Length;
        }
    }

    // Two elements of 4 bits in a byte, the first one in the lower half.
    private static byte[] Halves(ReadOnlySpan<byte> elements)
    {
        var packed = new byte[(elements.Length + 1) / 2];
        for (int i = 0; i < elements.Length; i++)
            packed[i / 2] |= (byte)((elements[i] & 15) << (i % 2 * 4));
        return packed;
    }

    /// <summary>Writes the .xml file.</summary>
    public void WriteXml(Stream stream)
    {
        using XmlWriter xml = XmlWriter.Create(stream, new XmlWriterSettings { Indent = true, IndentChars = "\t" });
        xml.WriteStartElement("net");
        xml.WriteAttributeString("name", name.Length > 0 ? name : "model");
        xml.WriteAttributeString("version", "11");
        xml.WriteStartElement("layers");
        for (int i = 0; i < _layers.Count; i++)
            WriteLayer(xml, i, _layers[i]);
        xml.WriteEndElement();
        xml.WriteStartElement("edges");
        for (int i = 0; i < _layers.Count; i++)
        {
            for (int port = 0; port < _layers[i].Operands.Count; port++)
                WriteEdge(xml, _layers[i].Operands[port], i, port);
        }

        xml.WriteEndElement();
        xml.WriteStartElement("rt_info");
        xml.WriteStartElement("Runtime_version");
        xml.WriteAttributeString("value", "Int8Runtime");
        xml.WriteEndElement();
        xml.WriteEndElement();
        xml.WriteEndElement();
    }

    private static void WriteLayer(XmlWriter xml, int id, OutputLayer layer)
    {
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
            xml.WriteEndElement();
        }

        WritePorts(xml, "input", 0, layer.Operands.Select(o => (o.Type, o.Extents)));
        WritePorts(xml, "output", layer.Operands.Count, layer.Results);
        xml.WriteEndElement();
    }

    private static void WritePorts(XmlWriter xml, string kind, int first, IEnumerable<(DataType Type, long[] Extents)> ports)
    {
        int id = first;
        foreach ((DataType type, long[] extents) in ports)
        {
            if (id == first)
                xml.WriteStartElement(kind);
            xml.WriteStartElement("port");
            xml.WriteAttributeString("id", Number(id++));
            xml.WriteAttributeString("precision", IrElementTypes.PortName(type));
            foreach (long extent in extents)
                xml.WriteElementString("dim", Number(extent));
            xml.WriteEndElement();
        }

        if (id > first)
            xml.WriteEndElement();
    }

    private static void WriteEdge(XmlWriter xml, IrValue from, int layer, int port)
    {
        xml.WriteStartElement("edge");
        xml.WriteAttributeString("from-layer", Number(from.Layer));
        xml.WriteAttributeString("from-port", Number(from.Port));
        xml.WriteAttributeString("to-layer", Number(layer));
        xml.WriteAttributeString("to-port", Number(port));
        xml.WriteEndElement();
    }

    private static string Text(object value) => value switch
    {
        string text => text,
        bool flag => flag ? "true" : "false",
        long integer => Number(integer),
        int integer => Number(integer),
        float real => real.ToString("R", CultureInfo.InvariantCulture),
        IEnumerable<long> integers => string.Join(", ", integers.Select(Number)),
        IEnumerable<float> reals => string.Join(", ", reals.Select(r => r.ToString("R", CultureInfo.InvariantCulture))),
        _ => throw new ArgumentException($"{value.GetType().Name} is no kind of attribute.", nameof(value)),
    };

    private static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);

    private sealed record OutputLayer(
        string Name, string Type, int OperatorSet, (string Name, string Value)[] Attributes, IReadOnlyList<IrValue> Operands,
        (DataType Type, long[] Extents)[] Results);

    // Small contents are compared, large ones by reference.
    private sealed class ContentComparer : IEqualityComparer<(TensorData Content, DataType Type)>
    {
        private const int Small = 4096;

        public bool Equals((TensorData Content, DataType Type) x, (TensorData Content, DataType Type) y) =>
            ReferenceEquals(x.Content, y.Content)
            || (x.Type == y.Type && x.Content.Bytes.Length == y.Content.Bytes.Length && x.Content.Bytes.Length <= Small
                && x.Content.Bytes.Span.SequenceEqual(y.Content.Bytes.Span));

        public int GetHashCode((TensorData Content, DataType Type) key)
        {
            var hash = new HashCode();
            hash.Add(key.Type);
            hash.AddBytes(key.Content.Bytes.Span[..Math.Min(key.Content.Bytes.Length, 64)]);
            return hash.ToHashCode();
        }
    }
}
