// Eltwise against the reference: every function, type pair, layout and tail.
using FsCheck;
using FsCheck.Fluent;
using Int8Runtime.TestKit;

namespace Int8Runtime.X64.Tests;

public sealed class EltwiseTests
{
    private static readonly EltwiseAlgorithm[] ExactAlgorithms =
    [
        EltwiseAlgorithm.Relu, EltwiseAlgorithm.Square, EltwiseAlgorithm.Abs, EltwiseAlgorithm.Sqrt, EltwiseAlgorithm.Linear,
        EltwiseAlgorithm.HardSigmoid, EltwiseAlgorithm.Clip, EltwiseAlgorithm.Round, EltwiseAlgorithm.HardSwish,
        EltwiseAlgorithm.Floor, EltwiseAlgorithm.Ceil, EltwiseAlgorithm.Reciprocal, EltwiseAlgorithm.Sign,
    ];

    private static readonly EltwiseAlgorithm[] All = Enum.GetValues<EltwiseAlgorithm>();

    [Fact]
    public void Functions_without_transcendentals_give_the_same_bits_for_any_types_and_layouts()
    {
        Gen<Problem> problems =
            from algorithm in Gen.Elements(ExactAlgorithms)
            from source in Layouts.AnyType
            from destination in Layouts.ComputeType
            from problem in ProblemOf(algorithm, source, destination, default)
            select problem;
        VectorEngines.CheckOnAllTiers(problems, 300);
    }

    [Fact]
    public void Every_function_from_int8_to_int8_gives_the_same_bits()
    {
        Gen<Problem> problems =
            from algorithm in Gen.Elements(All)
            from source in Arbitraries.Int8Type
            from destination in Arbitraries.Int8Type
            from tag in Gen.Elements(FormatTag.Nchw, FormatTag.Nhwc)
            from shape in Layouts.Images
            from attributes in Quantization(source, destination)
            from options in Arbitraries.Options()
            select new Problem(
                Describe(algorithm, new MemoryDescriptor(shape, source, tag), new MemoryDescriptor(shape, destination, tag)),
                attributes, options);
        VectorEngines.CheckOnAllTiers(problems, 300);
    }

    [Fact]
    public void Transcendental_functions_of_f32_stay_within_16_ulp()
    {
        // The absolute part: the reference of GELU takes 1 + tanh in f64, which loses digits that the kernel keeps.
        foreach (EltwiseAlgorithm algorithm in All.Except(ExactAlgorithms))
        {
            Gen<Problem> problems =
                from fill in Gen.Elements(FillKind.Typical, FillKind.SpecialFloats)
                from problem in ProblemOf(algorithm, DataType.Float32, DataType.Float32, new Tolerance(16, 0, 1e-9))
                select problem with { Options = problem.Options with { Fill = fill } };
            VectorEngines.CheckOnAllTiers(problems, 15);
        }
    }

    [Fact]
    public void Special_values_pass_the_exact_functions_as_in_the_reference()
    {
        foreach (EltwiseAlgorithm algorithm in ExactAlgorithms)
        {
            foreach (DataType destination in (DataType[])[DataType.Float32, DataType.UInt8, DataType.Int8, DataType.Int32])
            {
                EltwiseDescriptor descriptor = Describe(
                    algorithm, new MemoryDescriptor([2, 37], DataType.Float32), new MemoryDescriptor([2, 37], destination));
                var attributes = new PrimitiveAttributes
                {
                    DestinationScale = QuantizationScale.PerTensor(0.5f),
                    DestinationZeroPoint = destination.IsInt8() ? 11 : 0,
                };
                for (int seed = 1; seed < 5; seed++)
                    VectorEngines.CheckOnAllTiers(
                        descriptor, attributes, new CheckOptions { Seed = seed, Fill = FillKind.SpecialFloats });
            }
        }
    }

    [Theory]
    [InlineData(0.5f)] // by square roots
    [InlineData(-0.5f)]
    [InlineData(1.75f)]
    [InlineData(0.3f)] // by the logarithm
    [InlineData(-1.3f)]
    [InlineData(5f)]
    public void Powers_of_infinities_and_zeros_are_those_of_IEEE_754(float exponent)
    {
        var tensor = new MemoryDescriptor([8], DataType.Float32);
        var descriptor = new EltwiseDescriptor
        {
            Algorithm = EltwiseAlgorithm.Pow, Alpha = 1, Beta = exponent, Source = tensor, Destination = tensor,
        };
        foreach (Isa isa in VectorEngines.Tiers)
        {
            using Engine engine = VectorEngines.Create(isa);
            using ExecutionStream stream = engine.CreateStream();
            using TensorMemory source = new(tensor), destination = new(tensor);
            float[] values = [float.NegativeInfinity, float.PositiveInfinity, -0f, 0f, float.NaN, -2f, 1f, -1f];
            values.CopyTo(source.AsSpan<float>());
            engine.Create(descriptor).Execute(stream, new UnaryArguments(source, destination));
            for (int i = 0; i < values.Length; i++)
                Assert.Equal(MathF.Pow(values[i], exponent), destination.AsSpan<float>()[i], 1e-5f);
        }
    }

