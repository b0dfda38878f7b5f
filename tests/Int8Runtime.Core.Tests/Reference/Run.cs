// Runs a primitive of the reference engine on arrays that a test writes out by hand.
using System.Runtime.InteropServices;

namespace Int8Runtime.Core.Tests.Reference;

internal static unsafe class Run
{
    /// <summary>Executes the problem and returns the destination in physical order.</summary>
    /// <param name="descriptor">The operation.</param>
    /// <param name="attributes">Quantization and post-ops.</param>
    /// <param name="arguments">Arrays of the tensors by slot, also the destination's previous content if it matters.</param>
    public static T[] On<T>(
        PrimitiveDescriptor descriptor, PrimitiveAttributes? attributes, MemoryDescriptor destination,
        params (ArgumentSlot Slot, Array Values)[] arguments)
        where T : unmanaged
    {
        using var engine = new ReferenceEngine();
        using ExecutionStream stream = engine.CreateStream();
        Primitive primitive = engine.Create(descriptor, attributes);
        var result = new T[destination.SizeInBytes / sizeof(T)];
        var pins = new List<GCHandle>();
        try
        {
            ExecutionArguments table = default;
            table[ArgumentSlot.Destination] = Pin(result);
            foreach ((ArgumentSlot slot, Array values) in arguments)
            {
                if (slot == ArgumentSlot.Destination)
                    Array.Copy(values, result, result.Length);
                else
                    table[slot] = Pin(values);
            }

            primitive.Execute(stream, in table);
            return result;
        }
        finally
        {
            pins.ForEach(pin => pin.Free());
        }

        void* Pin(Array array)
        {
            var pin = GCHandle.Alloc(array, GCHandleType.Pinned);
            pins.Add(pin);
            return (void*)pin.AddrOfPinnedObject();
        }
    }

    public static MemoryDescriptor F32(params int[] dimensions) => new(dimensions, DataType.Float32);

    public static MemoryDescriptor U8(params int[] dimensions) => new(dimensions, DataType.UInt8);

    public static MemoryDescriptor S8(params int[] dimensions) => new(dimensions, DataType.Int8);

    public static MemoryDescriptor S32(params int[] dimensions) => new(dimensions, DataType.Int32);
}
