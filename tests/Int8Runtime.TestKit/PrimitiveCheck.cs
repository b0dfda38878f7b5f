// Runs a primitive of an engine and the normative reference on the same random tensors and compares the results.
using Int8Runtime.Diagnostics;
using Int8Runtime.Reference;

namespace Int8Runtime.TestKit;

/// <summary>How a problem is run by <see cref="PrimitiveCheck"/>.</summary>
public sealed record CheckOptions
{
    /// <summary>Seed of the tensors' content.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Accepted difference.</summary>
    public Tolerance Tolerance { get; init; }

    /// <summary>Content of sources, weights and operands.</summary>
    public FillKind Fill { get; init; }

    /// <summary>Whether the destination is the same memory as the (first) source.</summary>
    public bool InPlace { get; init; }

    /// <summary>Which end of every tensor touches an inaccessible page.</summary>
    public GuardPlacement Placement { get; init; }

    /// <summary>Value of run-time scales; of the second source 3/4, of the destination 3/2 of it.</summary>
    public float RuntimeScale { get; init; } = 0.037f;

    /// <summary>Value of run-time zero points; of the second source one more, of the destination two less.</summary>
    public int RuntimeZeroPoint { get; init; } = 3;
}

/// <summary>Checks primitives against <see cref="ReferenceEngine"/>.</summary>
public static unsafe class PrimitiveCheck
{
    /// <summary>
    /// Creates the primitive on <paramref name="engine"/>, runs it on guarded tensors and compares with the reference.
    /// </summary>
    /// <returns>The name of the implementation that was chosen.</returns>
    /// <exception cref="MismatchException">
    /// The result differs; the message holds the seed, the first differences, and the problem as a line for i8bench at its end.
    /// </exception>
    public static string AgainstReference(
        Engine engine, PrimitiveDescriptor descriptor, PrimitiveAttributes? attributes = null, int seed = 1,
        Tolerance tolerance = default) =>
        AgainstReference(engine, descriptor, attributes, new CheckOptions { Seed = seed, Tolerance = tolerance });

    /// <inheritdoc cref="AgainstReference(Engine, PrimitiveDescriptor, PrimitiveAttributes?, int, Tolerance)"/>
    public static string AgainstReference(
        Engine engine, PrimitiveDescriptor descriptor, PrimitiveAttributes? attributes, CheckOptions options)
    {
        ArgumentNullException.ThrowIfNull(engine);
        ArgumentNullException.ThrowIfNull(options);
        attributes ??= PrimitiveAttributes.Default;
        Primitive primitive = engine.Create(descriptor, attributes);
        try
        {
            return AgainstReference(engine, primitive, descriptor, attributes, options);
        }
        catch (MismatchException mismatch)
        {
            throw new MismatchException($"{mismatch.Message.TrimEnd()}\n  {primitive.Report.Problem}");
        }
    }

