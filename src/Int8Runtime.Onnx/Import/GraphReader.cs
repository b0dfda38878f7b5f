// ModelContent → ModelGraph: constants, inputs, nodes in order, outputs.
using Google.Protobuf.Collections;
using Int8Runtime.Graph;
using Int8Runtime.Graph.Evaluation;
using Int8Runtime.Onnx.Proto;

namespace Int8Runtime.Onnx.Import;

/// <summary>Reads one model.</summary>
/// <remarks>Half-precision tensors become single-precision ones: constants are converted, and graph inputs and outputs
/// that are declared with 16 bits keep their type by a Cast at the border.</remarks>
internal sealed class GraphReader
{
    /// <summary>The oldest and newest operator sets whose operators are understood.</summary>
    public const int OldestOperatorSet = 7, NewestOperatorSet = 25;

    // Operators that mean the same in all sets before the oldest one.
    private static readonly string[] s_unchanged =
        ["Not", "Ceil", "Floor", "Flatten", "Identity", "Shape", "Size", "Transpose", "Unsqueeze"];

    private readonly ModelProto _model;
    private readonly TensorReader _tensors;
    private readonly ModelGraph _graph;
    private readonly ImportContext _context;
    // name in the file → value
    private readonly Dictionary<string, GraphValue> _resolved = new(StringComparer.Ordinal);
    private readonly Dictionary<GraphValue, GraphValue> _widened = [];   // half-precision input → its Cast to f32
    private readonly Dictionary<string, GraphShape> _shapeHints = new(StringComparer.Ordinal);

    private GraphReader(ModelContent content, string? directory)
    {
        ModelProto model = content.Model;
        if (model.Graph is null)
            throw new ModelFormatException("The file holds no graph: it is no ONNX model, or it is damaged.");
        _model = model;
        _tensors = new TensorReader(directory, content);
        int operatorSet = ReadOperatorSet(model);
        _graph = new ModelGraph(model.Graph.Name)
        {
            Provenance = new ModelProvenance
            {
                Format = "ONNX",
                FormatVersion = model.IrVersion,
                OperatorSet = operatorSet,
                ProducerName = model.ProducerName,
                ProducerVersion = model.ProducerVersion,
                Description = model.DocString,
                Properties = ReadProperties(model.MetadataProps),
            },
        };
        _context = new ImportContext(_graph, operatorSet);
    }

    /// <summary>Builds the graph of a model.</summary>
    /// <exception cref="ModelFormatException">The model is damaged or unsupported.</exception>
    public static ModelGraph Read(ModelContent content, string? directory) => new GraphReader(content, directory).Read();

    private ModelGraph Read()
    {
        GraphProto proto = ConstantBranches.Fold(_model.Graph, _tensors);
        if (proto.SparseInitializer.Count > 0)
            throw new UnsupportedModelException(
                $"Tensor '{proto.SparseInitializer[0].Values?.Name}' is sparse, which is not supported. Export "
                + "dense weights.");
        ReadConstants(proto);
        ReadInputs(proto);
        foreach (ValueInfoProto info in proto.ValueInfo)
        {
            if (ReadShape(info) is { } shape)
                _shapeHints.TryAdd(info.Name, shape);
        }
        Dictionary<string, DataType> halfOutputs = FindHalfOutputs(proto);
        List<NodeDraft> drafts = ReadDrafts(proto, halfOutputs);
        foreach (NodeDraft draft in drafts)
            OperatorGuard.Run(draft.Subject, draft.Name, () => NodeImporters.Find(draft.Domain, draft.OpType)(draft, _context));
        ReadOutputs(proto, halfOutputs);
        foreach (GraphValue value in _graph.Values.Where(v => v.Producer is not null && !v.IsGraphOutput))
            value.Shape = null;   // hints of the file may contradict the shapes of a request
        _graph.SortTopologically();
        _graph.RemoveDeadNodes();
        _graph.Validate();
        return _graph;
    }

    private static int ReadOperatorSet(ModelProto model)
    {
        long version = 0;
        foreach (OperatorSetIdProto set in model.OpsetImport)
        {
            if (IsStandard(set.Domain))
                version = Math.Max(version, set.Version);
        }
        if (version == 0 && model.OpsetImport.Count > 0 && model.Graph.Node.All(n => !IsStandard(n.Domain)))
            return ModelGraph.OperatorSet;   // the first node will be refused for its domain
        if (version is > 0 and < OldestOperatorSet && model.Graph.Node.All(n => s_unchanged.Contains(n.OpType)))
            return OldestOperatorSet;
        if (version < OldestOperatorSet || version > NewestOperatorSet)
        {
            string stated = version == 0 ? "The model states no ONNX operator set" : $"The model uses ONNX operator set {version}";
            throw new UnsupportedModelException(
                $"{stated}; sets {OldestOperatorSet} to {NewestOperatorSet} are supported. Export it again, or "
                + "convert it with the ONNX version converter.");
        }
        return (int)version;
    }

    private static bool IsStandard(string domain) => domain is "" or "ai.onnx";

