// The two x64 calling conventions, as far as a kernel with one pointer argument sees them.
namespace Int8Runtime.Jit;

/// <summary>A calling convention.</summary>
internal sealed class CallingAbi
{
    // Register numbers in encoding order.
    private const int Rax = 0, Rcx = 1, Rdx = 2, Rbx = 3, Rbp = 5, Rsi = 6, Rdi = 7;

    private CallingAbi(string name, int argument, int[] volatileGpr, int[] savedGpr, Range savedVectors)
        => (Name, ArgumentRegister, VolatileGpr, SavedGpr, SavedVectors) =
            (name, argument, volatileGpr, savedGpr, savedVectors);

    /// <summary>System V: Linux, macOS, BSD.</summary>
    public static CallingAbi SystemV { get; } = new(
        "System V", Rdi, [Rax, Rcx, Rdx, Rsi, Rdi, 8, 9, 10, 11], [Rbx, Rbp, 12, 13, 14, 15], 0..0);

    /// <summary>Windows x64: rsi, rdi and xmm6 to xmm15 belong to the caller as well.</summary>
    public static CallingAbi Windows { get; } = new(
        "Windows", Rcx, [Rax, Rcx, Rdx, 8, 9, 10, 11], [Rbx, Rbp, Rsi, Rdi, 12, 13, 14, 15], 6..16);

    /// <summary>The convention of this process.</summary>
    public static CallingAbi Host => OperatingSystem.IsWindows() ? Windows : SystemV;

    /// <summary>Shown in messages.</summary>
    public string Name { get; }

    /// <summary>Register that holds the argument.</summary>
    public int ArgumentRegister { get; }

    /// <summary>General registers that a function may change.</summary>
    public IReadOnlyList<int> VolatileGpr { get; }

    /// <summary>General registers that a function must preserve, without rsp.</summary>
    public IReadOnlyList<int> SavedGpr { get; }

    /// <summary>Vector registers of which a function must preserve the low 128 bits.</summary>
    public Range SavedVectors { get; }

    /// <summary>Whether the low 128 bits of a vector register must be preserved.</summary>
    public bool SavesVector(int index) => index >= SavedVectors.Start.Value && index < SavedVectors.End.Value;
}
