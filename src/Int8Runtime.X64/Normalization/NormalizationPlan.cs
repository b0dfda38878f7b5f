// Normalization with statistics that lie in memory: y = (x − mean)·factor·scale + shift, element by element.
//
//   factor = 1/√(variance + ε)        for each set; where sets and scales belong to channels, the scale is multiplied into it
using System.Numerics;
using Int8Runtime.Jit;
using Int8Runtime.Reference;

namespace Int8Runtime.X64;

/// <summary>Statistics by a kernel or from the caller, then an element-wise computation.</summary>
internal sealed unsafe class NormalizationPlan : PrimitivePlan
{
    private readonly NormalizationDescriptor _descriptor;
    private readonly SetPlan? _statistics;
    private readonly ElementwisePlan _elements;
    private readonly int _threads, _sets, _factors, _channels;
    private readonly bool _scalesInFactors;
    private readonly long _imageStride, _groupStride; // of the statistics of groups

    private NormalizationPlan(
        string name, NormalizationDescriptor descriptor, SetPlan? statistics, ElementwisePlan elements, bool scalesInFactors, int threads)
    {
        (Name, _descriptor, _statistics, _elements) = (name, descriptor, statistics, elements);
        (_scalesInFactors, _threads) = (scalesInFactors, threads);
        (_sets, _channels) = (descriptor.SetCount, checked((int)descriptor.ParameterShape.ElementCount));
        _factors = descriptor is GroupNormalizationDescriptor ? checked(descriptor.Source.Dimensions[0] * _channels) : _sets;
        if (descriptor is GroupNormalizationDescriptor group)
            (_imageStride, _groupStride) = group.Mean is { } mean ? (mean.Strides[0], mean.Strides[1]) : (group.Groups, 1);
    }

    /// <inheritdoc/>
    public override string Name { get; }

    /// <inheritdoc/>
    public override PrimitiveDescriptor Descriptor => _descriptor;

    /// <inheritdoc/>
    public override string Details => _statistics is null ? _elements.Details : $"{_statistics.Details}, {_elements.Details}";

    /// <inheritdoc/>
    public override long SizeInBytes => _elements.SizeInBytes + (_statistics?.SizeInBytes ?? 0);

    /// <inheritdoc/>
    public override long ScratchBytes => OwnScratchBytes + _elements.ScratchBytes(_threads);

    // Means, variances and factors of the sets; for groups also means and factors of channels.
    private long OwnScratchBytes => (3 * BytesOf(_sets)) + (2 * BytesOf(_factors));

    /// <summary>Plans the computation; null if the layouts do not go together.</summary>
    /// <param name="name">Name of the implementation.</param>
    /// <param name="isa">Instruction sets for the kernels.</param>
    /// <param name="cache">Where kernels are kept.</param>
    /// <param name="descriptor">The problem.</param>
    /// <param name="attributes">Quantization and post-ops.</param>
    /// <param name="statistics">Computes the statistics; null where they are given.</param>
    /// <param name="threads">Most threads of an execution.</param>
    public static NormalizationPlan? TryCreate(
        string name, Isa isa, KernelCache cache, NormalizationDescriptor descriptor, PrimitiveAttributes attributes, SetPlan? statistics,
        int threads)
    {
        MemoryDescriptor source = descriptor.Source, destination = descriptor.Destination;
        bool scalesInFactors = descriptor is not LayerNormalizationDescriptor && descriptor.Scale is not null;
        MemoryDescriptor factors = FactorsOf(descriptor), parameters = NormalizationSets.ParametersOf(descriptor);
        Epilogue epilogue = Epilogue.CreateForValues(attributes, destination.DataType);
        var steps = new ElementwiseSteps()
            .AddDequantization(attributes.SourceScale, attributes.SourceZeroPoint, source.Rank, 0)
            .Add(BinaryAlgorithm.Subtract, factors, ArgumentSlot.NormalizationMean)
            .Add(BinaryAlgorithm.Multiply, factors, ArgumentSlot.NormalizationVariance);
        if (descriptor.Scale is not null && !scalesInFactors)
            steps.Add(BinaryAlgorithm.Multiply, parameters, ArgumentSlot.NormalizationScale);
        if (descriptor.Shift is not null)
            steps.Add(BinaryAlgorithm.Add, parameters, ArgumentSlot.NormalizationShift);
        steps.AddPostOps(epilogue, destination.Rank);
        return ElementwisePlan.TryCreate(isa, cache, source, destination, steps.Steps, epilogue) is { } elements
            ? new NormalizationPlan(name, descriptor, statistics, elements, scalesInFactors, threads)
            : null;
    }

