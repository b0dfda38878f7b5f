// What i8bench --help prints.
namespace Int8Runtime.Bench;

/// <summary>Usage, drivers and an example for each of them.</summary>
internal static class HelpText
{
    /// <summary>A command line for each driver that is served.</summary>
    public static IReadOnlyList<string> Examples { get; } =
    [
        "--conv --dt=u8:s8:u8 --attr-scales=src:common:0.25+wei:per_oc --attr-post-ops=sum:0.5+relu mb1ic16ih7oc32oh7kh3ph1",
        "--deconv --dt=u8:s8:s8 mb1ic16ih5oc8oh10kh3sh2ph1",
        "--ip --dt=s8:s8:f32 mb4ic64oc10",
        "--matmul --mode=P --dt=u8:s8:s32 384x1024:1024x1024",
        "--pool --dt=u8 --tag=axb --alg=avg_np mb1ic16ih8oh4kh3sh2ph1",
        "--resampling --dt=u8 --alg=linear mb1ic16ih7oh14",
        "--lrn --alg=ACROSS ic16_ih6_ls5_alpha0.0001_beta0.75",
        "--eltwise --dt=f32,u8 --alg=gelu_erf,logistic 3x15x2x5",
        "--binary --sdt=f32:u8 --ddt=f32 --alg=MUL 5x3x2x9:1x3x2x9",
        "--prelu --sdt=f32:f32 2x16x3x4:1x16x1x1",
        "--softmax --alg=LOGSOFTMAX --axis=1 16x37",
        "--concat --sdt=u8 --ddt=u8 --axis=1 2x16x3x4:2x5x3x4",
        "--sum --sdt=u8:s8 --ddt=f32 --scales=0.5:2 2x16x3x4",
        "--shuffle --dt=u8 --axis=1 --group=4 2x20x5x5",
        "--reorder --sdt=f32 --ddt=s8 --attr-scales=dst:common:0.125 --stag=abx --dtag=axb 2x17x5x3",
        "--bnorm --flags=GCH mb2ic16ih7",
        "--gnorm --flags=CH g4mb2ic16ih7",
        "--lnorm --flags=CH 12x768",
        "--reduction --sdt=u8 --ddt=u8 --alg=mean 2x16x3x4:2x16x1x1",
    ];

    /// <summary>The text.</summary>
    public static string Of() => $"""
        usage: i8bench [--mode=C|P|R|L|CP] [--json] [--quiet] --DRIVER [OPTION]... PROBLEM|--batch=FILE...

        Tests and times primitives by benchdnn's command lines. A comma separates values; every combination is a case.
        Modes: C compares with the reference (default), P prints times, R runs, L lists.
        Drivers: {string.Join(' ', Driver.All.Where(driver => driver.Build is not null).Select(driver => driver.Name))}
        The options are explained in docs/i8bench.md. The exit code is 1 if a case failed, 2 if the command line is wrong.

        Examples:
        {string.Join(Environment.NewLine, Examples.Select(example => "  i8bench " + example))}
        """;
}
