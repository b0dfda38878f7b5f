// The copy of single elements, for layouts in which no direction is consecutive.
namespace Int8Runtime.X64;

internal static unsafe class ElementCopy
{
    /// <summary>Copies <paramref name="count"/> elements of 1, 2 or 4 bytes at any strides (in bytes).</summary>
    public static void Run(byte* source, long sourceStride, byte* destination, long destinationStride, long count, int size)
    {
        switch (size)
        {
            case 1:
                for (long i = 0; i < count; i++, source += sourceStride, destination += destinationStride)
                    *destination = *source;
                break;
            case 2:
                for (long i = 0; i < count; i++, source += sourceStride, destination += destinationStride)
                    *(ushort*)destination = *(ushort*)source;
                break;
            default:
                for (long i = 0; i < count; i++, source += sourceStride, destination += destinationStride)
                    *(uint*)destination = *(uint*)source;
                break;
        }
    }
}
