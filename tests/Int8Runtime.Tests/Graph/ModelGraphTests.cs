// Editing of graphs keeps uses, names and order consistent.
using Int8Runtime.Graph;
using Int8Runtime.Graph.Passes;

namespace Int8Runtime.Tests.Graph;

public sealed class ModelGraphTests
{
    private readonly ModelGraph _graph = new("test");
    private readonly GraphValue _input;

    public ModelGraphTests() => _input = _graph.AddInput("x", DataType.Float32, GraphShape.Of([2, 3]));

    [Fact]
    public void Uses_follow_every_edit()
    {
        GraphValue a = _graph.AddOperation("Relu", "a", [_input]);
        GraphValue b = _graph.AddOperation("Add", "b", [a, a]);
        _graph.AddOutput(b);
        Assert.Equal([0, 1], a.Uses.Select(u => u.InputIndex));
        b.Producer!.SetInput(1, _input);
        Assert.Single(a.Uses);
        Assert.Equal(b.Producer, a.SoleConsumer);
        _graph.ReplaceUses(a, _input);
        Assert.Empty(a.Uses);
        Assert.Equal(1, _graph.RemoveDeadNodes());
        Assert.False(_graph.TryGetValue("a", out _));
        _graph.Validate();
    }

    [Fact]
    public void Outputs_keep_their_names_when_replaced()
    {
        GraphValue a = _graph.AddOperation("Relu", "a", [_input]);
        GraphValue b = _graph.AddOperation("Identity", "b", [a]);
        _graph.AddOutput(b);
        Assert.Equal(1, GraphCleanup.RemovePassThrough(_graph));
        GraphValue output = Assert.Single(_graph.Outputs);
        Assert.Equal("b", output.Name);
        Assert.Equal("Relu", output.Producer!.OpType);
        _graph.Validate();
    }

    [Fact]
    public void Pass_through_from_input_to_output_stays()
    {
        _graph.AddOutput(_graph.AddOperation("Identity", "y", [_input]));
        Assert.Equal(0, GraphCleanup.Run(_graph));
        Assert.Single(_graph.Nodes);
    }

    [Fact]
    public void Sorting_restores_the_order_and_finds_cycles()
    {
        GraphValue late = _graph.AddValue("late");
        GraphValue sum = _graph.AddOperation("Add", "sum", [_input, late]);
        GraphNode source = _graph.AddNode("Relu", [_input], [late]);
        _graph.AddOutput(sum);
        Assert.Throws<ModelFormatException>(_graph.Validate);
        _graph.SortTopologically();
        Assert.Equal(source, _graph.Nodes[0]);
        _graph.Validate();
        source.SetInput(0, sum);
        Assert.Contains("cycle", Assert.Throws<ModelFormatException>(_graph.SortTopologically).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_value_is_defined_once()
    {
        GraphValue a = _graph.AddOperation("Relu", "a", [_input]);
        Assert.Throws<ModelFormatException>(() => _graph.AddNode("Relu", [_input], [a]));
        Assert.Throws<ModelFormatException>(() => _graph.AddNode("Relu", [a], [_input]));
        Assert.Throws<ModelFormatException>(() => _graph.AddValue("a"));
        Assert.Throws<InvalidOperationException>(() => a.SetConstant(TensorData.Scalar(1f)));
    }

    [Fact]
    public void Nodes_can_be_inserted_before_others()
    {
        GraphValue a = _graph.AddOperation("Relu", "a", [_input]);
        GraphValue b = _graph.AddOperation("Neg", "b", [a]);
        _graph.AddOutput(b);
        GraphValue between = _graph.AddOperation("Abs", "between", [a], before: b.Producer);
        b.Producer!.SetInput(0, between);
        Assert.Equal(["Relu", "Abs", "Neg"], _graph.Nodes.Select(n => n.OpType));
        _graph.Validate();
    }

    [Fact]
    public void Duplicates_merge_across_equal_constants()
    {
        GraphValue one = _graph.AddConstant("one", TensorData.Scalar(1f)), same = _graph.AddConstant("same", TensorData.Scalar(1f));
        GraphValue a = _graph.AddOperation("Add", "a", [_input, one]), b = _graph.AddOperation("Add", "b", [_input, same]);
        GraphValue c = _graph.AddOperation("Mul", "c", [a, b]);
        _graph.AddOutput(c);
        Assert.Equal(1, GraphCleanup.MergeDuplicates(_graph));
        Assert.Equal(c.Producer!.Inputs[0], c.Producer.Inputs[1]);
        Assert.Equal(2, _graph.Nodes.Count);
        _graph.Validate();
    }

    [Fact]
    public void Different_attributes_keep_nodes_apart()
    {
        GraphValue a = _graph.AddOperation("Softmax", "a", [_input], new GraphAttributes { { "axis", 0 } });
        GraphValue b = _graph.AddOperation("Softmax", "b", [_input], new GraphAttributes { { "axis", 1 } });
        _graph.AddOutput(_graph.AddOperation("Add", "c", [a, b]));
        Assert.Equal(0, GraphCleanup.MergeDuplicates(_graph));
    }

    [Fact]
    public void A_clone_is_independent()
    {
        _graph.AddOutput(_graph.AddOperation("Relu", "a", [_input]));
        ModelGraph copy = _graph.Clone();
        copy.AddOutput(copy.AddOperation("Neg", "b", [copy.Outputs[0]]));
        Assert.Single(_graph.Nodes);
        Assert.Single(_graph.Outputs);
        Assert.NotSame(_graph.Nodes[0], copy.Nodes[0]);
        copy.Validate();
    }
}
