// A problem with its data, and our primitive for it.
namespace Int8Runtime.Benchmarks;

/// <summary>Operands of a problem in plain layouts: bias, ReLU, and for 8-bit types one scale for each output channel.</summary>
internal sealed class KernelProblem : IDisposable
{
    /// <summary>Makes seeded operands.</summary>
    public KernelProblem(ProblemShape shape, OperandTypes types, int largestWeight = 127)
    {
        (Shape, Types) = (shape, types);
        Descriptor = shape.ToDescriptor(types, bias: true);
        (MemoryDescriptor source, MemoryDescriptor weights, MemoryDescriptor bias, MemoryDescriptor destination) = Descriptor switch
        {
            ConvolutionDescriptor c => (c.Source, c.Weights, c.Bias!, c.Destination),
            InnerProductDescriptor p => (p.Source, p.Weights, p.Bias!, p.Destination),
            MatMulDescriptor m => (m.Source, m.Weights, m.Bias!, m.Destination),
            _ => throw new NotSupportedException($"{shape.Kind} problems are not compared."),
        };
        var random = new Random(1);
        Source = new TensorMemory(source);
        Weights = new TensorMemory(new MemoryDescriptor(weights.Dimensions, types.Weights));
        Bias = new TensorMemory(bias);
        UnscaledBias = new TensorMemory(bias);
        Destination = new TensorMemory(destination);
        TestData.Fill(Source, random);
        TestData.Fill(Weights, random, largestWeight);
        TestData.Fill(Bias, random);
        if (types.Weights.IsInt8())
            Scales = ChooseScales(shape, (int)bias.ElementCount, random);
        for (int i = 0; i < bias.ElementCount; i++)
            UnscaledBias.AsSpan<float>()[i] = Bias.AsSpan<float>()[i] / (Scales?[i] ?? 1);
        Attributes = new PrimitiveAttributes
        {
            WeightsScale = Scales is null ? null : QuantizationScale.PerChannel(Scales),
            PostOps = [PostOp.Relu()],
        };
    }

    /// <summary>The shapes.</summary>
    public ProblemShape Shape { get; }

    /// <summary>The element types.</summary>
    public OperandTypes Types { get; }

    /// <summary>Our description.</summary>
    public PrimitiveDescriptor Descriptor { get; }

    /// <summary>Scales and ReLU.</summary>
    public PrimitiveAttributes Attributes { get; }

    /// <summary>The source, channels last.</summary>
    public TensorMemory Source { get; }

    /// <summary>The weights, row-major.</summary>
    public TensorMemory Weights { get; }

    /// <summary>The bias.</summary>
    public TensorMemory Bias { get; }

    /// <summary>The bias divided by the scales.</summary>
    public TensorMemory UnscaledBias { get; }

    /// <summary>The destination, channels last.</summary>
    public TensorMemory Destination { get; }

    /// <summary>A scale for each output channel; null for floating point.</summary>
    public float[]? Scales { get; }

    /// <summary>The dimension of the destination that scales run along.</summary>
    public int ChannelDimension => Shape is MatMulProblem m ? m.Source.Rank - 1 : 1;

    /// <summary>Dimensions of the weights with the groups split off.</summary>
    public Shape GroupedWeights => Shape is ConvolutionProblem { Groups: > 1 } c
        ? [c.Groups, c.OutputChannels / c.Groups, c.InputChannels / c.Groups, .. c.Kernel]
        : Weights.Descriptor.Dimensions;

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (TensorMemory memory in new[] { Source, Weights, Bias, UnscaledBias, Destination })
            memory.Dispose();
    }

    // Sums of K products of random bytes have a standard deviation near 10 800·√K; it becomes about 60 steps of the result.
    private static float[] ChooseScales(ProblemShape shape, int channels, Random random)
    {
        double depth = shape switch
        {
            ConvolutionProblem c => c.InputChannels / c.Groups * (double)c.Kernel.ElementCount,
            InnerProductProblem p => p.InputChannels * (double)p.Input.ElementCount,
            MatMulProblem m => m.Source[^1],
            _ => 1,
        };
        var scales = new float[channels];
        foreach (ref float scale in scales.AsSpan())
            scale = (float)(60 / (10_800 * Math.Sqrt(depth)) * (0.75 + (random.NextDouble() / 2)));
        return scales;
    }
}

/// <summary>Our primitive for a problem, with packed weights.</summary>
internal sealed class KernelRun : IDisposable
{
    private readonly ExecutionStream _stream;
    private readonly Primitive _primitive;
    private readonly TensorMemory _packed;
    private readonly ExecutionArguments _arguments;

    /// <summary>Creates the primitive and packs the weights.</summary>
    public KernelRun(Engine engine, KernelProblem problem)
    {
        _primitive = engine.Create(problem.Descriptor, problem.Attributes);
        _stream = engine.CreateStream();
        _packed = _stream.Reorder(problem.Weights, _primitive.Weights);
        _arguments = default;
        _arguments.Set(ArgumentSlot.Source, problem.Source);
        _arguments.Set(ArgumentSlot.Weights, _packed);
        _arguments.Set(ArgumentSlot.Bias, problem.Bias);
        _arguments.Set(ArgumentSlot.Destination, problem.Destination);
    }

    /// <summary>Name of the implementation.</summary>
    public string ImplementationName => _primitive.ImplementationName;

    /// <summary>What the implementation tells of its plan: tile, division of work.</summary>
    public string Details => _primitive.Details;

    /// <summary>Executes the primitive.</summary>
    public void Execute() => _primitive.Execute(_stream, in _arguments);

    /// <inheritdoc/>
    public void Dispose()
    {
        _packed.Dispose();
        _primitive.Dispose();
        _stream.Dispose();
    }
}
