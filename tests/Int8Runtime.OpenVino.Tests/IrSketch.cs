// Small IR files from a list of layers.
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Int8Runtime.Graph;

namespace Int8Runtime.OpenVino.Tests;

/// <summary>Builds the text of an .xml file and the bytes of its .bin file. Layers are named by the caller; operands are layer names,
/// with <c>name:1</c> for a second result.</summary>
internal sealed class IrSketch(int version = 11)
{
    private readonly StringBuilder _layers = new(), _edges = new();
    private readonly MemoryStream _weights = new();
    private readonly Dictionary<string, (int Id, int FirstOutput, string Type, long[][] Shapes)> _known = [];

    public IrSketch Parameter(string name, string shape, string type = "f32") =>
        Layer(name, "Parameter", 1, $"shape=\"{shape}\" element_type=\"{type}\"", [], type, Extents(shape));

    public IrSketch Constant(string name, string type, string shape, params byte[] bytes)
    {
        long offset = _weights.Length;
        _weights.Write(bytes);
        return Layer(name, "Const", 1, $"element_type=\"{type}\" shape=\"{shape}\" offset=\"{offset}\" size=\"{bytes.Length}\"",
            [], type, Extents(shape));
    }

    public IrSketch Reals(string name, string shape, params float[] values) =>
        Constant(name, "f32", shape, [.. MemoryMarshal.AsBytes<float>(values)]);

    public IrSketch Longs(string name, string shape, params long[] values) =>
        Constant(name, "i64", shape, [.. MemoryMarshal.AsBytes<long>(values)]);

    public IrSketch Layer(string name, string type, int operatorSet, string data, string[] operands, string resultType,
        params long[][] shapes)
    {
        int id = _known.Count;
        _layers.Append(CultureInfo.InvariantCulture, $"<layer id=\"{id}\" name=\"{name}\" type=\"{type}\" version=\"opset{operatorSet}\">");
        if (data.Length > 0)
            _layers.Append(CultureInfo.InvariantCulture, $"<data {data}/>");
        if (operands.Length > 0)
            _layers.Append("<input>");
        for (int i = 0; i < operands.Length; i++)
        {
            string[] parts = operands[i].Split(':');
            (int from, int first, string fromType, long[][] fromShapes) = _known[parts[0]];
            int output = parts.Length > 1 ? int.Parse(parts[1], CultureInfo.InvariantCulture) : 0;
            Port(i, fromType, fromShapes[output]);
            _edges.Append(CultureInfo.InvariantCulture,
                $"<edge from-layer=\"{from}\" from-port=\"{first + output}\" to-layer=\"{id}\" to-port=\"{i}\"/>");
        }

        if (operands.Length > 0)
            _layers.Append("</input>");
        if (shapes.Length > 0)
            _layers.Append("<output>");
        for (int i = 0; i < shapes.Length; i++)
            Port(operands.Length + i, resultType, shapes[i]);
        _layers.Append(shapes.Length > 0 ? "</output></layer>" : "</layer>");
        _known.Add(name, (id, operands.Length, resultType, shapes));
        return this;
    }

    public IrSketch Result(string operand) => Layer(operand + "/result", "Result", 1, "", [operand], "f32");

    public string Xml =>
        $"<?xml version=\"1.0\"?>\n<net name=\"sketch\" "
        + $"version=\"{version}\"><layers>{_layers}</layers><edges>{_edges}</edges></net>";

    public byte[] Weights => _weights.ToArray();

    /// <summary>Writes both files and reads the model.</summary>
    public ModelGraph Load()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["model.xml"], Xml);
        File.WriteAllBytes(folder["model.bin"], Weights);
        return OpenVinoModel.Load(folder["model.xml"]);
    }

    private void Port(int id, string type, long[] extents)
    {
        _layers.Append(CultureInfo.InvariantCulture, $"<port id=\"{id}\" precision=\"{type.ToUpperInvariant()}\">");
        foreach (long extent in extents)
            _layers.Append(CultureInfo.InvariantCulture, $"<dim>{extent}</dim>");
        _layers.Append("</port>");
    }

    private static long[] Extents(string shape) => shape.Length == 0 ? [] : [.. shape.Split(',').Select(long.Parse)];
}
