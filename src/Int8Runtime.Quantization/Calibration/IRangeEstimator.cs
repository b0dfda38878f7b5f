// Streaming estimation of a tensor's range.
namespace Int8Runtime.Quantization;

/// <summary>
/// Sees the values of one tensor sample by sample and says which interval the quantizer should cover. Its memory does not
/// grow with the number of samples. Not thread-safe; estimators of one tensor are merged instead.
/// </summary>
public interface IRangeEstimator
{
    /// <summary>The interval to cover, from what was observed so far.</summary>
    ValueRange Range { get; }

    /// <summary>Takes in all values of the tensor for one sample. Values that are not finite are counted and left out.</summary>
    void Observe(ReadOnlySpan<float> values);

    /// <summary>
    /// Takes in all values of the tensor for one sample whose position in the data set is known. Samples may come in any order;
    /// estimators that depend on the order override this.
    /// </summary>
    /// <param name="values">The values.</param>
    /// <param name="sample">Index of the sample in the data set.</param>
    void Observe(ReadOnlySpan<float> values, int sample) => Observe(values);

    /// <summary>Takes in what another estimator of the same kind and tensor has observed.</summary>
    /// <exception cref="ArgumentException">The other estimator is of another kind.</exception>
    void Merge(IRangeEstimator other);

    /// <summary>Number of values seen that were NaN or infinite.</summary>
    long NonFiniteCount { get; }
}
