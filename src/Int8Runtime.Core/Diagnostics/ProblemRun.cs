// One primitive with tensors of its own: executed, timed, and checked against the reference.
using Int8Runtime.Reference;

namespace Int8Runtime.Diagnostics;

/// <summary>The outcome of a check.</summary>
/// <param name="Compared">Elements compared.</param>
/// <param name="Total">Elements of the destination.</param>
/// <param name="Mismatches">Elements outside the bound.</param>
/// <param name="FirstMismatch">The first of them, as text; null if there is none.</param>
/// <param name="IsTrivial">Whether every compared element of the reference is 0 or NaN, so that the comparison says little.</param>
internal sealed record CheckOutcome(long Compared, long Total, long Mismatches, string? FirstMismatch, bool IsTrivial);

/// <summary>Owns the tensors of one primitive.</summary>
internal sealed unsafe class ProblemRun : IDisposable
{
    private readonly List<TensorMemory> _owned = [];
    private readonly ExecutionStream _stream;
    private readonly Primitive _primitive;
    private readonly TensorMemory _destination;
    private readonly TensorMemory? _plainWeights;
    private readonly byte[] _initial;
    private readonly List<(ArgumentSlot Slot, TensorMemory Memory)> _furtherResults = [];
    private readonly RuntimeValues _runtime;
    private ExecutionArguments _arguments;
    private ExecutionArguments _referenceArguments;

    /// <summary>Allocates and fills the tensors; weights are packed as the primitive asks.</summary>
    /// <param name="engine">The engine that created the primitive.</param>
    /// <param name="primitive">The primitive.</param>
    /// <param name="asked">The problem before layouts were resolved; names the plain layout of the weights.</param>
    /// <param name="inPlace">Whether the destination is the memory of the first source.</param>
    /// <param name="seed">Start of the content.</param>
    public ProblemRun(Engine engine, Primitive primitive, PrimitiveDescriptor asked, bool inPlace, int seed = 1)
    {
        _primitive = primitive;
        _stream = engine.CreateStream();
        int magnitude = Magnitude(primitive);
        ArgumentSlot first = PrimitiveTensors.FirstSource(primitive.Descriptor);
        TensorMemory? source = null;
        foreach (TensorArgument input in PrimitiveTensors.Inputs(primitive.Descriptor, primitive.Attributes))
        {
            int bound = input.Slot == first ? magnitude : input.Slot == ArgumentSlot.Condition ? 1 : int.MaxValue;
            TensorMemory tensor = Add(input.Descriptor, seed++, bound);
            if (input.Slot == first && primitive.Descriptor is ReductionDescriptor { Algorithm: ReductionAlgorithm.Product })
                TensorContent.FillFactors(tensor, seed);
            if (input.Slot == ArgumentSlot.NormalizationVariance)
                TensorContent.MakePositive(tensor);
            _arguments.Set(input.Slot, tensor);
            source = input.Slot == first ? tensor : source;
        }

        _destination = Add(PrimitiveTensors.Destination(primitive.Descriptor), seed++, int.MaxValue);
        _arguments.Set(ArgumentSlot.Destination, _destination);
        foreach (TensorArgument result in PrimitiveTensors.FurtherResults(primitive.Descriptor))
        {
            _furtherResults.Add((result.Slot, Add(result.Descriptor, seed, int.MaxValue)));
            _arguments.Set(result.Slot, _furtherResults[^1].Memory);
        }
        int channels = PrimitiveTensors.Weights(primitive.Descriptor) is null ? 1
            : primitive.Descriptor is MatMulDescriptor matrix ? matrix.N : _destination.Descriptor.Dimensions[1];
        _runtime = new RuntimeValues(primitive.Attributes, channels, ref _arguments);
        if (primitive.Attributes.Scratchpad == ScratchpadMode.User && primitive.ScratchBytes > 0)
            _arguments.Set(ArgumentSlot.Scratchpad,
                Add(new MemoryDescriptor([checked((int)primitive.ScratchBytes)], DataType.UInt8), seed: 0, magnitude: 0));
        if (PrimitiveTensors.Weights(primitive.Descriptor) is { } weights)
        {
            MemoryDescriptor plain = PrimitiveTensors.Weights(asked) is { IsStrided: true } given
                ? given : new MemoryDescriptor(weights.Dimensions, weights.DataType);
            _plainWeights = Add(plain, seed, magnitude);
        }

        _referenceArguments = _arguments;
        if (inPlace)
        {
            new Span<byte>(source!.Data, Length).CopyTo(new Span<byte>(_destination.Data, Length));
            _arguments.Set(first, _destination);
        }

        if (_plainWeights is not null)
        {
            _referenceArguments.Set(ArgumentSlot.Weights, _plainWeights);
            TensorMemory packed = primitive.Weights.Equals(_plainWeights.Descriptor)
                ? _plainWeights : WeightsPacking.Pack(engine, _plainWeights, primitive.Weights);
            _owned.Add(packed);
            _arguments.Set(ArgumentSlot.Weights, packed);
        }

        _initial = new Span<byte>(_destination.Data, Length).ToArray();
    }

