// benchdnn's notation: fields, deductions, names, refusals, and whole shape files.
using FsCheck;
using FsCheck.Fluent;
using Int8Runtime.TestKit;

namespace Int8Runtime.Core.Tests;

public sealed class ProblemTextTests
{
    [Fact]
    public void A_convolution_is_read_with_its_squares()
    {
        ConvolutionProblem problem = ProblemText.ParseConvolution("g1mb1ic3ih224oc64oh112kh7sh2ph3n\"resnet:conv1*2\"");
        Assert.Equal("resnet:conv1*2", problem.Name);
        Assert.Equal(1, problem.Batch);
        Assert.Equal<Shape>([224, 224], problem.Input);
        Assert.Equal<Shape>([112, 112], problem.Output);
        Assert.Equal<Shape>([7, 7], problem.Kernel);
        Assert.Equal(2, problem.Axis(0).PaddingAfter);
        problem.ToDescriptor(OperandTypes.UInt8, bias: true).Validate(PrimitiveAttributes.Default);
    }

    [Theory]
    [InlineData("ic4ih8oc4kh3", "mb2ic4ih8iw8oc4oh6ow6kh3kw3sh1sw1dh0dw0ph0pw0")]
    [InlineData("ic4ih8oc4oh8kh3", "mb2ic4ih8iw8oc4oh8ow8kh3kw3sh1sw1dh0dw0ph1pw1")]
    [InlineData("mb3_ic4oc6_iw9ow4kw3sw2dw0pw0_", "mb3ic4iw9oc6ow4kw3sw2dw0pw0")]
    [InlineData("ic4id5oc4kd3pd1", "mb2ic4id5ih5iw5oc4od5oh5ow5kd3kh3kw3sd1sh1sw1dd0dh0dw0pd1ph1pw1")]
    [InlineData("g2ic4ih8iw1oc4kh3kw1dh1", "g2mb2ic4ih8iw1oc4oh4ow1kh3kw1sh1sw1dh1dw0ph0pw0")]
    public void Missing_fields_are_deduced(string text, string expected) =>
        Assert.Equal(expected, ProblemText.ParseConvolution(text).ToString());

    [Fact]
    public void Taps_on_padding_are_not_work()
    {
        // 1-D: outputs 0 and 3 lose one of three taps.
        Assert.Equal(10, ProblemText.ParseConvolution("mb1ic1iw4oc1ow4kw3pw1").MultiplyAccumulates);
        Assert.Equal(2 * 3 * 5 * 7L, ProblemText.ParseMatMul("2x3x5:1x5x7").MultiplyAccumulates);
        Assert.Equal(2 * 3 * 4 * 5L, ProblemText.ParseInnerProduct("mb1ic3ih2iw4oc5").MultiplyAccumulates);
    }

    [Theory]
    [InlineData("ih8oc4kh3", "ic is missing")]
    [InlineData("ic4ih8kh3", "oc is missing")]
    [InlineData("ic4oc4kh3", "one of id, ih and iw is missing")]
    [InlineData("ic4ih8oc4", "kh is missing")]
    [InlineData("ic4ih8oc4kh", "kh needs a number of at most 2147483647")]
    [InlineData("ic4ih8oc4kh3xy2", "'xy2' does not start with a field")]
    [InlineData("ic4ih8oc4oh3kh3ph0", "oh = 3 does not fit input, window and padding")]
    [InlineData("ic4ih2oc4kh5", "oh = -2 does not fit input, window and padding")]
    [InlineData("g3ic4ih8oc4kh3", "3 groups do not divide ic and oc")]
    public void What_is_no_convolution_is_refused_with_the_reason(string text, string reason) =>
        Assert.Equal($"'{text}': {reason}.", Assert.Throws<FormatException>(() => ProblemText.ParseConvolution(text)).Message);

    [Theory]
    [InlineData("2x3", "two operands are needed, as in 128x64:64x256")]
    [InlineData("2x3:4x5", "K is 3 in the source and 4 in the weights")]
    [InlineData("2x2x3:3x5", "the operands need the same rank, at least 2")]
    [InlineData("2x2x3:3x3x5", "dimension 0 does not broadcast")]
    [InlineData("2xy:3x5", "'y' is not an extent")]
    public void What_is_no_matrix_product_is_refused_with_the_reason(string text, string reason) =>
        Assert.Equal($"'{text}': {reason}.", Assert.Throws<FormatException>(() => ProblemText.ParseMatMul(text)).Message);

    [Fact]
    public void A_matrix_product_broadcasts()
    {
        MatMulProblem problem = ProblemText.ParseMatMul("22x1x8x14:22x4x14x8_n\"encoder:QK*12\"");
        Assert.Equal("encoder:QK*12", problem.Name);
        Assert.Equal<Shape>([22, 4, 8, 8], problem.Destination);
        problem.ToDescriptor(OperandTypes.Float32, bias: true).Validate(PrimitiveAttributes.Default);
    }

