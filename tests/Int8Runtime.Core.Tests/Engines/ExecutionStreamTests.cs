// What a stream refuses: primitives of other engines, tables that lack an argument, two executions at once.
using Int8Runtime.TestKit;

namespace Int8Runtime.Core.Tests.Engines;

public sealed unsafe class ExecutionStreamTests
{
    private static readonly MemoryDescriptor Matrix = new([2, 2], DataType.Float32);

    private static readonly MatMulDescriptor Product = new()
    {
        Source = new([2, 2], DataType.UInt8), Weights = new([2, 2], DataType.Int8), Destination = Matrix,
    };

    private static readonly EltwiseDescriptor Relu = new() { Algorithm = EltwiseAlgorithm.Relu, Source = Matrix, Destination = Matrix };

    public static TheoryData<string, PrimitiveAttributes> AttributesWithArguments => new()
    {
        { "operand 1", new() { PostOps = [PostOp.Relu(), PostOp.Binary(BinaryAlgorithm.Add, Matrix)] } },
        { "operand 0", new() { PostOps = [PostOp.PRelu(Matrix)] } },
        { "SourceScale", new() { SourceScale = QuantizationScale.Runtime } },
        { "SourceZeroPoint", new() { SourceZeroPoint = ZeroPoint.Runtime } },
        { "WeightsScale", new() { WeightsScale = QuantizationScale.RuntimePerChannel } },
        { "WeightsZeroPoint", new() { WeightsZeroPoint = ZeroPoint.Runtime } },
        { "DestinationScale", new() { DestinationScale = QuantizationScale.Runtime } },
        { "DestinationZeroPoint", new() { DestinationZeroPoint = ZeroPoint.Runtime } },
    };

    [Theory]
    [MemberData(nameof(AttributesWithArguments))]
    public void A_missing_argument_is_refused_by_name(string name, PrimitiveAttributes attributes)
    {
        using var engine = new ReferenceEngine();
        using ExecutionStream stream = engine.CreateStream();
        using TensorMemory source = new(Product.Source), weights = new(Product.Weights), destination = new(Matrix);
        Primitive primitive = engine.Create(Product, attributes);
        Assert.Contains($"needs {name}:", Assert.Throws<ArgumentException>(
            () => primitive.Execute(stream, new MatMulArguments(source, weights, null, destination))).Message);
    }

    [Fact]
    public void A_missing_tensor_of_a_table_is_refused_by_name()
    {
        using var engine = new ReferenceEngine();
        using ExecutionStream stream = engine.CreateStream();
        using TensorMemory memory = new(Matrix);
        Refused("Source", engine.Create(Product), ArgumentSlot.Weights, ArgumentSlot.Destination);
        Refused("Weights", engine.Create(Product), ArgumentSlot.Source, ArgumentSlot.Destination);
        Refused("Destination", engine.Create(Product), ArgumentSlot.Source, ArgumentSlot.Weights);
        Refused("Bias", engine.Create(Product with { Bias = new([2], DataType.Float32) }),
            ArgumentSlot.Source, ArgumentSlot.Weights, ArgumentSlot.Destination);
        Refused("Source1", engine.Create(new PReluDescriptor { Source = Matrix, Slopes = Matrix, Destination = Matrix }),
            ArgumentSlot.Source, ArgumentSlot.Destination);
        Refused("operand 1", engine.Create(new SumDescriptor { Sources = [Matrix, Matrix], Destination = Matrix }),
            ArgumentSlot.PostOp0, ArgumentSlot.Destination);
        Refused("SignedSourceCompensation", engine.Create(new ReorderDescriptor
        {
            Source = new([2, 2], DataType.Int8), Destination = new([2, 2], DataType.Int8),
            SignedSourceCompensation = new([2, 1], DataType.Int32),
        }), ArgumentSlot.Source, ArgumentSlot.Destination);

        void Refused(string name, Primitive primitive, params ArgumentSlot[] given)
        {
            ExecutionArguments table = default;
            foreach (ArgumentSlot slot in given)
                table.Set(slot, memory);
            Assert.Contains($"needs {name}:", Assert.Throws<ArgumentException>(() => primitive.Execute(stream, in table)).Message);
        }
    }

    [Fact]
    public void Primitives_of_another_engine_are_refused()
    {
        using ReferenceEngine engine = new(), other = new();
        using ExecutionStream stream = other.CreateStream();
        using TensorMemory memory = new(Matrix);
        Assert.Contains("another engine", Assert.Throws<ArgumentException>(
            () => engine.Create(Relu).Execute(stream, new UnaryArguments(memory, memory))).Message);
    }

    [Fact]
    public void A_second_execution_at_the_same_time_is_refused()
    {
        var plan = new Interrupted();
        using var engine = new TestEngine(Isa.None, [plan]);
        using ExecutionStream stream = engine.CreateStream();
        using TensorMemory memory = new(Matrix);
        Primitive primitive = engine.Create(Relu);
        plan.During = () =>
        {
            Assert.Throws<InvalidOperationException>(() => primitive.Execute(stream, new UnaryArguments(memory, memory)));
            Assert.Throws<InvalidOperationException>(() => stream.ReserveScratch(1 << 20));
        };
        primitive.Execute(stream, new UnaryArguments(memory, memory));
        plan.During = () => throw new NotSupportedException();
        Assert.Throws<NotSupportedException>(() => primitive.Execute(stream, new UnaryArguments(memory, memory)));
        plan.During = () => { };
        primitive.Execute(stream, new UnaryArguments(memory, memory)); // one that failed is over as well
        Assert.Equal(3f, memory.AsSpan<float>()[0]);
    }

    [Fact]
    public void Scratch_memory_outlives_a_disposal_during_the_execution()
    {
        var plan = new Interrupted();
        using var engine = new TestEngine(Isa.None, [plan]);
        ExecutionStream stream = engine.CreateStream();
        using TensorMemory memory = new(Matrix);
        Primitive primitive = engine.Create(Relu);
        plan.During = stream.Dispose;
        primitive.Execute(stream, new UnaryArguments(memory, memory));
        Assert.Equal(1f, memory.AsSpan<float>()[0]);
        Assert.Throws<ObjectDisposedException>(() => primitive.Execute(stream, new UnaryArguments(memory, memory)));
        Assert.Throws<ObjectDisposedException>(() => stream.ReserveScratch(1));
        stream.Dispose();
    }

    // Counts its executions in the destination; something happens to the stream meanwhile.
    private sealed class Interrupted : IImplementation
    {
        private const int Scratch = 1 << 16;

        public Action During { get; set; } = () => { };

        public PrimitiveKind Kind => PrimitiveKind.Eltwise;

        public string Name => "interrupted:any";

        public PlanResult TryPlan(PlanRequest request) => new Plan(this, request.Descriptor);

        private sealed class Plan(Interrupted owner, PrimitiveDescriptor descriptor) : PrimitivePlan
        {
            public override string Name => owner.Name;

            public override PrimitiveDescriptor Descriptor => descriptor;

            public override long ScratchBytes => Scratch;

            public override void Execute(in ExecutionContext context)
            {
                *(float*)context.Arguments[ArgumentSlot.Destination] += 1;
                owner.During();
                new Span<byte>(context.Scratch, Scratch).Fill(1);
            }
        }
    }
}