    /// <summary>Whether each execution looks the primitive up, as for dimensions that are known only then.</summary>
    public bool LooksUp { get; init; }

    private int Length => checked((int)_destination.Descriptor.SizeInBytes);

    /// <summary>Executes the primitive once.</summary>
    public void Execute()
    {
        if (LooksUp)
            _stream.Execute(_primitive.Descriptor, _primitive.Attributes, in _arguments);
        else
            _primitive.Execute(_stream, in _arguments);
    }

    /// <summary>Executes the primitive on fresh content and compares its result with the reference.</summary>
    /// <param name="budget">
    /// Multiply-adds that the reference may spend; a problem that needs more is compared at evenly spread elements.
    /// </param>
    public CheckOutcome Check(long budget)
    {
        MemoryDescriptor layout = _destination.Descriptor;
        OutputSample sample = OutputSample.Within(layout.Dimensions, WorkPerElement(_primitive.Descriptor), budget);
        using var expected = new TensorMemory(layout);
        _initial.CopyTo(new Span<byte>(expected.Data, Length));
        ExecutionArguments arguments = _referenceArguments;
        arguments.Set(ArgumentSlot.Destination, expected);
        using var expectedResults = new TensorList();
        foreach ((ArgumentSlot slot, TensorMemory memory) in _furtherResults)
            arguments.Set(slot, expectedResults.Add(memory.Descriptor));
        using var reference = new ReferenceEngine(sample);
        PrimitiveDescriptor problem = _plainWeights is null
            ? _primitive.Descriptor : PrimitiveTensors.WithWeights(_primitive.Descriptor, _plainWeights.Descriptor);
        Primitive normative = reference.Create(problem, _primitive.Attributes);
        using ExecutionStream stream = reference.CreateStream();
        normative.Execute(stream, in arguments);
        _initial.CopyTo(new Span<byte>(_destination.Data, Length));

        // A primitive that is the reference itself would only repeat the same scalar code at every element.
        if (_primitive.Report.IsReference)
        {
            arguments = _arguments;
            if (_plainWeights is not null)
                arguments.Set(ArgumentSlot.Weights, _plainWeights);
            normative.Execute(stream, in arguments);
        }
        else
        {
            Execute();
        }

        CheckOutcome outcome = Compare(expected, _destination, sample);
        for (int i = 0; i < _furtherResults.Count; i++)
        {
            CheckOutcome further = Compare(expectedResults[i], _furtherResults[i].Memory, OutputSample.All);
            outcome = outcome with
            {
                Mismatches = outcome.Mismatches + further.Mismatches,
                FirstMismatch = outcome.FirstMismatch ?? (further.FirstMismatch is { } text ? $"{_furtherResults[i].Slot} {text}" : null),
            };
        }

        return outcome;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _owned.ForEach(memory => memory.Dispose());
        _runtime.Dispose();
        _stream.Dispose();
    }

