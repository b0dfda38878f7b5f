// The .xml file of an IR as layers, ports and edges.
using System.Globalization;
using System.Xml;
using System.Xml.Linq;
using Int8Runtime.Graph;

namespace Int8Runtime.OpenVino.Import;

/// <summary>A port of a layer.</summary>
/// <param name="Id">The number by which edges name it.</param>
/// <param name="Precision">The element type as the file spells it; empty where it says nothing.</param>
/// <param name="Dimensions">The extents, −1 where one is free.</param>
/// <param name="Names">Names of the tensor, from version 11 on.</param>
internal sealed record IrPort(string Id, string Precision, IReadOnlyList<long> Dimensions, string Names);

/// <summary>One layer of the file.</summary>
internal sealed record IrLayer(string Id, string Name, string Type, string Version)
{
    /// <summary>The attributes of the <c>data</c> element.</summary>
    public required IReadOnlyDictionary<string, string> Data { get; init; }

    /// <summary>The operands in order.</summary>
    public required IReadOnlyList<IrPort> Inputs { get; init; }

    /// <summary>The results in order.</summary>
    public required IReadOnlyList<IrPort> Outputs { get; init; }

    /// <summary>
    /// The number of the operator set in which this form of the operator appeared; 0 where the version is of another kind.
    /// </summary>
    public int OperatorSet => Version.StartsWith("opset", StringComparison.Ordinal)
        && int.TryParse(Version.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : 0;

    /// <summary>Opens the messages of exceptions.</summary>
    public override string ToString() => $"Layer '{Name}' ({Type}, {(Version.Length > 0 ? Version : "no version")})";
}

/// <summary>The result port that an operand reads.</summary>
internal readonly record struct IrSource(IrLayer Layer, int Port);

/// <summary>The content of an .xml file.</summary>
internal sealed class IrDocument
{
    private const long MaximumCharacters = 1L << 30;

    private readonly Dictionary<(string Layer, string Port), IrSource> _sources = [];

    private IrDocument(XElement net, int version)
    {
        Name = (string?)net.Attribute("name") ?? "";
        Version = version;
        Layers = [.. Required(net, "layers").Elements("layer").Select(ReadLayer)];
        Dictionary<string, IrLayer> byId = [];
        foreach (IrLayer layer in Layers)
        {
            if (!byId.TryAdd(layer.Id, layer))
                throw Damaged($"two layers have the id {layer.Id}");
        }

        foreach (XElement edge in Required(net, "edges").Elements("edge"))
            ReadEdge(edge, byId);
    }

    /// <summary>The name of the model.</summary>
    public string Name { get; }

    /// <summary>The version of the format, 10 or 11.</summary>
    public int Version { get; }

    /// <summary>The layers in the order of the file.</summary>
    public IReadOnlyList<IrLayer> Layers { get; }

    /// <summary>Reads a file; document types and external entities are refused.</summary>
    /// <exception cref="ModelFormatException">It is no IR of version 10 or 11, or it is damaged.</exception>
    public static IrDocument Read(Stream stream)
    {
        var settings = new XmlReaderSettings
        {
            DtdProcessing = DtdProcessing.Prohibit, XmlResolver = null, MaxCharactersInDocument = MaximumCharacters,
        };
        XElement net;
        try
        {
            using XmlReader reader = XmlReader.Create(stream, settings);
            net = XDocument.Load(reader).Root!;
        }
        catch (XmlException exception)
        {
            throw new ModelFormatException(
                $"The file is no XML, or it is damaged or cut off ({exception.Message.TrimEnd('.')}). Copy or export it again.", exception);
        }

        if (net.Name.LocalName != "net")
            throw new ModelFormatException($"The file is no OpenVINO IR: its root is <{net.Name.LocalName}> instead of <net>.");
        string version = (string?)net.Attribute("version") ?? "none";
        return version is "10" or "11"
            ? new IrDocument(net, int.Parse(version, CultureInfo.InvariantCulture))
            : throw new UnsupportedModelException(
                $"The IR has version {version}; versions 10 and 11 are supported. Convert the original model with a newer OpenVINO.");
    }

    /// <summary>What an operand of a layer reads.</summary>
    /// <exception cref="ModelFormatException">Nothing leads to it.</exception>
    public IrSource SourceOf(IrLayer layer, int input) =>
        _sources.TryGetValue((layer.Id, layer.Inputs[input].Id), out IrSource source)
            ? source
            : throw Damaged($"no edge leads to input {input} of {layer}");

    private static IrLayer ReadLayer(XElement element)
    {
        string name = (string?)element.Attribute("name") ?? "";
        return new IrLayer(
            (string?)element.Attribute("id") ?? throw Damaged($"the layer '{name}' has no id"), name,
            (string?)element.Attribute("type") ?? throw Damaged($"the layer '{name}' has no type"),
            (string?)element.Attribute("version") ?? "")
        {
            Data = element.Element("data")?.Attributes().Where(a => a.Name.NamespaceName.Length == 0)
                .ToDictionary(a => a.Name.LocalName, a => a.Value) ?? [],
            Inputs = ReadPorts(element, "input", name),
            Outputs = ReadPorts(element, "output", name),
        };
    }

    private static IrPort[] ReadPorts(XElement layer, string kind, string name) =>
    [
        .. (layer.Element(kind)?.Elements("port") ?? []).Select(port => new IrPort(
            (string?)port.Attribute("id") ?? throw Damaged($"a port of the layer '{name}' has no id"),
            (string?)port.Attribute("precision") ?? "",
            [.. port.Elements("dim").Select(dim => IrText.Integer(dim.Value)
                ?? throw Damaged($"the layer '{name}' has the dimension '{dim.Value}'"))],
            (string?)port.Attribute("names") ?? "")),
    ];

    private void ReadEdge(XElement edge, Dictionary<string, IrLayer> byId)
    {
        string Attribute(string name) => (string?)edge.Attribute(name) ?? throw Damaged($"an edge has no '{name}'");
        IrLayer Layer(string id) => byId.GetValueOrDefault(id) ?? throw Damaged($"an edge names the layer {id}, which does not exist");
        IrLayer from = Layer(Attribute("from-layer")), to = Layer(Attribute("to-layer"));
        string fromPort = Attribute("from-port"), toPort = Attribute("to-port");
        int output = from.Outputs.Select((port, i) => (port, i)).Where(p => p.port.Id == fromPort).Select(p => p.i).FirstOrDefault(-1);
        if (output < 0)
            throw Damaged($"an edge begins at port {fromPort} of {from}, which it does not have");
        if (to.Inputs.All(port => port.Id != toPort))
            throw Damaged($"an edge ends at port {toPort} of {to}, which it does not have");
        if (!_sources.TryAdd((to.Id, toPort), new IrSource(from, output)))
            throw Damaged($"two edges lead to port {toPort} of {to}");
    }

    private static XElement Required(XElement net, string name) =>
        net.Element(name) ?? throw Damaged($"the element <{name}> is missing");

    private static ModelFormatException Damaged(string defect) =>
        new($"The IR is damaged: {defect}. Copy or export it again.");
}
