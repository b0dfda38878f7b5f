// The names of algorithms in benchdnn's notation, for printing and for reading.
namespace Int8Runtime;

/// <summary>Names of the values of an enumeration: the first of a value is printed, all of them are read.</summary>
/// <typeparam name="T">The enumeration.</typeparam>
/// <param name="entries">Each value with its names, separated by spaces.</param>
internal sealed class NameTable<T>(params (T Value, string Names)[] entries)
    where T : struct, Enum
{
    private readonly Dictionary<T, string> _names = entries.ToDictionary(e => e.Value, e => e.Names.Split(' ')[0]);

    private readonly Dictionary<string, T> _values = entries.SelectMany(e => e.Names.Split(' '), (e, name) => (name, e.Value))
        .ToDictionary(pair => pair.name, pair => pair.Value, StringComparer.OrdinalIgnoreCase);

    /// <summary>The printed name of a value.</summary>
    public string this[T value] => _names[value];

    /// <summary>The value of a name in upper or lower case; null where there is none.</summary>
    public T? Find(string name) => _values.TryGetValue(name, out T value) ? value : null;
}

/// <summary>The names that problem lines and i8bench share. Functions that benchdnn lacks have names of this library's own.</summary>
internal static class ProblemNames
{
    /// <summary>Unary element-wise functions.</summary>
    public static NameTable<EltwiseAlgorithm> Eltwise { get; } = new(
        (EltwiseAlgorithm.Relu, "relu relu_dst"), (EltwiseAlgorithm.Tanh, "tanh tanh_dst"), (EltwiseAlgorithm.Elu, "elu elu_dst"),
        (EltwiseAlgorithm.Square, "square"), (EltwiseAlgorithm.Abs, "abs"), (EltwiseAlgorithm.Sqrt, "sqrt sqrt_dst"),
        (EltwiseAlgorithm.Linear, "linear"), (EltwiseAlgorithm.SoftRelu, "soft_relu srelu soft_relu_v2"),
        (EltwiseAlgorithm.HardSigmoid, "hardsigmoid"),
        (EltwiseAlgorithm.Logistic, "logistic logistic_dst"), (EltwiseAlgorithm.Exp, "exp exp_dst"),
        (EltwiseAlgorithm.GeluTanh, "gelu_tanh"), (EltwiseAlgorithm.Swish, "swish"), (EltwiseAlgorithm.Log, "log"),
        (EltwiseAlgorithm.Clip, "clip clip_v2 clip_v2_dst"), (EltwiseAlgorithm.Pow, "pow"), (EltwiseAlgorithm.GeluErf, "gelu_erf"),
        (EltwiseAlgorithm.Round, "round"), (EltwiseAlgorithm.Mish, "mish"), (EltwiseAlgorithm.HardSwish, "hardswish"),
        (EltwiseAlgorithm.Erf, "erf"), (EltwiseAlgorithm.Floor, "floor"), (EltwiseAlgorithm.Ceil, "ceil"),
        (EltwiseAlgorithm.Reciprocal, "reciprocal"), (EltwiseAlgorithm.Sign, "sign"));

    /// <summary>Binary element-wise functions.</summary>
    public static NameTable<BinaryAlgorithm> Binary { get; } = new(
        (BinaryAlgorithm.Add, "add"), (BinaryAlgorithm.Multiply, "mul"), (BinaryAlgorithm.Maximum, "max"),
        (BinaryAlgorithm.Minimum, "min"), (BinaryAlgorithm.Divide, "div"), (BinaryAlgorithm.Subtract, "sub"),
        (BinaryAlgorithm.GreaterOrEqual, "ge"), (BinaryAlgorithm.Greater, "gt"), (BinaryAlgorithm.LessOrEqual, "le"),
        (BinaryAlgorithm.Less, "lt"), (BinaryAlgorithm.Equal, "eq"), (BinaryAlgorithm.NotEqual, "ne"));

    /// <summary>Reductions.</summary>
    public static NameTable<ReductionAlgorithm> Reduction { get; } = new(
        (ReductionAlgorithm.Max, "max"), (ReductionAlgorithm.Min, "min"), (ReductionAlgorithm.Sum, "sum"),
        (ReductionAlgorithm.Product, "mul"), (ReductionAlgorithm.Mean, "mean"), (ReductionAlgorithm.NormMax, "norm_lp_max"),
        (ReductionAlgorithm.NormSum, "norm_lp_sum"), (ReductionAlgorithm.NormPowerMax, "norm_lp_power_p_max"),
        (ReductionAlgorithm.NormPowerSum, "norm_lp_power_p_sum"));

    /// <summary>Poolings.</summary>
    public static NameTable<PoolingAlgorithm> Pooling { get; } = new(
        (PoolingAlgorithm.Max, "max pooling_max"), (PoolingAlgorithm.AverageIncludePadding, "avg_p pooling_avg_include_padding"),
        (PoolingAlgorithm.AverageExcludePadding, "avg_np pooling_avg_exclude_padding"));

    /// <summary>Resamplings.</summary>
    public static NameTable<ResamplingAlgorithm> Resampling { get; } = new(
        (ResamplingAlgorithm.Nearest, "nearest resampling_nearest"), (ResamplingAlgorithm.Linear, "linear resampling_linear"));

    /// <summary>Local response normalizations.</summary>
    public static NameTable<LrnAlgorithm> Lrn { get; } = new(
        (LrnAlgorithm.AcrossChannels, "ACROSS LRN_ACROSS_CHANNELS"), (LrnAlgorithm.WithinChannel, "WITHIN LRN_WITHIN_CHANNEL"));

    /// <summary>Numeric modes, of an option that benchdnn lacks.</summary>
    public static NameTable<NumericMode> NumericMode { get; } = new(
        (Int8Runtime.NumericMode.Exact, "exact"), (Int8Runtime.NumericMode.Fast, "fast"),
        (Int8Runtime.NumericMode.ExactPairs, "exact_pairs"),
        (Int8Runtime.NumericMode.NarrowWeights, "narrow_weights"), (Int8Runtime.NumericMode.ExactQuads, "exact_quads"));
}