    private static Dictionary<string, string> ReadProperties(RepeatedField<StringStringEntryProto> entries)
    {
        var properties = new Dictionary<string, string>();
        foreach (StringStringEntryProto entry in entries)
            properties[entry.Key] = entry.Value;
        return properties;
    }

    private void ReadConstants(GraphProto proto)
    {
        foreach (TensorProto tensor in proto.Initializer)
        {
            if (tensor.Name.Length == 0)
                throw new ModelFormatException("An initializer has no name. The file is damaged.");
            DefineConstant(tensor.Name, _tensors.Read(tensor, $"Tensor '{tensor.Name}'"));
        }
    }

    private void DefineConstant(string name, TensorData content)
    {
        GraphValue value = _graph.AddValue(name);
        value.SetConstant(HalfPrecision.ToSingle(content));
        _resolved.Add(name, value);
    }

    // Up to IR version 3 every initializer had to be listed as an input too; such a value is a constant.
    private void ReadInputs(GraphProto proto)
    {
        foreach (ValueInfoProto info in proto.Input)
        {
            if (_resolved.TryGetValue(info.Name, out GraphValue? known) && known.IsConstant)
                continue;
            string subject = $"Input '{info.Name}'";
            if (info.Type is { TensorType: null })
                throw new UnsupportedModelException(
                    $"{subject} is no tensor (a sequence, map or optional), which is not supported.");
            DataType type = ElementTypeCodes.ToDataType(info.Type?.TensorType.ElemType ?? 0, subject);
            GraphValue input = _graph.AddInput(info.Name, type, ReadShape(info));
            _resolved.Add(info.Name, input);
        }
    }

    // The single-precision form of a half-precision graph input, one Cast for all its uses.
    private GraphValue Widened(GraphValue input)
    {
        if (_widened.TryGetValue(input, out GraphValue? result))
            return result;
        var toSingle = new GraphAttributes { { "to", ElementTypeCodes.ToCode(DataType.Float32) } };
        result = _graph.AddOperation("Cast", input.Name + ":f32", [input], toSingle);
        result.Shape = input.Shape;
        _widened.Add(input, result);
        return result;
    }

    // Half-precision outputs, except those that a Cast delivers already.
    private static Dictionary<string, DataType> FindHalfOutputs(GraphProto proto)
    {
        var result = new Dictionary<string, DataType>(StringComparer.Ordinal);
        if (!proto.Output.Any(o => HalfPrecision.IsHalfCode(o.Type?.TensorType?.ElemType ?? 0)))
            return result;
        var used = new HashSet<string>(proto.Node.SelectMany(n => n.Input));
        var cast = new HashSet<string>(proto.Node.Where(n => n.OpType == "Cast" && n.Output.Count == 1).Select(n => n.Output[0]));
        cast.ExceptWith(used);
        foreach (ValueInfoProto info in proto.Output.Where(o => !cast.Contains(o.Name)))
        {
            int code = info.Type?.TensorType?.ElemType ?? 0;
            if (code == ElementTypeCodes.ToCode(DataType.Float16))
                result.TryAdd(info.Name, DataType.Float16);
            else if (code == ElementTypeCodes.ToCode(DataType.BFloat16))
                result.TryAdd(info.Name, DataType.BFloat16);
        }
        return result;
    }

    // Values first, so that nodes may stand in any order and see all constants.
    private List<NodeDraft> ReadDrafts(GraphProto proto, Dictionary<string, DataType> halfOutputs)
    {
        var drafts = new List<NodeDraft>(proto.Node.Count);
        var halfBorders = new HashSet<string>(proto.Output
            .Where(o => HalfPrecision.IsHalfCode(o.Type?.TensorType?.ElemType ?? 0) && !halfOutputs.ContainsKey(o.Name))
            .Select(o => o.Name));
        for (int i = 0; i < proto.Node.Count; i++)
        {
            NodeProto node = proto.Node[i];
            string name = node.Name.Length > 0
                ? node.Name
                : node.Output.FirstOrDefault(o => o.Length > 0) ?? $"{node.OpType}_{i}";
            string subject = $"Node '{name}' ({node.OpType})";
            string domain = CheckDomain(node, subject);
            if (node.Output.Count == 0)
                throw new ModelFormatException($"{subject} has no outputs. The model is damaged; export it again.");
            GraphAttributes attributes = AttributeReader.Read(node, subject, _tensors);
            bool isBorder = node.OpType == "Cast" && node.Output.Count == 1 && halfBorders.Contains(node.Output[0]);
            if (!isBorder)
                HalfPrecision.Convert(attributes);
            if (node.OpType == "Constant" && domain.Length == 0)
            {
                if (node.Output.Count != 1)
                    throw new ModelFormatException(
                        $"{subject} has {node.Output.Count} outputs instead of one. The file is damaged.");
                DefineConstant(node.Output[0], ConstantNode.Read(attributes));
                continue;
            }
            var draft = new NodeDraft(name, node.OpType, domain, attributes);
            foreach (string output in node.Output)
                draft.Outputs.Add(DefineOutput(output, halfOutputs));
            drafts.Add(draft);
        }
        ResolveInputs(proto, drafts);
        return drafts;
    }

