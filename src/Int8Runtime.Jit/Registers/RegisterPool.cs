// Registers are leased by name. Running out is an exception that says who holds what, and the log of leases gives
// dumps the role of every register at every instruction.
namespace Int8Runtime.Jit;

/// <summary>Class of registers.</summary>
internal enum RegisterClass
{
    /// <summary>rax … r15.</summary>
    General,

    /// <summary>xmm, ymm, zmm.</summary>
    Vector,

    /// <summary>k1 … k7.</summary>
    Mask,
}

/// <summary>A lease (<paramref name="Holder"/> set) or its end (null) before the instruction at a position.</summary>
internal readonly record struct LeaseEvent(int Position, RegisterClass Class, int Register, string? Holder);

/// <summary>Hands out the registers of one kernel.</summary>
internal sealed class RegisterPool
{
    private readonly CallingAbi _abi;
    private readonly Func<int> _position;
    private readonly string?[][] _holders;
    private readonly bool[][] _used;
    private readonly int[][] _order;
    private readonly List<LeaseEvent> _log = [];

    /// <summary>A pool with all registers free.</summary>
    /// <param name="traits">Gives the number of vector registers and whether opmasks exist.</param>
    /// <param name="abi">Registers that need no saving are handed out first.</param>
    /// <param name="position">Index of the next instruction, for the log.</param>
    public RegisterPool(IsaTraits traits, CallingAbi abi, Func<int> position)
    {
        (_abi, _position) = (abi, position);
        int[] vectors = [.. Enumerable.Range(traits.ReservedVectors, traits.VectorRegisters)];
        _order =
        [
            [.. abi.VolatileGpr, .. abi.SavedGpr],
            [.. vectors.Where(v => !abi.SavesVector(v)), .. vectors.Where(abi.SavesVector)],
            traits.HasOpmask ? [1, 2, 3, 4, 5, 6, 7] : [],
        ];
        _holders = [new string?[16], new string?[32], new string?[8]];
        _used = [new bool[16], new bool[32], new bool[8]];
    }

    /// <summary>All leases so far.</summary>
    public IReadOnlyList<LeaseEvent> Log => _log;

    /// <summary>Leases a general register.</summary>
    /// <exception cref="InvalidOperationException">None is free; the message names the holders.</exception>
    public Gpr Gpr(string name) => new(Take(RegisterClass.General, name), this);

    /// <summary>Leases a vector register.</summary>
    /// <inheritdoc cref="Gpr"/>
    public Vec Vec(string name) => new(Take(RegisterClass.Vector, name), this);

    /// <summary>Leases an opmask register.</summary>
    /// <inheritdoc cref="Gpr"/>
    public Mask Mask(string name) => new(Take(RegisterClass.Mask, name), this);

    /// <summary>Leases <paramref name="count"/> vector registers called name[0], name[1], …</summary>
    /// <inheritdoc cref="Gpr"/>
    public VecArray Vecs(string name, int count) => Vecs(name, 1, count);

    /// <summary>Leases a tile of vector registers called name[0,0], name[0,1], …</summary>
    /// <inheritdoc cref="Gpr"/>
    public VecArray Vecs(string name, int rows, int columns) => new(this, name, rows, columns);

    /// <summary>Registers of a class that are free.</summary>
    public int Free(RegisterClass @class) => _order[(int)@class].Count(r => _holders[(int)@class][r] is null);

    /// <summary>Registers that the kernel must preserve and has leased at some time.</summary>
    public IEnumerable<int> SavedGprInUse => _abi.SavedGpr.Where(r => _used[(int)RegisterClass.General][r]);

    /// <summary>Vector registers that the kernel must preserve and has leased at some time.</summary>
    public IEnumerable<int> SavedVectorsInUse
        => Enumerable.Range(0, 32).Where(r => _abi.SavesVector(r) && _used[(int)RegisterClass.Vector][r]);

    /// <summary>Whether any vector register has been leased.</summary>
    public bool UsesVectors => _used[(int)RegisterClass.Vector].Contains(true);

    internal Gpr Take(RegisterClass @class, int register, string name)
    {
        Hold(@class, register, name);
        return new Gpr(register, this);
    }

    internal void Release(RegisterClass @class, int register)
    {
        if (_holders[(int)@class][register] is null)
            throw new InvalidOperationException($"{@class} register {register} is given back twice.");
        _holders[(int)@class][register] = null;
        _log.Add(new(_position(), @class, register, null));
    }

    private int Take(RegisterClass @class, string name)
    {
        foreach (int register in _order[(int)@class])
        {
            if (_holders[(int)@class][register] is not null)
                continue;
            Hold(@class, register, name);
            return register;
        }
        IEnumerable<string?> holders = _order[(int)@class].Select(r => _holders[(int)@class][r]);
        throw new InvalidOperationException(
            $"No {@class.ToString().ToLowerInvariant()} register is left for '{name}'; all {_order[(int)@class].Length} " +
            $"are held: {string.Join(", ", holders)}.");
    }

    private void Hold(RegisterClass @class, int register, string name)
    {
        _holders[(int)@class][register] = name;
        _used[(int)@class][register] = true;
        _log.Add(new(_position(), @class, register, name));
    }
}

/// <summary>A row or tile of leased vector registers.</summary>
internal sealed class VecArray : IDisposable
{
    private readonly Vec[] _registers;
    private readonly int _columns;

    internal VecArray(RegisterPool pool, string name, int rows, int columns)
    {
        _columns = columns;
        _registers = new Vec[rows * columns];
        for (int i = 0; i < _registers.Length; i++)
            _registers[i] = pool.Vec(rows == 1 ? $"{name}[{i}]" : $"{name}[{i / columns},{i % columns}]");
    }

    /// <summary>Number of registers.</summary>
    public int Count => _registers.Length;

    /// <summary>A register of a row, or of a tile in row order.</summary>
    public Vec this[int index] => _registers[index];

    /// <summary>A register of a tile.</summary>
    public Vec this[int row, int column] => _registers[row * _columns + column];

    /// <summary>Gives all registers back.</summary>
    public void Dispose()
    {
        foreach (Vec register in _registers)
            register.Dispose();
    }
}
