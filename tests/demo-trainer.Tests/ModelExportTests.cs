// The exported model: what its file says after it has been read back.
using Int8Runtime.Graph;
using Int8Runtime.Onnx;

namespace Int8Runtime.DemoTrainer.Tests;

public class ModelExportTests
{
    [Fact]
    public void The_exported_network_reads_back_with_all_its_layers()
    {
        using var file = new MemoryStream();
        OnnxModel.Save(ModelExport.Export(DemoNetwork.Create(1)), file);
        ModelGraph model = OnnxModel.Load(file.ToArray());

        Assert.Equal(13, model.Provenance.OperatorSet);
        Assert.Equal("Nx3x32x32", Assert.Single(model.Inputs).Shape!.ToString());
        Assert.Equal("Nx10", Assert.Single(model.Outputs).Shape!.ToString());
        Assert.Equal("logits", model.Outputs[0].Name);
        Dictionary<string, int> counts = model.Nodes.CountBy(node => node.OpType).ToDictionary();
        Assert.Equal(13, counts["Conv"]);
        Assert.Equal(13, counts["BatchNormalization"]);
        Assert.Equal(13, counts["Relu"]);       // one less per residual body, one more per residual sum
        Assert.Equal(2, counts["Add"]);
        Assert.Equal(1, counts["GlobalAveragePool"]);
        Assert.Equal(1, counts["Gemm"]);
        Assert.InRange(file.Length, 1, 1_000_000);
    }
}
