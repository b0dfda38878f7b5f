// Command lines, batch files and verdicts of i8bench.
using System.Text.Json;
using Int8Runtime.Reference;

namespace Int8Runtime.Bench.Tests;

public sealed class BenchTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("i8bench").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("--conv --dt=u8:s8:u8 --mb=1 --attr-scales=src:common:0.25+wei:per_oc+dst:common:2 "
        + "--attr-post-ops=sum:0.5+relu ic19oc21ih7oh7kh3ph1", "PASSED")]
    [InlineData("--conv --cfg=s8s8f32 --dir=FWD_D g17ic17oc17ih8oh4kh3ph1sh2", "PASSED")]
    [InlineData("--conv --dt=u8:s8:u8 --attr-scales=dst:common:8+attr_post_op_dw_dst:common:4 "
        + "--attr-post-ops=relu+dw:k3s2p1:s8+relu ic16oc24ih9oh9kh1ph0", "PASSED")]
    [InlineData("--conv --dt=f32 --attr-post-ops=add:f32:per_tensor+dw:k3s1p1+add:f32:per_tensor ic7oc24ih9oh9kh1ph0", "PASSED")]
    [InlineData("--reorder --sdt=f32 --ddt=s8 --oflag=s8s8_comp:3+zp_comp:1 --attr-scales=src:per_dim_02+dst:per_dim_1 "
        + "--dtag=ABx4b16a4b 19x7x3", "PASSED")]
    [InlineData("--reorder --sdt=s8 --ddt=f32 --attr-scales=src:per_tensor:f32:8x1 12x16x7", "PASSED")]
    [InlineData("--reorder --sdt=s8 --ddt=s8 --oflag=gconv_s8s8 2x19x7x3", "PASSED")]
    [InlineData("--conv --dt=f32 --attr-post-ops=dw:k3s1p1 ic7oc24ih9oh9kh3ph1", "SKIPPED")]
    [InlineData("--ip --dt=f32 ic33oc7", "PASSED")]
    [InlineData("--matmul --dt=u8:s8:s32 --wtag=ba 5x31:31x9", "PASSED")]
    [InlineData("--pool --dt=s8 --tag=axb --alg=avg_np mb1ic17ih9oh5kh3sh2ph1", "PASSED")]
    [InlineData("--eltwise --dt=f32 --alg=gelu_erf 3x15x2x5", "PASSED")]
    [InlineData("--binary --sdt=f32:u8 --ddt=f32 --alg=MUL 5x3x2x9:1x3x2x9", "PASSED")]
    [InlineData("--eltwise --dt=f32 --alg=bounded_relu --alpha=0.5 3x15x2x5", "PASSED")]
    [InlineData("--eltwise --dt=f32 --alg=logsigmoid 3x15x2x5", "PASSED")]
    [InlineData("--binary --attr-post-ops='sum:0.25;bounded_relu:0.5' 3x4:3x4", "PASSED")]
    [InlineData("--softmax --stag=aBx8b --axis=1 2x19x3x5", "PASSED")]
    [InlineData("--softmax --alg=LOGSOFTMAX --axis=1 16x37", "PASSED")]
    [InlineData("--lrn ic15_ih6_ls3_alpha0.5_beta0.75_k2n\"name\"", "PASSED")]
    [InlineData("--concat --axis=1 --stag=axb:axb 2x16x3x4:2x5x3x4", "PASSED")]
    [InlineData("--reorder --sdt=f32 --ddt=s8 --attr-scales=dst:common:0.125 --stag=abx --dtag=axb 2x17x5x3", "PASSED")]
    [InlineData("--conv --dir=BWD_D ic3oc4ih5oh5kh3ph1", "SKIPPED")]
    [InlineData("--conv --dt=f8_e5m2 ic3oc4ih5oh5kh3ph1", "SKIPPED")]
    [InlineData("--matmul --dt=s8:u8:f16 --attr-scales=src:per_ocic:f16:1x64+wei:per_ocic:f16:32x1 --attr-zero-points=src:per_oc:s8:1x32 6x64:64x20", "PASSED")]
    [InlineData("--matmul --dt=f64 2x2:2x2", "SKIPPED")]
    [InlineData("--eltwise --engine=gpu 2x2", "SKIPPED")]
    [InlineData("--rnn l1t1", "UNIMPLEMENTED")]
    [InlineData("--conv --alg=wino ic3oc4ih5oh5kh3ph1", "UNIMPLEMENTED")]
    [InlineData("--matmul --dt=u8:s8:s32 --bia_dt=f32 --bia-mask=2 --runtime-dims-masks=1:0 5x31:31x9:5x9", "PASSED")]
    [InlineData("--matmul --dt=u8:s8:u8 --attr-zero-points=src:common:-5 5x31:31x9", "PASSED")] // no value of u8
    [InlineData("--deconv --cfg=u8s8u8 --allow-unimpl=true ic1oc1_ih5oh7kh3\"name%4\"", "PASSED")]
    [InlineData("--conv --dir=bwd_d ic3oc4ih5oh5kh3ph1", "SKIPPED")]
    [InlineData("--conv -v5 --attr-post-ops=eltwise_relu:0.5+binary_add:f32:common ic3oc4ih5oh5kh3ph1n%name_!=0", "PASSED")]
    [InlineData("--conv --cfg=u8s8s8 --attr-post-ops=relu+dw_k3s1p1:s8:per_oc:1.5 ic3oc4ih5oh5kh1", "PASSED")]
    [InlineData("--reorder --sdt=f32 --ddt=s8 --attr-oscale=per_dim_1:0* --dtag=axb 2x17x5x3", "PASSED")]
    [InlineData("--reorder --sdt=f32 --ddt=s8 --attr-oscale=common:0* 2x8x8", "PASSED")]
    [InlineData("--reorder --sdt=f32 --ddt=s8 --attr-scales=src:common:0 2x8x8", "UNIMPLEMENTED")]
    [InlineData("--deconv --cfg=u8s8u8 --attr-oscale=per_oc:2.25; ic1ih8oc5oh15kh5sh2ph0", "PASSED")]
    [InlineData("--conv --cfg=f32_full ic3oc4ih5oh5kh3ph1", "PASSED")]
    [InlineData("--matmul --dt=f32:s4:f32 --attr-scales=wei:per_ocic:f16:32x1 --attr-zero-points=wei:per_ocic:s4:32x1 5x64:64x20", "PASSED")]
    [InlineData("--matmul --dt=bf16:u4:bf16 --wtag=ba --attr-scales=wei:per_oc:bf16 --attr-zero-points=wei:common:7:u8 5x33:33x20", "PASSED")]
    [InlineData("--matmul --dt=s4:s4:f32 5x33:33x20", "SKIPPED")]
    [InlineData("--matmul --dt=s8:u4:f16 --attr-scales=src0:per_ocic:f16:1x32+wei:per_ocic:f16:32x1 --attr-precomputed-reductions=src0:per_tensor:s32:1x32 6x64:64x20", "PASSED")]
    [InlineData("--matmul --dt=s8:s8:f32 --attr-scales=src:1+wei:2 9x64:64x20", "PASSED")]
    [InlineData("--matmul --dt=s8:s8:f32 --attr-scales=src:2+wei:0:2 3x9x64:3x64x20", "PASSED")]
    [InlineData("--matmul --dt=f32:s8:f32 --attr-scales=wei:per_tensor:f16:32x5 7x64:64x20", "PASSED")]
    [InlineData("--matmul --dt=u8:s8:s8 --runtime_m=1 --runtime_k=0 --attr-scales=src:host_scalar:0.5+dst:common:2 7x64:64x20", "PASSED")]
    [InlineData("--matmul --attr-post-ops=add:f32:per_mb_spatial,mul:f32:per_hw,add:bf16:per_w,sub:s8:per_mb_w,max:u8:per_spatial 2x3x4x5:2x3x5x6", "PASSED")]
    [InlineData("--matmul --attr-post-ops=add:f32:per_cell 4x5:5x6", "UNIMPLEMENTED")]
    [InlineData("--matmul --attr-post-ops=select:f32:common 4x5:5x6", "UNIMPLEMENTED")]
    [InlineData("--matmul --dt=u8:s4:s8 --attr-scales=dst:common:16 --attr-zero-points=wei:common:3 5x33:33x20", "PASSED")]
    [InlineData("--matmul --dt=f32:s8:f32 --attr-scales=wei:per_tensor:f16:32x1 --attr-zero-points=wei:per_tensor:s8:1x5 3x7x64:3x64x20", "PASSED")]
    [InlineData("--matmul --dt=s8:u4:f16 --attr-scales=src:per_tensor:f16:1x32+wei:common:0.5 3x7x64:3x64x20", "PASSED")]
    [InlineData("--conv --dt=f32:s4:f32 ic6oc8ih5oh5kh3ph1", "PASSED")]
    [InlineData("--conv --dt=u8:s8:f32 --attr-scales=wei:per_dim_01 g2ic6oc8ih5oh5kh3ph1", "PASSED")]
    [InlineData("--conv --dt=u8:s8:f32 --attr-scales=wei:per_ocic ic6oc8ih5oh5kh3ph1", "UNIMPLEMENTED")]
    [InlineData("--conv --dt=u8:s8:f32 --wtag=gOIhw4i16o4i g2ic6oc32ih5oh5kh3ph1", "PASSED")]
    [InlineData("--conv --dt=u8:s8:f32 --wtag=hwigo g2ic6oc8ih5oh5kh3ph1", "PASSED")]
    [InlineData("--conv --wtag=Goihw16g g19ic19oc19ih5oh5kh3ph1", "PASSED")]
    [InlineData("--conv --strides=:9x9x9x3x1: g19ic19oc19ih5oh5kh3ph1", "PASSED")]
    [InlineData("--conv --wtag=giohw g2ic6oc8ih5oh5kh3ph1", "UNIMPLEMENTED")]
    [InlineData("--conv --dt=u8:s8:u8 --attr-zero-points=src:per_dim_1:2*_wei:common:1_dst:common:3 ic6oc8ih5oh5kh3ph1", "PASSED")]
    [InlineData("--engine=gpu --conv --reset ic6oc8ih5oh5kh3ph1", "SKIPPED")]
    [InlineData("--matmul --sparse-options=csr:0.9:: 4x5:5x6", "SKIPPED")]
    [InlineData("--mode=B --stream-kind=in_order --matmul 4x5:5x6", "PASSED")]
    [InlineData("--mode=S --fix-times-per-prb=2 --matmul 4x5:5x6", "UNCHECKED")]
    [InlineData("--reorder 1x4294967296x1", "UNIMPLEMENTED")]
    [InlineData("--sum --idt=u8:s8 --odt=f32 --itag=axb --otag=abx 2x16x3x4", "PASSED")]
    [InlineData("--binary --engine=cpu:0 --alg=binary_add --runtime-quantization=true "
        + "--attr-scales=src:common:2+src1:common:3 4x4:4x4", "PASSED")]
    public void Cases_end_with_the_expected_verdict(string line, string verdict)
    {
        (int code, string[] output) = Run(line.Split(' '));
        Assert.StartsWith("0:" + verdict, output[0], StringComparison.Ordinal);
        Assert.Equal(0, code);
    }

    [Fact]
    public void Types_of_older_files_are_those_of_the_operands()
    {
        (_, string[] output) = Run("--pool", "--cfg=u8,s8f32", "mb1ic17ih9oh5kh3sh2ph1");
        Assert.StartsWith("0:PASSED", output[0], StringComparison.Ordinal);
        var knobs = new Knobs();
        knobs.TrySet("cfg", "u8,s8f32,bf16bf16f32");
        Assert.Equal(["u8", "s8:f32", "bf16:bf16:f32"], knobs.Combinations().Select(TypesAndTags.OfOperands));
    }

    [Fact]
    public void Help_has_an_example_for_each_driver_and_all_of_them_pass()
    {
        string help = HelpText.Of();
        foreach (Driver driver in Driver.All.Where(driver => driver.Build is not null))
            Assert.Contains($"i8bench --{driver.Name} ", help, StringComparison.Ordinal);
        foreach (string example in HelpText.Examples)
        {
            (int code, string[] output) = Run(example.Replace("--mode=P", "--mode=R", StringComparison.Ordinal).Split(' '));
            Assert.Equal(0, code);
            Assert.Matches("^0:(PASSED|UNCHECKED)", output[0]);
        }
    }

    [Fact]
    public void Lists_multiply_and_the_repro_line_repeats_the_case()
    {
        (_, string[] output) = Run("--mode=L", "--eltwise", "--dt=f32,u8", "--alg=relu,abs", "--tag=axb", "2x3x4");
        string[] cases = [.. output.Where(l => l.Contains("__REPRO: ", StringComparison.Ordinal))
            .Select(l => l[(l.IndexOf("__REPRO: ", StringComparison.Ordinal) + 9)..])];
        Assert.Equal(
            ["--eltwise --dt=f32 --tag=axb --alg=relu 2x3x4", "--eltwise --dt=f32 --tag=axb --alg=abs 2x3x4",
             "--eltwise --dt=u8 --tag=axb --alg=relu 2x3x4", "--eltwise --dt=u8 --tag=axb --alg=abs 2x3x4"], cases);
    }

    [Fact]
    public void Batches_nest_beside_the_file_that_names_them_and_share_options()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "inner"));
        File.WriteAllText(Path.Combine(_folder, "outer"),
            "--reset # comment\n--alg=abs, \\\n   relu\n--batch=inner/shapes\n--batch=nowhere\n");
        File.WriteAllText(Path.Combine(_folder, "inner", "shapes"), "2x3 4x5\n--batch=more\n");
        File.WriteAllText(Path.Combine(_folder, "inner", "more"), "6x7\n");
        (int code, string[] output) = Run("--json", "--eltwise", "--batch=" + Path.Combine(_folder, "outer"));
        Assert.Equal(0, code);
        using JsonDocument totals = JsonDocument.Parse(output[^1]);
        Assert.Equal(6, totals.RootElement.GetProperty("passed").GetInt32());
        Assert.Equal(
            ["failed", "mistrusted", "passed", "skipped", "total_min_ms", "unimplemented"],
            totals.RootElement.EnumerateObject().Select(p => p.Name).Order());
        Assert.Contains(output, line => line.Contains("nowhere", StringComparison.Ordinal));
    }

    [Fact]
    public void What_a_file_says_in_words_of_a_newer_suite_is_unimplemented()
    {
        string file = Path.Combine(_folder, "newer");
        File.WriteAllText(file, "--attr-novelty=1 2x3\n--reset --alg=relu,novelty 2x3\n");
        (int code, string[] output) = Run("--json", "--eltwise", "--batch=" + file);
        Assert.Equal(0, code);
        Assert.Contains(output, line => line.Contains("UNIMPLEMENTED (the option --attr-novelty=1)", StringComparison.Ordinal));
        Assert.Contains(output, line => line.Contains("PASSED", StringComparison.Ordinal));
        Assert.Contains(output, line => line.Contains("UNIMPLEMENTED (not understood: 'novelty'", StringComparison.Ordinal));
    }

    [Fact]
    public void Cases_can_be_left_out_and_repeated()
    {
        (_, string[] output) = Run("--quiet", "--start=2", "--repeats-per-prb=3", "--eltwise", "2x3", "4x5", "6x7");
        Assert.StartsWith("tests:5 passed:3 ", output[^1], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--nonsense")]
    [InlineData("2x3")]
    [InlineData("--conv --batch=nowhere")]
    public void Wrong_command_lines_end_with_code_2(string line) => Assert.Equal(2, Run(line.Split(' ')).Code);

    [Fact]
    public void A_malformed_problem_fails()
    {
        (int code, string[] output) = Run("--conv", "ic3oc4");
        Assert.Equal(1, code);
        Assert.StartsWith("0:FAILED", output[0], StringComparison.Ordinal);
    }

    [Fact]
    public void A_filtered_reference_is_skipped_and_an_all_zero_result_mistrusted()
    {
        Assert.StartsWith("0:SKIPPED", Run("--eltwise", "--impl=no_such_kernel", "2x3").Output[0], StringComparison.Ordinal);
        Assert.StartsWith("0:MISTRUSTED", Run("--eltwise", "--alg=linear", "--alpha=0", "2x3").Output[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Timing_prints_speed_and_share_of_the_peak()
    {
        (_, string[] output) = Run("--mode=P", "--max-ms-per-prb=2", "--matmul", "--dt=f32", "64x64:64x64");
        Assert.Contains("GOPS", output[0], StringComparison.Ordinal);
        Assert.Contains("ms", output[0], StringComparison.Ordinal);
    }

    [Fact]
    public void A_sample_visits_every_index_of_every_dimension()
    {
        Shape extents = [4, 35, 6, 10];
        OutputSample sample = OutputSample.Within(extents, 1, 500);
        Assert.True(sample.Step > 1);
        var seen = extents.Select(extent => new bool[extent]).ToArray();
        var index = new int[4];
        int count = 0;
        do
        {
            count++;
            for (int d = 0; d < 4; d++)
                seen[d][index[d]] = true;
        }
        while (sample.Next(index, extents));
        Assert.InRange(count, 100, 500);
        Assert.All(seen, dimension => Assert.DoesNotContain(false, dimension));
    }

    private static (int Code, string[] Output) Run(params string[] words)
    {
        using var writer = new StringWriter();
        int code = new BenchSession(writer).Run(words);
        return (code, writer.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries));
    }
}
