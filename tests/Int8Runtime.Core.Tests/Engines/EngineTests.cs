// Dispatch, its report, the plan cache and the checks of arguments.
using Int8Runtime.TestKit;

namespace Int8Runtime.Core.Tests.Engines;

public sealed class EngineTests
{
    private static EltwiseDescriptor Relu(int extent = 4) => new()
    {
        Algorithm = EltwiseAlgorithm.Relu, Source = new([extent], DataType.Float32), Destination = new([extent], DataType.Float32),
    };

    [Fact]
    public void First_implementation_that_accepts_is_used_and_refusals_before_it_are_recorded()
    {
        using var engine = new TestEngine(IsaTiers.Avx2, [
            new Fake("fast:avx512", (RejectionReason.InstructionSet, "needs avx512")), new Fake("good:avx2"), new Fake("ref:any")]);
        Primitive primitive = engine.Create(Relu());
        Assert.Equal("good:avx2", primitive.ImplementationName);
        Rejection refusal = Assert.Single(primitive.Report.Rejections);
        Assert.Equal(("fast:avx512", RejectionReason.InstructionSet, "needs avx512"),
            (refusal.Implementation, refusal.Reason, refusal.Detail));
        Assert.Contains("fast:avx512 refused (InstructionSet): needs avx512", primitive.Report.ToString());
        Assert.False(primitive.Report.IsReference);
        Assert.StartsWith("good:avx2", primitive.Report.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Exception_of_an_unsupported_problem_lists_every_refusal()
    {
        using var engine = new TestEngine(Isa.None, [
            new Fake("one:any", (RejectionReason.Layout, "layout ab")), new Fake("two:any", (RejectionReason.Shape, "too small"))]);
        var exception = Assert.Throws<UnsupportedPrimitiveException>(() => engine.Create(Relu()));
        Assert.Contains("one:any refused (Layout): layout ab", exception.Message);
        Assert.Contains("two:any refused (Shape): too small", exception.Message);
        Assert.Contains("  i8bench --eltwise --dt=f32:f32 --tag=abx --alg=relu --alpha=0 --beta=0 ", exception.Message);
        Assert.Null(exception.Report.Chosen);
        Assert.Equal(exception.Report.Rejections, engine.Explain(Relu()).Rejections);
    }

    [Fact]
    public void Equal_problems_share_a_plan()
    {
        using var engine = new ReferenceEngine();
        var attributes = new PrimitiveAttributes { PostOps = [PostOp.Relu()], SourceScale = QuantizationScale.PerTensor(2) };
        Primitive first = engine.Create(Relu(), attributes);
        Assert.Same(first, engine.Create(Relu(), attributes with { PostOps = [PostOp.Relu()] }));
        Assert.NotSame(first, engine.Create(Relu(), attributes with { PostOps = [PostOp.Relu(0.5f)] }));
        Assert.NotSame(first, engine.Create(Relu(5), attributes));
        Assert.NotSame(first, engine.Create(Relu()));
        Assert.True(first.Report.IsReference);
    }

    [Fact]
    public void Cache_is_bounded_in_bytes_and_drops_what_was_used_least_recently()
    {
        using var engine = new TestEngine(Isa.None, [new Fake("fake:any", size: 1000)], cacheBytes: 3000);
        Primitive[] first = [.. Enumerable.Range(1, 3).Select(i => engine.Create(Relu(i)))];
        Assert.Equal(3000, engine.CachedBytes);
        Assert.Same(first[0], engine.Create(Relu(1)));
        engine.Create(Relu(4));
        Assert.Equal(3000, engine.CachedBytes);
        Assert.Same(first[0], engine.Create(Relu(1)));
        Assert.NotSame(first[1], engine.Create(Relu(2)));
        engine.Trim();
        Assert.Equal(0, engine.CachedBytes);
    }

    [Fact]
    public void A_plan_from_the_cache_costs_no_allocation()
    {
        using var engine = new ReferenceEngine();
        EltwiseDescriptor descriptor = Relu();
        engine.Create(descriptor);
        engine.Create(descriptor);   // the first look-up that finds something makes comparers
        Assert.Equal(0, Allocations.Fewest(() => engine.Create(descriptor)));
    }

    [Fact]
    public void Arguments_of_another_primitive_are_refused_by_kind()
    {
        using var engine = new ReferenceEngine();
        using ExecutionStream stream = engine.CreateStream();
        using var memory = new TensorMemory(new MemoryDescriptor([4], DataType.Float32));
        Assert.Contains("Eltwise", Assert.Throws<ArgumentException>(
            () => engine.Create(Relu()).Execute(stream, new BinaryArguments(memory, memory, memory))).Message);
    }

    [Fact]
    public void Arguments_of_several_sources_reach_their_places()
    {
        using var engine = new ReferenceEngine();
        using ExecutionStream stream = engine.CreateStream();
        var two = new MemoryDescriptor([2], DataType.Float32);
        var four = new MemoryDescriptor([4], DataType.Float32);
        using TensorMemory first = TensorMemory.From<float>(two, [-1, 2]), second = TensorMemory.From<float>(two, [3, -4]);
        using TensorMemory condition = TensorMemory.From<byte>(new MemoryDescriptor([2], DataType.UInt8), [0, 1]);
        using var result = new TensorMemory(two);
        using var joined = new TensorMemory(four);
        engine.Create(new ConcatDescriptor { Sources = [two, two], Destination = four, Axis = 0 })
            .Execute(stream, new ManySourcesArguments([first, second], joined));
        Assert.Equal([-1, 2, 3, -4], joined.AsSpan<float>());
        engine.Create(new PReluDescriptor { Source = two, Slopes = two, Destination = two })
            .Execute(stream, new PReluArguments(first, second, result));
        Assert.Equal([-3, 2], result.AsSpan<float>());
        engine.Create(new SelectDescriptor { Source = two, Source1 = two, Condition = condition.Descriptor, Destination = two })
            .Execute(stream, new SelectArguments(first, second, condition, result));
        Assert.Equal([3, 2], result.AsSpan<float>());
    }

    [Fact]
    public void Threads_that_ask_at_once_get_one_plan()
    {
        using var engine = new ReferenceEngine();
        var primitives = new Primitive[8];
        System.Threading.Tasks.Parallel.For(0, primitives.Length, i => primitives[i] = engine.Create(Relu()));
        Assert.Single(primitives.Distinct());
    }

    [Fact]
    public void Descriptors_that_do_not_fit_are_refused_with_the_reason()
    {
        using var engine = new ReferenceEngine();
        var convolution = new ConvolutionDescriptor
        {
            Source = new([1, 4, 5, 5], DataType.Float32), Weights = new([8, 4, 3, 3], DataType.Float32),
            Destination = new([1, 8, 5, 5], DataType.Float32),
        };
        Assert.Contains("the window gives 3", Assert.Throws<ArgumentException>(() => engine.Create(convolution)).Message);
        ConvolutionDescriptor padded = convolution with { PaddingBefore = [1, 1], PaddingAfter = [1, 1] };
        Assert.Equal("ref_conv:any", engine.Create(padded).ImplementationName);
        var scales = new PrimitiveAttributes { WeightsScale = QuantizationScale.PerChannel([1f, 2f]) };
        Assert.Contains("2 weights scales given for 8 channels",
            Assert.Throws<ArgumentException>(() => engine.Create(padded, scales)).Message);
        var operand = new PrimitiveAttributes { PostOps = [PostOp.Binary(BinaryAlgorithm.Add, new([1, 3, 1, 1], DataType.Float32))] };
        Assert.Contains("does not broadcast", Assert.Throws<ArgumentException>(() => engine.Create(padded, operand)).Message);
        var sum = new PrimitiveAttributes { PostOps = [PostOp.Sum(dataType: DataType.UInt8)] };
        Assert.Contains("another size", Assert.Throws<ArgumentException>(() => engine.Create(padded, sum)).Message);
    }

    [Fact]
    public void Lists_that_were_never_set_are_empty_or_refused()
    {
        using var engine = new ReferenceEngine();
        using ExecutionStream stream = engine.CreateStream();
        var two = new MemoryDescriptor([2], DataType.Float32);
        using TensorMemory memory = TensorMemory.From<float>(two, [1, 2]);
        var sum = new SumDescriptor { Sources = [two], Scales = default, Destination = two };
        engine.Create(sum).Execute(stream, new ManySourcesArguments([memory], memory));
        Assert.Equal([1, 2], memory.AsSpan<float>());
        Assert.True(engine.Explain(new ConcatDescriptor { Axis = 0, Sources = [two], ZeroPoints = default, Destination = two }).IsReference);
        Assert.Contains("not 0", Assert.Throws<ArgumentException>(
            () => engine.Create(sum).Execute(stream, new ManySourcesArguments(default, memory))).Message);
        Assert.Contains("1 to 32 sources", Assert.Throws<ArgumentException>(() => engine.Create(sum with { Sources = default })).Message);
        Assert.Throws<ArgumentNullException>(() => new PrimitiveAttributes { PostOps = null! });
        Assert.Throws<ArgumentException>(() => PostOpChain.Create([null!]));
    }

    [Fact]
    public void Tensors_that_do_not_fit_are_refused_by_name()
    {
        using var engine = new ReferenceEngine();
        using ExecutionStream stream = engine.CreateStream();
        using var right = new TensorMemory(new MemoryDescriptor([4], DataType.Float32));
        using var wrong = new TensorMemory(new MemoryDescriptor([5], DataType.Float32));
        Primitive relu = engine.Create(Relu());
        Assert.Contains("Destination is f32:a:5",
            Assert.Throws<ArgumentException>(() => relu.Execute(stream, new UnaryArguments(right, wrong))).Message);
        Assert.Throws<ArgumentException>(() => relu.Execute(stream, new UnaryArguments(right, null!)));
        Assert.Throws<InvalidOperationException>(() => relu.Weights);
    }

    [Fact]
    public void Scratch_memory_is_granted_and_kept()
    {
        using var engine = new TestEngine(Isa.None, [new Fake("fake:any", scratch: 10_000)]);
        using ExecutionStream stream = engine.CreateStream();
        using var memory = new TensorMemory(new MemoryDescriptor([4], DataType.Float32));
        Primitive primitive = engine.Create(Relu());
        primitive.Execute(stream, new UnaryArguments(memory, memory));
        Assert.Equal(1f, memory.AsSpan<float>()[0]);
        int runs = 1;
        Assert.Equal(0, Allocations.Fewest(() =>
        {
            primitive.Execute(stream, new UnaryArguments(memory, memory));
            runs++;
        }));
        Assert.Equal(runs, memory.AsSpan<float>()[0]);
    }

    [Fact]
    public void Tiers_have_names_in_both_directions()
    {
        foreach ((string name, Isa isa) in IsaTiers.All)
        {
            Assert.Equal(isa, IsaTiers.Parse(name.ToUpperInvariant()));
            Assert.Equal(name, IsaTiers.NameOf(isa));
        }

        Assert.Contains("avx512_vnni", Assert.Throws<FormatException>(() => IsaTiers.Parse("avx1024")).Message);
    }

    // Refuses with the given reason, or plans something that fills its scratch memory and counts its executions.
    private sealed class Fake(string name, (RejectionReason Reason, string Detail)? refusal = null, long size = 100,
        long scratch = 0) : IImplementation
    {
        public PrimitiveKind Kind => PrimitiveKind.Eltwise;

        public string Name => name;

        public PlanResult TryPlan(PlanRequest request) => refusal is { } r
            ? new Rejection(name, r.Reason, r.Detail)
            : new Plan(name, request.Descriptor, size, scratch);

        private sealed unsafe class Plan(string name, PrimitiveDescriptor descriptor, long size, long scratch) : PrimitivePlan
        {
            public override string Name => name;

            public override PrimitiveDescriptor Descriptor => descriptor;

            public override long SizeInBytes => size;

            public override long ScratchBytes => scratch;

            public override void Execute(in ExecutionContext context)
            {
                new Span<byte>(context.Scratch, (int)ScratchBytes).Fill(1);
                *(float*)context.Arguments[ArgumentSlot.Destination] += 1;
            }
        }
    }
}