    [Fact]
    public void A_fully_connected_layer_may_have_spatial_extents()
    {
        InnerProductProblem problem = ProblemText.ParseInnerProduct("ic512ih7oc4096n\"VGG16:ip1\"");
        Assert.Equal<Shape>([7, 7], problem.Input);
        problem.ToDescriptor(OperandTypes.UInt8, bias: true).Validate(PrimitiveAttributes.Default);
        Assert.Empty(ProblemText.ParseInnerProduct("ic2oc3").Input);
    }

    [Fact]
    public void Words_skip_comments_and_join_continued_lines()
    {
        using var reader = new StringReader("# a comment\n--dt=f32,\\\n  u8 ic4oc4 # rest\n\nic5oc5");
        Assert.Equal(["--dt=f32,u8", "ic4oc4", "ic5oc5"], ProblemText.Words(reader));
    }

    [Theory]
    [InlineData("u8:s8:f32")]
    [InlineData("bf16:bf16:bf16")]
    public void Types_round_trip(string text) => Assert.Equal(text, OperandTypes.Parse(text).ToString());

    [Theory]
    [InlineData("u8:s8")]
    [InlineData("u9")]
    public void Unknown_types_are_refused(string text) => Assert.Throws<FormatException>(() => OperandTypes.Parse(text));

    [Fact]
    public void Every_problem_round_trips_and_describes_a_valid_primitive()
    {
        Gen<ConvolutionAxis> axes =
            from kernel in Gen.Choose(1, 5)
            from stride in Gen.Choose(1, 3)
            from dilation in Gen.Choose(1, 3)
            from padding in Gen.Choose(0, 3)
            from excess in Gen.Choose(0, 20)
            let window = ((kernel - 1) * dilation) + 1
            let input = Math.Max(1, window + excess - (2 * padding))
            let output = ((input + (2 * padding) - window) / stride) + 1
            select new ConvolutionAxis(input, output, kernel, stride, dilation, padding);
        Gen<ConvolutionProblem> problems =
            from rank in Gen.Choose(1, 3)
            from list in axes.ArrayOf(rank)
            from groups in Gen.Choose(1, 3)
            from inputs in Gen.Choose(1, 9)
            from outputs in Gen.Choose(1, 9)
            from batch in Gen.Choose(1, 3)
            select new ConvolutionProblem
            {
                Groups = groups,
                Batch = batch,
                InputChannels = groups * inputs,
                OutputChannels = groups * outputs,
                Input = [.. list.Select(a => a.Input)],
                Output = [.. list.Select(a => a.Output)],
                Kernel = [.. list.Select(a => a.Kernel)],
                Strides = [.. list.Select(a => a.Stride)],
                Dilations = [.. list.Select(a => a.Dilation)],
                Padding = [.. list.Select(a => a.Padding)],
                Name = "name with n",
            };
        Properties.Check(problems, problem =>
        {
            Assert.Equal(problem, ProblemText.ParseConvolution(problem.ToString()));
            ConvolutionDescriptor descriptor = problem.ToDescriptor(OperandTypes.UInt8, bias: true);
            descriptor.Validate(PrimitiveAttributes.Default);
            Assert.InRange(problem.MultiplyAccumulates, 0, descriptor.MultiplyAccumulates);
        });
    }

    [Theory]
    [InlineData("conv", PrimitiveKind.Convolution, 90, 2000)]
    [InlineData("ip", PrimitiveKind.InnerProduct, 18, 60)]
    [InlineData("matmul", PrimitiveKind.MatMul, 20, 200)]
    public void Every_shape_file_is_read(string folder, PrimitiveKind kind, int files, int problems)
    {
        if (!ExternalData.TryGet(Path.Combine("benchdnn", folder), out string? path))
            return;
        string[] shapes = Directory.GetFiles(path, "shapes_*");
        int read = 0;
        foreach (string file in shapes)
        {
            using var reader = new StreamReader(file);
            foreach (string word in ProblemText.Words(reader).Where(word => word[0] != '-'))
            {
                if (word.Contains("4294967311", StringComparison.Ordinal))
                {
                    Assert.Throws<FormatException>(() => ProblemText.Parse(kind, word)); // extents have 31 bits
                    continue;
                }

                ProblemShape problem = ProblemText.Parse(kind, word);
                problem.ToDescriptor(OperandTypes.UInt8, bias: true).Validate(PrimitiveAttributes.Default);
                Assert.Equal(problem, ProblemText.Parse(kind, problem.ToString()));
                read++;
            }
        }

        Assert.InRange(shapes.Length, files, int.MaxValue);
        Assert.InRange(read, problems, int.MaxValue);
    }
}
