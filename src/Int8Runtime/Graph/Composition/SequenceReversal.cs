// The beginning of each sequence of a batch in reverse order.
namespace Int8Runtime.Graph.Composition;

/// <summary>ReverseSequence of ONNX and OpenVINO: rows gathered in another order.</summary>
internal static class SequenceReversal
{
    /// <summary>Emits the first result of the operator: element t of a sequence is element length − 1 − t before its length, and t
    /// behind it.</summary>
    /// <param name="compose">Adds the nodes.</param>
    /// <param name="source">[batch, time, …] or [time, batch, …].</param>
    /// <param name="lengths">64-bit integers [batch].</param>
    /// <param name="isBatchFirst">Whether the batch is the first dimension.</param>
    public static GraphValue Emit(GraphComposer compose, GraphValue source, GraphValue lengths, bool isBatchFirst)
    {
        int batch = isBatchFirst ? 0 : 1, time = 1 - batch;
        GraphValue zero = compose.Scalar("zero", 0L), duration = compose.Extent(source, time), count = compose.Extent(source, batch);
        GraphValue steps = compose.Unsqueeze("steps", compose.Range(zero, duration), batch);
        GraphValue sequences = compose.Unsqueeze("sequences", compose.Range(zero, count), time);
        GraphValue known = compose.Unsqueeze("lengths", lengths, time);
        GraphValue mirrored = compose.Operation("Sub", "mirrored",
            [compose.Operation("Sub", "last", [known, compose.Scalar("one", 1L)]), steps]);
        GraphValue places = compose.Operation("Where", "places", [compose.Operation("Less", "is_inside", [steps, known]), mirrored, steps]);

        // Both dimensions as one, whose rows are named by one number.
        GraphValue row = compose.Operation("Shape", "row", [source], new GraphAttributes { { "start", 2 } });
        GraphValue rows = compose.Operation("Reshape", "rows", [source, compose.Concat("shape", [compose.Integers("rest", -1), row])]);
        (GraphValue outer, GraphValue inner, GraphValue run) = isBatchFirst ? (sequences, places, duration) : (places, sequences, count);
        GraphValue indices = compose.Operation("Add", "indices", [compose.Operation("Mul", "first", [outer, run]), inner]);
        return compose.Result(0, "Gather", "reversed", [rows, indices], new GraphAttributes { { "axis", 0 } });
    }
}