    private static string AgainstReference(
        Engine engine, Primitive primitive, PrimitiveDescriptor descriptor, PrimitiveAttributes attributes, CheckOptions options)
    {
        PrimitiveDescriptor resolved = primitive.Descriptor;
        string problem = $"{primitive.ImplementationName} on {engine.Tier}: "
            + $"src {string.Join(" ", PrimitiveTensors.Inputs(resolved, attributes).Select(i => i.Descriptor))} "
            + $"dst {PrimitiveTensors.Destination(resolved)} seed {options.Seed} {options.Fill} {options.Placement}";

        using var tensors = new TensorSet(resolved, attributes, options);
        using var reference = new ReferenceEngine();
        using ExecutionStream referenceStream = reference.CreateStream();
        TensorMemory? plainWeights = null;
        PrimitiveDescriptor plainProblem = resolved;
        if (PrimitiveTensors.Weights(resolved) is { } weights)
        {
            MemoryDescriptor plain = PlainWeights(descriptor, weights);
            plainProblem = PrimitiveTensors.WithWeights(resolved, plain);
            plainWeights = tensors.Add(plain, options.Seed + 1);
            tensors.Arguments.Set(ArgumentSlot.Weights, plainWeights);
        }

        byte[] initial = tensors.DestinationBytes.ToArray();
        reference.Create(plainProblem, attributes).Execute(referenceStream, in tensors.Arguments);
        using var expected = new TensorMemory(PrimitiveTensors.Destination(resolved));
        tensors.DestinationBytes.CopyTo(new Span<byte>(expected.Data, initial.Length));
        byte[][] expectedResults = [.. tensors.FurtherResults.Select(BytesOf)];
        foreach (TensorMemory result in tensors.FurtherResults)
            new Span<byte>(result.Data, (int)result.Descriptor.SizeInBytes).Clear();

        initial.CopyTo(tensors.DestinationBytes);
        if (plainWeights is not null)
        {
            TensorMemory packed = tensors.Add(primitive.Weights, seed: null);
            Reorder(reference, referenceStream, plainWeights, packed);
            tensors.Arguments.Set(ArgumentSlot.Weights, packed);
        }

        if (attributes.Scratchpad == ScratchpadMode.User)
            tensors.Arguments[ArgumentSlot.Scratchpad] = tensors.AddScratch(primitive.ScratchBytes);
        using (ExecutionStream stream = engine.CreateStream())
            primitive.Execute(stream, in tensors.Arguments);
        TierCoverage.Record(primitive.ImplementationName, engine.Isa);
        tensors.ThrowIfSlackWritten(problem);
        TensorCompare.Equal(expected, tensors.Destination, options.Tolerance, problem);
        for (int i = 0; i < expectedResults.Length; i++)
        {
            TensorMemory actual = tensors.FurtherResults[i];
            using var copy = new TensorMemory(actual.Descriptor);
            expectedResults[i].CopyTo(new Span<byte>(copy.Data, expectedResults[i].Length));
            TensorCompare.Equal(copy, actual, actual.Descriptor.DataType == DataType.Int32 ? default : FurtherResults,
                $"result {i + 2} of {problem}");
        }

        return primitive.ImplementationName;
    }

    // Means and variances are f32 sums of up to some ten thousand elements, 8-bit integers among them.
    private static Tolerance FurtherResults => Tolerance.Within(1e-5, 1e-4);

    private static byte[] BytesOf(TensorMemory memory) => new Span<byte>(memory.Data, (int)memory.Descriptor.SizeInBytes).ToArray();

    private static MemoryDescriptor PlainWeights(PrimitiveDescriptor asked, MemoryDescriptor resolved) =>
        PrimitiveTensors.Weights(asked) is { IsStrided: true } plain
            ? plain
            : new MemoryDescriptor(resolved.Dimensions, resolved.DataType);

    private static void Reorder(ReferenceEngine engine, ExecutionStream stream, TensorMemory source, TensorMemory destination) =>
        engine.Create(new ReorderDescriptor { Source = source.Descriptor, Destination = destination.Descriptor, ChannelAxis = 0 })
            .Execute(stream, new UnaryArguments(source, destination));

    // Guarded memory for every argument of one execution.
    private sealed class TensorSet : IDisposable
    {
        private readonly List<GuardedMemory> _memory = [];
        private readonly CheckOptions _options;

        public ExecutionArguments Arguments;

