// The test tools themselves: they must notice what they are for.
using Int8Runtime.Reference;
using Int8Runtime.TestKit;

namespace Int8Runtime.Core.Tests.TestKit;

public sealed unsafe class TestKitTests
{
    [Theory]
    [InlineData(GuardPlacement.AtEnd)]
    [InlineData(GuardPlacement.AtStart)]
    public void Guarded_memory_touches_an_inaccessible_page(GuardPlacement placement)
    {
        using var memory = new GuardedMemory(100, placement);
        nint inside = (nint)memory.Pointer;
        nint outside = placement == GuardPlacement.AtEnd ? inside + 100 : inside - 1;
        memory.Span.Fill(1);
        if (OperatingSystem.IsLinux())
        {
            Assert.Equal("rw-p", ProtectionAt(inside));
            Assert.Equal("---p", ProtectionAt(outside));
        }

        Assert.Equal(0, (placement == GuardPlacement.AtEnd ? outside : inside) % Environment.SystemPageSize);
        memory.ThrowIfSlackWritten();
        memory.Pointer[placement == GuardPlacement.AtEnd ? -1 : 100] = 0;
        Assert.Throws<InvalidOperationException>(memory.ThrowIfSlackWritten);
    }

    [Fact]
    public void References_take_the_whole_catalogue_on_every_tier() =>
        Assert.Empty(TierCoverage.RunAll(ReferenceImplementations.All, Catalogue.Small));

    [Fact]
    public void An_implementation_that_is_never_executed_is_reported()
    {
        IReadOnlyList<string> gaps = TierCoverage.RunAll([new Wrong(WrongKind.Refuses)], Catalogue.Small);
        Assert.Contains(gaps, gap => gap.Contains("wrong:any took no problem on none"));
        Assert.Contains(gaps, gap => gap.Contains("was executed on no tier"));
    }

    [Theory]
    [InlineData(WrongKind.OffByOne, "expected 7, got 8")]
    [InlineData(WrongKind.WritesBehind, "behind the tensor was written")]
    [InlineData(WrongKind.WritesGap, "outside the elements")]
    public void Wrong_results_are_noticed_and_name_the_problem(WrongKind kind, string expected)
    {
        using var engine = new TestEngine(Isa.None, [new Wrong(kind)]);
        MemoryDescriptor gaps = MemoryDescriptor.Strided([3, 2], DataType.UInt8, [5, 1]);
        var descriptor = new EltwiseDescriptor { Algorithm = EltwiseAlgorithm.Linear, Alpha = 0, Beta = 7, Source = gaps,
            Destination = gaps };
        string message = Assert.Throws<MismatchException>(() => PrimitiveCheck.AgainstReference(
            engine, descriptor, null, new CheckOptions { Seed = 42, Placement = GuardPlacement.AtStart })).Message;
        Assert.Contains(expected, message);
        Assert.StartsWith("wrong:any on none: ", message);
        Assert.EndsWith("\n  i8bench --eltwise --dt=u8:u8 --tag=any --alg=linear --alpha=0 --beta=7 --strides=5x1:5x1 3x2", message);
        Assert.Contains("seed 42", message);
    }

    [Fact]
    public void Tolerances_count_units_and_bounds()
    {
        float next = MathF.BitIncrement(1f);
        Assert.False(Tolerance.Exact.Accepts(1f, next, DataType.Float32));
        Assert.True(new Tolerance(1).Accepts(1f, next, DataType.Float32));
        Assert.False(new Tolerance(1).Accepts(1f, MathF.BitIncrement(next), DataType.Float32));
        Assert.True(new Tolerance(2).Accepts(float.Epsilon, -float.Epsilon, DataType.Float32));
        Assert.True(new Tolerance(1).Accepts(5, 6, DataType.UInt8));
        Assert.True(Tolerance.Within(0.1, 0).Accepts(10, 10.9f, DataType.Float32));
        Assert.True(Tolerance.Exact.Accepts(float.NaN, float.NaN, DataType.Float32));
        Assert.False(Tolerance.Within(1, 1).Accepts(float.NaN, 0, DataType.Float32));
        Assert.True(Tolerance.Exact.Accepts(0f, -0f, DataType.Float32));
    }

