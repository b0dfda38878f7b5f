// Jump targets.
namespace Int8Runtime.Jit;

/// <summary>A place in the code that jumps refer to; made by <see cref="KernelAssembler.NewLabel"/>.</summary>
internal sealed class Label
{
    internal Label(string name) => Name = name;

    /// <summary>Shown in dumps and messages.</summary>
    public string Name { get; }

    /// <summary>Index of the instruction that the label stands before, -1 until bound.</summary>
    internal int Position { get; set; } = -1;
}

/// <summary>Conditions of jumps and conditional moves, in terms of the last <c>Cmp(left, right)</c>.</summary>
internal enum Condition
{
    /// <summary>left = right, or the last result was 0.</summary>
    Equal,

    /// <summary>left ≠ right, or the last result was not 0.</summary>
    NotEqual,

    /// <summary>left &lt; right, signed.</summary>
    Less,

    /// <summary>left ≤ right, signed.</summary>
    LessOrEqual,

    /// <summary>left &gt; right, signed.</summary>
    Greater,

    /// <summary>left ≥ right, signed.</summary>
    GreaterOrEqual,

    /// <summary>left &lt; right, unsigned.</summary>
    Below,

    /// <summary>left ≥ right, unsigned.</summary>
    AboveOrEqual,

    /// <summary>The carry flag is set (after Kortest: all mask bits are 1).</summary>
    Carry = Below,
}