    private CheckOutcome Compare(TensorMemory expected, TensorMemory actual, OutputSample sample)
    {
        MemoryDescriptor layout = actual.Descriptor;
        Tolerance tolerance = ToleranceRules.For(_primitive.Descriptor, _primitive.Attributes);
        long compared = 0, mismatches = 0;
        bool trivial = true;
        string? first = null;
        Span<int> index = stackalloc int[layout.Rank];
        index.Clear();
        if (layout.ElementCount == 0)
            return new CheckOutcome(0, 0, 0, null, false);
        do
        {
            long offset = layout.OffsetOf(index);
            float want = ScalarAccess.Load(expected.Data, layout.DataType, offset);
            float got = ScalarAccess.Load(actual.Data, layout.DataType, offset);
            compared++;
            trivial &= want == 0 || float.IsNaN(want);
            bool same = layout.DataType == DataType.Int32 && tolerance == Tolerance.Exact
                ? ScalarAccess.LoadInteger(expected.Data, DataType.Int32, offset)
                    == ScalarAccess.LoadInteger(actual.Data, DataType.Int32, offset)
                : tolerance.Accepts(want, got, layout.DataType);
            if (same)
                continue;
            mismatches++;
            first ??= FormattableString.Invariant($"[{string.Join(',', index.ToArray())}] is {got}, the reference {want}");
        }
        while (sample.Next(index, layout.Dimensions));
        return new CheckOutcome(compared, layout.ElementCount, mismatches, first, trivial);
    }

    // Cost of one element of the destination in the reference, in multiply-adds; element-wise work counts as some.
    private static long WorkPerElement(PrimitiveDescriptor descriptor) => descriptor switch
    {
        ConvolutionDescriptorBase d => d.Weights.ElementCount / Math.Max(1, d.Weights.Dimensions[0]),
        InnerProductDescriptor d => d.Weights.ElementCount / Math.Max(1, d.Weights.Dimensions[0]),
        MatMulDescriptor d => d.K,
        PoolingDescriptor d => d.Kernel.ElementCount,
        LrnDescriptor d => d.WindowSize,
        ReductionDescriptor d => d.SetSize * 4,
        _ => 4,
    };

    // Integers of an 8-bit destination: a magnitude m with m²·√K/3 of about 50 steps keeps most sums off the limits.
    private static int Magnitude(Primitive primitive)
    {
        if (PrimitiveTensors.Weights(primitive.Descriptor) is null || !PrimitiveTensors.Destination(primitive.Descriptor).DataType.IsInt8())
            return int.MaxValue;
        PrimitiveAttributes attributes = primitive.Attributes;
        double step = Scale(attributes.DestinationScale) / (Scale(attributes.SourceScale) * Scale(attributes.WeightsScale));
        return Math.Clamp((int)Math.Sqrt(150 * step / Math.Sqrt(WorkPerElement(primitive.Descriptor))), 1, 127);

        static double Scale(QuantizationScale? scale) => scale is null || scale.IsRuntime ? 1 : scale.At(0);
    }

    private TensorMemory Add(MemoryDescriptor descriptor, int seed, int magnitude)
    {
        var memory = new TensorMemory(descriptor);
        _owned.Add(memory);
        TensorContent.Fill(memory, seed, magnitude);
        return memory;
    }

    // Memory that is freed together.
    private sealed class TensorList : IDisposable
    {
        private readonly List<TensorMemory> _memory = [];

        public TensorMemory this[int index] => _memory[index];

        public TensorMemory Add(MemoryDescriptor descriptor)
        {
            _memory.Add(new TensorMemory(descriptor));
            return _memory[^1];
        }

        public void Dispose() => _memory.ForEach(memory => memory.Dispose());
    }
}