    [Fact]
    public void Fills_are_reproducible_and_hold_extremes()
    {
        var descriptor = new MemoryDescriptor([1000], DataType.Int8);
        using var a = new TensorMemory(descriptor);
        using var b = new TensorMemory(descriptor);
        TensorFill.Random(a, 5);
        TensorFill.Random(b, 5);
        Assert.Equal(a.AsSpan<sbyte>(), b.AsSpan<sbyte>());
        Assert.True(a.AsSpan<sbyte>().Contains<sbyte>(-128) && a.AsSpan<sbyte>().Contains<sbyte>(127));
        TensorFill.Random(b, 6);
        Assert.False(a.AsSpan<sbyte>().SequenceEqual(b.AsSpan<sbyte>()));
    }

    [Fact]
    public void Random_convolutions_agree_with_themselves_on_guarded_memory()
    {
        using var engine = new ReferenceEngine();
        Properties.Check(Arbitraries.IntegerConvolution,
            problem => PrimitiveCheck.AgainstReference(engine, problem.Descriptor, problem.Attributes, problem.Options), 20);
        Properties.Check(Arbitraries.FloatConvolution,
            problem => PrimitiveCheck.AgainstReference(engine, problem.Descriptor, problem.Attributes, problem.Options), 10);
    }

    [Fact]
    public void Failing_problems_are_reduced_and_printed_as_a_line_for_i8bench()
    {
        Exception failure = Assert.ThrowsAny<Exception>(() => Properties.Check(Arbitraries.IntegerConvolution, problem =>
        {
            if (problem.Descriptor is ConvolutionDescriptor { Groups: 1 } convolution && convolution.Source.Dimensions[1] > 2
                && problem.Attributes.PostOps.Any(postOp => postOp is SumPostOp))
                throw new MismatchException("a sum over three channels");
        }, 1000));
        string shrunk = failure.Message[failure.Message.IndexOf("Shrunk:", StringComparison.Ordinal)..];
        Assert.Contains("i8bench --conv ", shrunk);
        Assert.Contains(" mb1ic3i", shrunk);
        Assert.Matches(@"--attr-post-ops=sum[0-9.:e-]* mb1ic3ih\d+iw\d+oc1", shrunk);
        Assert.DoesNotContain("--attr-scales", shrunk);
        Assert.DoesNotContain("FWD_B", shrunk);
    }

    private static string ProtectionAt(nint address)
    {
        foreach (string line in File.ReadLines("/proc/self/maps"))
        {
            string[] parts = line.Split(' ');
            ulong[] range = [.. parts[0].Split('-').Select(text => Convert.ToUInt64(text, 16))];
            if ((ulong)address >= range[0] && (ulong)address < range[1])
                return parts[1];
        }

        return "unmapped";
    }

    public enum WrongKind
    {
        Refuses,
        OffByOne,
        WritesBehind,
        WritesGap,
    }

    private sealed class Wrong(WrongKind kind) : IImplementation
    {
        public PrimitiveKind Kind => PrimitiveKind.Eltwise;

        public string Name => "wrong:any";

        public PlanResult TryPlan(PlanRequest request) => kind == WrongKind.Refuses
            ? new Rejection(Name, RejectionReason.Shape, "never")
            : new Plan(kind, (EltwiseDescriptor)request.Descriptor);

        // Stores 7 everywhere, except for its mistake.
        private sealed class Plan(WrongKind kind, EltwiseDescriptor descriptor) : PrimitivePlan
        {
            public override string Name => "wrong:any";

            public override PrimitiveDescriptor Descriptor => descriptor;

            public override void Execute(in ExecutionContext context)
            {
                var data = (byte*)context.Arguments[ArgumentSlot.Destination];
                TensorFill.ForEach(descriptor.Destination.Dimensions, descriptor.Destination, offset => data[offset] = 7);
                if (kind == WrongKind.OffByOne)
                    data[6] = 8;
                if (kind == WrongKind.WritesGap)
                    data[3] = 8;
                if (kind == WrongKind.WritesBehind)
                    data[descriptor.Destination.SizeInBytes] = 8;
            }
        }
    }
}