        public TensorSet(PrimitiveDescriptor descriptor, PrimitiveAttributes attributes, CheckOptions options)
        {
            _options = options;
            int seed = options.Seed * 1000;
            TensorMemory? source = null;
            foreach (TensorArgument input in PrimitiveTensors.Inputs(descriptor, attributes))
            {
                TensorMemory tensor = Add(input.Descriptor, seed++);
                Arguments.Set(input.Slot, tensor);
                if (input.Slot == ArgumentSlot.Condition)
                    ClearEveryThird(tensor);
                if (input.Slot == ArgumentSlot.NormalizationVariance)
                    TensorContent.MakePositive(tensor);
                if (input.Slot == PrimitiveTensors.FirstSource(descriptor))
                    source = tensor;
            }

            foreach (TensorArgument result in PrimitiveTensors.FurtherResults(descriptor))
            {
                FurtherResults.Add(Add(result.Descriptor, seed));
                Arguments.Set(result.Slot, FurtherResults[^1]);
            }

            MemoryDescriptor destination = PrimitiveTensors.Destination(descriptor);
            if (options.InPlace && !(source?.Descriptor.Equals(destination) ?? false))
                throw new ArgumentException($"{destination} cannot be in place of {source?.Descriptor}.");
            Destination = options.InPlace ? source! : Add(destination, seed);
            Arguments.Set(ArgumentSlot.Destination, Destination);

            // Small tensors of their own, so that reading more than one value is caught as well.
            SetScale(ArgumentSlot.SourceScale, attributes.SourceScale, options.RuntimeScale);
            SetScale(ArgumentSlot.Source1Scale, attributes.Source1Scale, options.RuntimeScale * 0.75f);
            SetScale(ArgumentSlot.DestinationScale, attributes.DestinationScale, options.RuntimeScale * 1.5f);
            SetZeroPoint(ArgumentSlot.SourceZeroPoint, attributes.SourceZeroPoint, options.RuntimeZeroPoint);
            SetZeroPoint(ArgumentSlot.Source1ZeroPoint, attributes.Source1ZeroPoint, options.RuntimeZeroPoint + 1);
            SetZeroPoint(ArgumentSlot.DestinationZeroPoint, attributes.DestinationZeroPoint, options.RuntimeZeroPoint - 2);
            SetZeroPoint(ArgumentSlot.WeightsZeroPoint, attributes.WeightsZeroPoint, options.RuntimeZeroPoint);
            if (attributes.WeightsScale is { IsRuntime: true, Granularity: var granularity })
            {
                int channels = descriptor is MatMulDescriptor matrix ? matrix.N : destination.Dimensions[1];
                int count = granularity == QuantizationGranularity.PerChannel ? channels : 1;
                Arguments[ArgumentSlot.WeightsScale] = Add(new MemoryDescriptor([count], DataType.Float32), null).Data;
                for (int c = 0; c < count; c++)
                    ((float*)Arguments[ArgumentSlot.WeightsScale])[c] = options.RuntimeScale * (1 + (c % 3));
            }
        }

        public TensorMemory Destination { get; }

        public List<TensorMemory> FurtherResults { get; } = [];

        public Span<byte> DestinationBytes => new(Destination.Data, (int)Destination.Descriptor.SizeInBytes);

        public TensorMemory Add(MemoryDescriptor descriptor, int? seed)
        {
            // Packed weights are promised to be 64-byte aligned, other tensors only to their element type.
            long bytes = descriptor.Packed is null ? descriptor.SizeInBytes : (descriptor.SizeInBytes + 63) & ~63L;
            var memory = new GuardedMemory(bytes, _options.Placement);
            _memory.Add(memory);
            TensorMemory tensor = memory.Wrap(descriptor);
            if (seed is { } value)
                TensorFill.Random(tensor, value, _options.Fill);
            return tensor;
        }

        /// <summary>Scratch memory of exactly the size that is asked for, rounded up to its alignment.</summary>
        public void* AddScratch(long bytes)
        {
            var memory = new GuardedMemory((Math.Max(bytes, 1) + 63) & ~63L, _options.Placement);
            _memory.Add(memory);
            return memory.Pointer;
        }

        public void ThrowIfSlackWritten(string problem)
        {
            try
            {
                _memory.ForEach(memory => memory.ThrowIfSlackWritten());
            }
            catch (InvalidOperationException exception)
            {
                throw new MismatchException($"{problem}: {exception.Message}");
            }
        }

        public void Dispose() => _memory.ForEach(memory => memory.Dispose());

        // A condition needs both outcomes.
        private static void ClearEveryThird(TensorMemory tensor)
        {
            Span<byte> bytes = new(tensor.Data, (int)tensor.Descriptor.SizeInBytes);
            for (int i = 0; i < bytes.Length; i += 3)
                bytes[i] = 0;
        }

        private void SetScale(ArgumentSlot slot, QuantizationScale? scale, float value)
        {
            if (scale is { IsRuntime: true, Granularity: QuantizationGranularity.PerTensor })
                Arguments[slot] = Scalar(BitConverter.SingleToInt32Bits(value));
        }

        private void SetZeroPoint(ArgumentSlot slot, ZeroPoint? zeroPoint, int value)
        {
            if (zeroPoint is { IsRuntime: true })
                Arguments[slot] = Scalar(value);
        }

        private void* Scalar(int bits)
        {
            var memory = new GuardedMemory(sizeof(int), _options.Placement);
            _memory.Add(memory);
            *(int*)memory.Pointer = bits;
            return memory.Pointer;
        }
    }
}