    /// <inheritdoc/>
    public override void Execute(in ExecutionContext context)
    {
        ExecutionArguments arguments = context.Arguments;
        byte* scratch = context.Scratch;
        bool isComputed = _descriptor.Statistics == NormalizationStatistics.Computed;
        float* mean = isComputed ? (float*)scratch : (float*)arguments[ArgumentSlot.NormalizationMean];
        float* variance = isComputed ? (float*)(scratch + BytesOf(_sets)) : (float*)arguments[ArgumentSlot.NormalizationVariance];
        if (_statistics is not null)
        {
            ExecutionArguments results = arguments;
            results[ArgumentSlot.Destination] = mean;
            results[ArgumentSlot.NormalizationScale] = variance;
            _statistics.Execute(new ExecutionContext(in results, context.Pool, context.Threads, scratch));
        }

        float* means = mean, factors = (float*)(scratch + (2 * BytesOf(_sets)));
        Invert(variance, factors, _sets, _descriptor.Epsilon);
        if (_descriptor is GroupNormalizationDescriptor group)
        {
            float* factor = factors;
            means = (float*)(scratch + (3 * BytesOf(_sets)));
            factors = (float*)(scratch + (3 * BytesOf(_sets)) + BytesOf(_factors));
            SpreadOverChannels(group, mean, factor, means, factors);
        }

        if (_scalesInFactors)
            MultiplyByScale(factors, arguments[ArgumentSlot.NormalizationScale]);
        arguments[ArgumentSlot.NormalizationMean] = means;
        arguments[ArgumentSlot.NormalizationVariance] = factors;
        _elements.Execute(new ExecutionContext(in arguments, context.Pool, context.Threads, context.Scratch + OwnScratchBytes));
    }

    // Means and factors with the source's rank: in the order of the statistics, or one for each image and channel.
    private static MemoryDescriptor FactorsOf(NormalizationDescriptor descriptor)
    {
        Shape source = descriptor.Source.Dimensions;
        return descriptor is GroupNormalizationDescriptor
            ? new MemoryDescriptor([source[0], source[1], .. Shape.Filled(source.Rank - 2, 1)], DataType.Float32)
            : NormalizationSets.Of(descriptor)!.Statistics;
    }

    private static long BytesOf(int count) => ScratchLayout.RoundUp((long)count * sizeof(float));

    private static void Invert(float* variance, float* factor, int count, float epsilon)
    {
        int i = 0;
        for (; i + Vector<float>.Count <= count; i += Vector<float>.Count)
        {
            Vector<float> values = *(Vector<float>*)(variance + i) + new Vector<float>(epsilon);
            *(Vector<float>*)(factor + i) = Vector<float>.One / Vector.SquareRoot(values);
        }

        for (; i < count; i++)
            factor[i] = 1 / MathF.Sqrt(variance[i] + epsilon);
    }

    // One mean and factor for each image and group become one for each image and channel.
    private void SpreadOverChannels(GroupNormalizationDescriptor descriptor, float* mean, float* factor, float* means, float* factors)
    {
        int channels = descriptor.Source.Dimensions[1], size = descriptor.GroupSize;
        for (int n = 0; n < descriptor.Source.Dimensions[0]; n++)
        {
            for (int c = 0; c < channels; c++)
            {
                long set = (n * _imageStride) + (c / size * _groupStride);
                means[(n * channels) + c] = mean[set];
                factors[(n * channels) + c] = factor[set];
            }
        }
    }

    private void MultiplyByScale(float* factors, void* scale)
    {
        DataType type = _descriptor.Scale!.DataType;
        for (int i = 0; i < _factors; i += _channels)
            for (int c = 0; c < _channels; c++)
                factors[i + c] *= ScalarAccess.Load(scale, type, c);
    }
}
