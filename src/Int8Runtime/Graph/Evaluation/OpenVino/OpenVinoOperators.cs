// The operators that only OpenVINO has.
namespace Int8Runtime.Graph.Evaluation.OpenVino;

/// <summary>Adds the operators of <see cref="OperatorDomains.OpenVino"/> to the table of host operators.</summary>
internal static class OpenVinoOperators
{
    public static void Register(Dictionary<string, IHostOperator> table)
    {
        One("FakeQuantize", QuantizationSimulation.FakeQuantize);
        One("DetectionOutput", DetectionOutput.Evaluate);
        One("PriorBox", PriorBoxes.Regular);
        One("PriorBoxClustered", PriorBoxes.Clustered);
        One("RegionYolo", RegionYolo.Evaluate);
        table.Add(OperatorDomains.KeyOf(OperatorDomains.OpenVino, "Proposal"), new HostOperator(Proposal.Evaluate));
        One("ROIAlign", BoxOperators.RoiAlignOfSamples);
        One("ROIPooling", RegionPooling.Bilinear);
        One("PSROIPooling", RegionPooling.PositionSensitive);
        One("EmbeddingBagOffsetsSum", EmbeddingOperators.BagOffsets);
        One("EmbeddingSegmentsSum", EmbeddingOperators.Segments);

        void One(string opType, Func<NodeOperands, TensorData> evaluate) =>
            table.Add(OperatorDomains.KeyOf(OperatorDomains.OpenVino, opType), new HostOperator(evaluate));
    }
}