    [Fact]
    public void Works_in_place()
    {
        foreach (DataType type in (DataType[])[DataType.Float32, DataType.UInt8])
        {
            var tensor = new MemoryDescriptor([2, 19, 3, 5], type, FormatTag.Nhwc);
            VectorEngines.CheckOnAllTiers(
                Describe(EltwiseAlgorithm.HardSwish, tensor, tensor), PrimitiveAttributes.Default, new CheckOptions { InPlace = true });
            VectorEngines.CheckOnAllTiers(
                Describe(EltwiseAlgorithm.Logistic, tensor, tensor), PrimitiveAttributes.Default,
                new CheckOptions { InPlace = true, Tolerance = type == DataType.Float32 ? new Tolerance(4) : default });
        }
    }

    [Fact]
    public void Many_threads_give_the_same_result_and_nothing_is_allocated()
    {
        foreach (Isa isa in VectorEngines.Tiers)
        {
            using Engine engine = VectorEngines.Create(isa, threads: 2);
            foreach (Shape shape in (Shape[])[[1, 1, 1, 200_003], [3, 7, 100, 100]])
            {
                var tensor = new MemoryDescriptor(shape, DataType.Float32);
                EltwiseDescriptor descriptor = Describe(EltwiseAlgorithm.HardSwish, tensor, tensor);
                PrimitiveCheck.AgainstReference(engine, descriptor);
                using var memory = new TensorMemory(tensor);
                using ExecutionStream stream = engine.CreateStream();
                Primitive primitive = engine.Create(descriptor);
                VectorEngines.CheckAllocatesNothing(primitive, stream, memory, memory);
            }
        }
    }

    private static Gen<Problem> ProblemOf(EltwiseAlgorithm algorithm, DataType source, DataType destination, Tolerance tolerance) =>
        from shape in Layouts.Images
        from x in Layouts.Tensor(shape, source)
        from y in Gen.OneOf(Gen.Constant(x.WithDataType(destination)), Layouts.Tensor(shape, destination))
        from attributes in Quantization(source, destination)
        from postOps in tolerance == default ? Arbitraries.PostOps(y) : Gen.Constant(PostOpChain.Empty)
        from options in Arbitraries.Options(tolerance)
        select new Problem(Describe(algorithm, x, y), attributes with { PostOps = postOps }, options);

    private static Gen<PrimitiveAttributes> Quantization(DataType source, DataType destination) =>
        from sourceScale in Arbitraries.Scale
        from sourceZeroPoint in Arbitraries.ZeroPoint(source)
        from scale in Arbitraries.Scale
        from zeroPoint in Arbitraries.ZeroPoint(destination)
        select new PrimitiveAttributes
        {
            SourceScale = source.IsInt8() ? QuantizationScale.PerTensor(sourceScale * 0.05f) : null,
            SourceZeroPoint = sourceZeroPoint,
            DestinationScale = destination.IsInt8() ? QuantizationScale.PerTensor(scale * 0.05f) : null,
            DestinationZeroPoint = zeroPoint,
        };

    private static EltwiseDescriptor Describe(EltwiseAlgorithm algorithm, MemoryDescriptor source, MemoryDescriptor destination)
    {
        (float alpha, float beta) = algorithm switch
        {
            EltwiseAlgorithm.Relu => (0.125f, 0f),
            EltwiseAlgorithm.Clip => (-0.5f, 0.75f),
            EltwiseAlgorithm.HardSigmoid or EltwiseAlgorithm.HardSwish => (1f / 6, 0.5f),
            EltwiseAlgorithm.Pow => (1.5f, 1.75f),
            EltwiseAlgorithm.Linear => (1.25f, -0.5f),
            _ => (1f, 0f),
        };
        return new EltwiseDescriptor
        {
            Algorithm = algorithm, Alpha = alpha, Beta = beta, Source = source, Destination = destination,
        };
    }
}
