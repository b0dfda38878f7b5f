// If nodes whose condition the file decides.
using Google.Protobuf;
using Int8Runtime.Graph;
using Int8Runtime.Onnx.Proto;

namespace Int8Runtime.Onnx.Tests;

public sealed class ConstantBranchTests
{
    [Theory]
    [InlineData(true, false, "Relu")]
    [InlineData(false, false, "Neg")]
    [InlineData(true, true, "Neg")]
    public void The_branch_that_is_taken_replaces_the_node(bool condition, bool negated, string opType)
    {
        ModelGraph graph = Load(condition, negated);
        Assert.DoesNotContain(graph.Nodes, node => node.OpType == "If");
        GraphNode branch = Assert.Single(graph.Nodes, node => node.OpType is "Relu" or "Neg");
        Assert.Equal(opType, branch.OpType);
        Assert.True(branch.Inputs[0]!.IsGraphInput);
    }

    [Fact]
    public void Branches_nest_and_see_the_values_around_them()
    {
        // Both branches of the inner node read "t", which the outer branch defines and which also is a value of the graph.
        GraphProto outer = Branch("then", "result", Node("Abs", "x", "t"),
            If("c", "result", Branch("a", "y", Node("Exp", "t", "y")), Branch("b", "y", Node("Sqrt", "t", "y"))));
        ModelProto model = Model(Node("Tanh", "x", "t"), If("c", "inner", outer, Branch("else", "t")), Node("Add", "inner", "t", "out"));
        model.Graph.Initializer.Add(Boolean("c", true));
        ModelGraph graph = OnnxModel.Load(model.ToByteArray());
        Assert.Equal(["Abs", "Add", "Exp", "Tanh"], graph.Nodes.Select(node => node.OpType).Where(type => type != "Identity").Order());
        GraphNode exponential = graph.Nodes.Single(node => node.OpType == "Exp");
        Assert.Equal("Abs", exponential.Inputs[0]!.Producer!.OpType);
    }

    [Fact]
    public void Conditions_that_inputs_decide_are_refused()
    {
        ModelProto model = Model(If("x", "out", Branch("then", "x"), Branch("else", "x")));
        Assert.Contains(
            "constant condition", Assert.Throws<UnsupportedModelException>(() => OnnxModel.Load(model.ToByteArray())).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void An_initializer_without_a_name_is_refused()
    {
        GraphProto branch = Branch("then", "y", Node("Relu", "x", "y"));
        branch.Initializer.Add(Boolean("", true));
        ModelProto model = Model(If("c", "out", branch, Branch("else", "x")));
        model.Graph.Initializer.Add(Boolean("c", true));
        Assert.Contains("no name", Assert.Throws<ModelFormatException>(() => OnnxModel.Load(model.ToByteArray())).Message,
            StringComparison.Ordinal);
    }

    private static ModelGraph Load(bool condition, bool negated)
    {
        var nodes = new List<NodeProto>();
        if (negated)
            nodes.Add(Node("Not", "c", "n"));
        nodes.Add(If(negated ? "n" : "c", "out", Branch("then", "y", Node("Relu", "x", "y")), Branch("else", "y", Node("Neg", "x", "y"))));
        ModelProto model = Model([.. nodes]);
        model.Graph.Initializer.Add(Boolean("c", condition));
        return OnnxModel.Load(model.ToByteArray());
    }

    private static ModelProto Model(params NodeProto[] nodes) => new()
    {
        IrVersion = 8,
        OpsetImport = { new OperatorSetIdProto { Version = 17 } },
        Graph = new GraphProto { Name = "g", Node = { nodes }, Input = { Value("x") }, Output = { Value("out") } },
    };

    private static ValueInfoProto Value(string name) => new()
    {
        Name = name,
        Type = new TypeProto
        {
            TensorType = new TypeProto.Types.Tensor
            {
                ElemType = ElementTypeCodes.ToCode(DataType.Float32),
                Shape = new TensorShapeProto { Dim = { new TensorShapeProto.Types.Dimension { DimValue = 3 } } },
            },
        },
    };

    private static GraphProto Branch(string name, string output, params NodeProto[] nodes) =>
        new() { Name = name, Node = { nodes }, Output = { new ValueInfoProto { Name = output } } };

    private static NodeProto Node(string opType, params string[] values) =>
        new() { OpType = opType, Name = values[^1], Input = { values[..^1] }, Output = { values[^1] } };

    private static NodeProto If(string condition, string output, GraphProto then, GraphProto otherwise) => new()
    {
        OpType = "If", Name = output, Input = { condition }, Output = { output },
        Attribute =
        {
            new AttributeProto { Name = "then_branch", Type = AttributeProto.Types.Kind.Graph, G = then },
            new AttributeProto { Name = "else_branch", Type = AttributeProto.Types.Kind.Graph, G = otherwise },
        },
    };

    private static TensorProto Boolean(string name, bool value) => new()
    {
        Name = name, DataType = ElementTypeCodes.ToCode(DataType.Boolean), RawData = ByteString.CopyFrom([(byte)(value ? 1 : 0)]),
    };
}
