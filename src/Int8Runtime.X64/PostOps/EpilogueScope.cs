// What post-op emitters share: the epilogue's constants and the addresses of its operands.
using Int8Runtime.Jit;
using static Int8Runtime.Jit.VectorOp;

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

    /// <summary>Loads scales or biases of a vector's channels.</summary>
    /// <param name="destination">Receives them.</param>
    /// <param name="pointer">Offset of the pointer in <see cref="EpilogueArguments"/>.</param>
    /// <param name="mode">One for all channels, or one for each.</param>
    /// <param name="vector">The vector.</param>
    public void LoadParameter(Vec destination, int pointer, OperandMode mode, ResultVector vector)
    {
        Assembler.Mov(_address, _arguments[pointer]);
        if (mode == OperandMode.PerTensor)
            Assembler.Emit(Vbroadcastss, destination, _address[0]);
        else
            TypedLoad.ToFloat(Assembler, destination, DataType.Float32, OfChannel(vector.Column, sizeof(float)), vector.Active);
    }

    /// <summary>Loads the lanes of an operand of a binary post-op as f32.</summary>
    public void LoadOperand(Vec destination, BinarySpec operand, ResultVector vector)
    {
        int size = operand.Type.SizeInBytes();
        Mem pointer = _arguments[EpilogueArguments.OperandsOffset + (operand.Operand * sizeof(long))];
        switch (operand.Mode)
        {
            case OperandMode.PerTensor:
                Assembler.Mov(_address, pointer);
                TypedLoad.BroadcastToFloat(Assembler, destination, operand.Type, _address[0]);
                break;
            case OperandMode.PerChannel:
                Assembler.Mov(_address, pointer);
                TypedLoad.ToFloat(Assembler, destination, operand.Type, OfChannel(vector.Column, size), vector.Active);
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
                TypedLoad.ToFloat(Assembler, destination, operand.Type, _address[0], vector.Active);
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
