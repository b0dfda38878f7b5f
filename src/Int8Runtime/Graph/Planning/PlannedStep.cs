// Steps of a plan, and the same steps bound to the memory of a request.
using System.Runtime.InteropServices;
using Int8Runtime.Graph.Lowering;

namespace Int8Runtime.Graph.Planning;

/// <summary>One step of a plan, independent of a request.</summary>
internal abstract class PlannedStep(string name)
{
    /// <summary>What the step does, for profiles.</summary>
    public string Name { get; } = name;

    /// <summary>The operation it belongs to; null for reorders between layouts.</summary>
    public Operation? Operation { get; set; }

    /// <summary>The steps of single operations that it does together; itself where there is one.</summary>
    public virtual IEnumerable<PlannedStep> Parts => [this];

    /// <summary>The kernel, for profiles.</summary>
    public virtual string Implementation => "host";

    /// <summary>Everything it reads and writes.</summary>
    public abstract IEnumerable<Location> Locations { get; }

    /// <summary>Scratch bytes that it needs.</summary>
    public virtual long ScratchBytes => 0;

    /// <summary>Prepares the step for a request.</summary>
    public abstract BoundStep Bind(TensorMemory arena);
}

/// <summary>A step with its memory, ready to run.</summary>
internal abstract class BoundStep
{
    public abstract void Execute(ExecutionStream stream);
}

/// <summary>Executes a primitive.</summary>
internal sealed class PrimitiveStep(string name, PlannedPrimitive primitive, (ArgumentSlot Slot, Location Location)[] arguments)
    : PlannedStep(name)
{
    public Primitive Primitive => primitive.Value;

    public override string Implementation => Primitive.ImplementationName;

    /// <summary>The memory of each role.</summary>
    public IReadOnlyList<(ArgumentSlot Slot, Location Location)> Arguments => arguments;

    public override IEnumerable<Location> Locations => Array.ConvertAll(arguments, a => a.Location);

    public override long ScratchBytes => Primitive.ScratchBytes;

    public override BoundStep Bind(TensorMemory arena) => Bind(arena, Primitive);

    /// <summary>The memory of a role that exists.</summary>
    public Location Find(ArgumentSlot slot) => Array.Find(arguments, a => a.Slot == slot).Location;

    /// <summary>Binds another plan of the same problem, whose packed weights have the same layout.</summary>
    public BoundStep Bind(TensorMemory arena, Primitive plan)
    {
        ExecutionArguments table = default;
        foreach ((ArgumentSlot slot, Location location) in arguments)
            table.Set(slot, location.Resolve(arena));
        return new Bound(plan, table);
    }

    private sealed class Bound(Primitive primitive, ExecutionArguments arguments) : BoundStep
    {
        private readonly ExecutionArguments _arguments = arguments;

        public override void Execute(ExecutionStream stream) => stream.Execute(primitive, in _arguments);
    }
}

/// <summary>Sets every byte of a tensor, the border of a padding, or every element.</summary>
internal sealed class FillStep(string name, Location destination, double value) : PlannedStep(name)
{
    public override IEnumerable<Location> Locations => [destination];

    public override BoundStep Bind(TensorMemory arena) => new Bound(destination.Resolve(arena), value);

    private sealed class Bound(TensorMemory destination, double value) : BoundStep
    {
        public override void Execute(ExecutionStream stream)
        {
            switch (destination.Descriptor.DataType)
            {
                case DataType.Float32:
                    destination.AsSpan<float>().Fill((float)value);
                    break;
                case DataType.Int32:
                    destination.AsSpan<int>().Fill((int)value);
                    break;
                case DataType.Int8:
                    destination.AsSpan<sbyte>().Fill((sbyte)value);
                    break;
                default:
                    destination.AsSpan<byte>().Fill((byte)value);
                    break;
            }
        }
    }
}

/// <summary>Copies a constant that is an output of the model.</summary>
internal sealed class CopyStep(string name, TensorData content, Location destination) : PlannedStep(name)
{
    public override IEnumerable<Location> Locations => [destination];

    public override BoundStep Bind(TensorMemory arena) => new Bound(content, HostMemory.Bytes(destination, arena));

    private sealed class Bound(TensorData content, TensorMemory destination) : BoundStep
    {
        public override void Execute(ExecutionStream stream) => content.Bytes.Span.CopyTo(destination.AsSpan<byte>());
    }
}

/// <summary>The bytes of tensors, for code that does not care for their type.</summary>
internal static class HostMemory
{
    /// <summary>From the first element of a tensor to its last one.</summary>
    public static TensorMemory Bytes(Location location, TensorMemory arena)
    {
        MemoryDescriptor tensor = location.Descriptor;
        int size = tensor.DataType.SizeInBytes();
        long offset = location.Buffer!.Offset + (tensor.Offset * size);
        long bytes = tensor.ElementCount == 0 ? 0 : tensor.SizeInBytes - (tensor.Offset * size);
        return arena.View(new MemoryDescriptor([checked((int)bytes)], DataType.UInt8), offset);
    }

    public static Span<byte> Bytes(TensorMemory memory) => memory.Descriptor.DataType.SizeInBytes() switch
    {
        1 => memory.AsSpan<byte>(),
        2 => MemoryMarshal.AsBytes(memory.AsSpan<ushort>()),
        4 => MemoryMarshal.AsBytes(memory.AsSpan<uint>()),
        _ => MemoryMarshal.AsBytes(memory.AsSpan<ulong>()),
    };
}
