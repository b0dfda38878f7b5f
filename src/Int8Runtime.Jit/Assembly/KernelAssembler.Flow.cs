// Labels, jumps and loops.
using Iced.Intel;
using static Iced.Intel.Code;
using IcedCode = Iced.Intel.Code;

namespace Int8Runtime.Jit;

internal sealed partial class KernelAssembler
{
    private readonly List<(int Position, Label Target)> _jumps = [];

    /// <summary>Makes a label; <see cref="Bind"/> gives it its place.</summary>
    public Label NewLabel(string name = "label") => new(name);

    /// <summary>Puts the label before the next instruction.</summary>
    public void Bind(Label label)
    {
        if (label == Exit || label.Position >= 0)
            throw new InvalidOperationException($"The label '{label.Name}' already has its place.");
        label.Position = _instructions.Count;
    }

    public void Jump(Label target) => Branch(Jmp_rel32_64, target);

    public void JumpIf(Condition condition, Label target) => Branch(condition switch
    {
        Condition.Equal => Je_rel32_64,
        Condition.NotEqual => Jne_rel32_64,
        Condition.Less => Jl_rel32_64,
        Condition.LessOrEqual => Jle_rel32_64,
        Condition.Greater => Jg_rel32_64,
        Condition.GreaterOrEqual => Jge_rel32_64,
        Condition.Below => Jb_rel32_64,
        _ => Jae_rel32_64,
    }, target);

    /// <summary>Repeats <paramref name="body"/> until <paramref name="counter"/> has reached 0; it must start above 0.</summary>
    public void CountDown(Gpr counter, Action body)
    {
        Label top = NewLabel("loop");
        Bind(top);
        body();
        Dec(counter);
        JumpIf(Condition.NotEqual, top);
    }

    /// <summary>As <see cref="CountDown(Gpr, Action)"/>, with the counter in a stack slot.</summary>
    public void CountDown(Mem counter, Action body)
    {
        Label top = NewLabel("loop");
        Bind(top);
        body();
        Dec(counter);
        JumpIf(Condition.NotEqual, top);
    }

    /// <summary>
    /// While <paramref name="remaining"/> ≥ <paramref name="step"/>: runs <paramref name="body"/> and subtracts the
    /// step. Leaves the rest in the register.
    /// </summary>
    public void StepDown(Gpr remaining, int step, Action body)
    {
        Label top = NewLabel("loop"), end = NewLabel("done");
        Cmp(remaining, step);
        JumpIf(Condition.Less, end);
        Bind(top);
        body();
        Sub(remaining, step);
        Cmp(remaining, step);
        JumpIf(Condition.GreaterOrEqual, top);
        Bind(end);
    }

    /// <summary>Runs <paramref name="body"/> unless the last comparison gave <paramref name="condition"/>.</summary>
    public void SkipIf(Condition condition, Action body)
    {
        Label end = NewLabel("skip");
        JumpIf(condition, end);
        body();
        Bind(end);
    }

    private void Branch(IcedCode code, Label target)
    {
        _jumps.Add((_instructions.Count, target));
        _instructions.Add(Instruction.CreateBranch(code, 0));
    }
}
