// The indices of a tensor in row-major order.
namespace Int8Runtime.Graph.Evaluation;

/// <summary>Counts through all indices of a shape.</summary>
internal sealed class IndexWalk(Shape shape)
{
    private readonly int[] _index = new int[shape.Rank];

    /// <summary>The present index.</summary>
    public ReadOnlySpan<int> Index => _index;

    /// <summary>Goes to the next index.</summary>
    public void Next()
    {
        for (int d = _index.Length - 1; d >= 0; d--)
        {
            if (++_index[d] < shape[d])
                return;
            _index[d] = 0;
        }
    }
}
