// What post-op emitters share: the epilogue's constants and the addresses of its operands.
using Int8Runtime.Jit;

namespace Int8Runtime.X64;

/// <summary>The registers that stay leased during an epilogue, and the ways to reach its operands.</summary>
internal sealed class EpilogueScope : IDisposable
{
    /// <summary>General registers held.</summary>
    public const int GeneralRegisters = 3;

    private readonly Gpr _arguments, _constants, _address;
    private readonly Gpr? _channel;
    private readonly int _destinationBytes;

    /// <summary>Leases the registers and loads the addresses.</summary>
    public EpilogueScope(KernelAssembler asm, EpilogueSpec spec, Mem arguments, Gpr? channel)
    {
        (Assembler, _channel, _destinationBytes) = (asm, channel, spec.Destination.SizeInBytes());
        _arguments = asm.Registers.Gpr("epilogue");
        _constants = asm.Registers.Gpr("constants");
        _address = asm.Registers.Gpr("operand address");
        asm.Mov(_arguments, arguments);
        asm.Mov(_constants, _arguments[EpilogueArguments.ConstantsOffset]);
    }

    /// <summary>The kernel.</summary>
    public KernelAssembler Assembler { get; }

    /// <summary>A constant, as wide as a vector.</summary>
    public Mem Constant(int slot) => _constants[slot * EpiloguePlan.SlotBytes];

    /// <summary>Loads the lanes of scales, biases or the operand of a post-op as f32.</summary>
    /// <param name="destination">Receives them.</param>
    /// <param name="type">Element type.</param>
    /// <param name="mode">Which elements the lanes meet.</param>
    /// <param name="field">Offset of the operand's pointer in <see cref="EpilogueArguments"/>.</param>
    /// <param name="vector">The vector.</param>
    public void Load(Vec destination, DataType type, OperandMode mode, int field, ResultVector vector)
    {
        int size = type.SizeInBytes();
        Mem pointer = _arguments[field];
        switch (mode)
        {
            case OperandMode.PerTensor:
                Assembler.Mov(_address, pointer);
                TypedLoad.BroadcastToFloat(Assembler, destination, type, _address[0]);
                break;
            case OperandMode.PerChannel:
                Assembler.Mov(_address, pointer);
                TypedLoad.ToFloat(Assembler, destination, type, OfChannel(vector.Column, size), vector.Active);
                break;
            default:
                // The distance from the destination's first element, in the operand's bytes.
                Assembler.Lea(_address, vector.Destination);
                Assembler.Sub(_address, _arguments[EpilogueArguments.DestinationOriginOffset]);
                if (size > _destinationBytes)
                    Assembler.Shl(_address, int.Log2(size / _destinationBytes));
                else if (size < _destinationBytes)
                    Assembler.Sar(_address, int.Log2(_destinationBytes / size));
                Assembler.Add(_address, pointer);
                TypedLoad.ToFloat(Assembler, destination, type, _address[0], vector.Active);
                break;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _address.Dispose();
        _constants.Dispose();
        _arguments.Dispose();
    }

    private Mem OfChannel(int column, int size) => _channel is { } channel
        ? _address[channel, size, column * size]
        : _address[column * size];
}