    private GraphValue DefineOutput(string name, Dictionary<string, DataType> halfOutputs)
    {
        if (name.Length == 0)
            return _graph.AddOmittedOutput();
        GraphValue value = _graph.AddValue(halfOutputs.ContainsKey(name) ? _graph.UniqueValueName(name + ":f32") : name);
        if (!_resolved.TryAdd(name, value))
            throw new ModelFormatException(
                $"Two values have the name '{name}'. The model is damaged; export it again.");
        value.Shape = _shapeHints.GetValueOrDefault(name);
        return value;
    }

    private void ResolveInputs(GraphProto proto, List<NodeDraft> drafts)
    {
        int next = 0;
        foreach (NodeProto node in proto.Node)
        {
            if (node.OpType == "Constant" && IsStandard(node.Domain))
                continue;
            NodeDraft draft = drafts[next++];
            foreach (string input in node.Input)
            {
                if (input.Length == 0)
                    draft.Inputs.Add(null);
                else if (_resolved.TryGetValue(input, out GraphValue? value))
                    draft.Inputs.Add(HalfPrecision.IsHalf(value.ElementType) && draft.OpType != "Cast" ? Widened(value) : value);
                else
                    throw new ModelFormatException(
                        $"{draft.Subject}: input '{input}' is defined by no node, tensor or graph input. The "
                        + "model is damaged; export it again.");
            }
        }
    }

    private string CheckDomain(NodeProto node, string subject)
    {
        if (IsStandard(node.Domain))
            return "";
        if (_model.Functions.Any(f => f.Name == node.OpType && f.Domain == node.Domain))
            throw new UnsupportedModelException(
                $"{subject} calls a function of the model, which is not supported. Export the model with "
                + "functions inlined.");
        return node.Domain is NodeImporters.MicrosoftDomain or OperatorDomains.OpenVino
            ? node.Domain
            : throw new UnsupportedModelException(
                $"{subject} belongs to the operator domain '{node.Domain}', which is not supported. Export the "
                + "model with standard operators.");
    }

    private void ReadOutputs(GraphProto proto, Dictionary<string, DataType> halfOutputs)
    {
        if (proto.Output.Count == 0)
            throw new ModelFormatException("The graph has no outputs. The file is damaged.");
        var seen = new HashSet<string>();
        foreach (ValueInfoProto info in proto.Output)
        {
            if (!seen.Add(info.Name))
                throw new ModelFormatException(
                    $"The graph output '{info.Name}' is listed twice. The model is damaged; export it again.");
            if (!_resolved.TryGetValue(info.Name, out GraphValue? value))
                throw new ModelFormatException(
                    $"The graph output '{info.Name}' is defined by no node, tensor or graph input. The model is "
                    + "damaged; export it again.");
            if (info.Type is { TensorType: null })
                throw new UnsupportedModelException(
                    $"Output '{info.Name}' is no tensor (a sequence, map or optional), which is not supported.");
            if (value.Name != info.Name)
                value = RestoreHalfOutput(value, info.Name, halfOutputs);
            if (!value.IsGraphInput && !value.IsConstant)
            {
                int code = info.Type?.TensorType.ElemType ?? 0;
                value.ElementType = code == 0
                    ? DataType.Undefined
                    : ElementTypeCodes.ToDataType(code, $"Output '{info.Name}'");
                value.Shape = ReadShape(info);
            }
            _graph.AddOutput(value);
        }
    }

    private GraphValue RestoreHalfOutput(GraphValue single, string name, Dictionary<string, DataType> halfOutputs)
    {
        GraphValue output = _graph.AddValue(name);
        _graph.AddNode("Cast", [single], [output], new GraphAttributes { { "to", ElementTypeCodes.ToCode(halfOutputs[name]) } });
        return output;
    }

    private static GraphShape? ReadShape(ValueInfoProto info)
    {
        if (info.Type?.TensorType?.Shape is not { } proto)
            return null;
        var dimensions = new GraphDimension[proto.Dim.Count];
        for (int i = 0; i < dimensions.Length; i++)
        {
            TensorShapeProto.Types.Dimension dimension = proto.Dim[i];
            dimensions[i] = dimension.ValueCase switch
            {
                TensorShapeProto.Types.Dimension.ValueOneofCase.DimParam when dimension.DimParam.Length > 0 =>
                    GraphDimension.Named(dimension.DimParam),
                TensorShapeProto.Types.Dimension.ValueOneofCase.DimValue => dimension.DimValue switch
                {
                    < 0 => GraphDimension.Unknown,   // some exporters write −1 for a free dimension
                    < int.MaxValue => GraphDimension.Of((int)dimension.DimValue),
                    _ => throw new ModelFormatException(
                        $"'{info.Name}' has the dimension {dimension.DimValue}, which is out of range. The file is "
                        + "damaged."),
                },
                _ => GraphDimension.Unknown,
            };
        }
        return new GraphShape(dimensions);
    }
}
