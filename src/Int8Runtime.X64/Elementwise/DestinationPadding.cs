// The excess of blocked destinations, which kernels do not write.
using System.Runtime.InteropServices;
using Int8Runtime.Reference;

namespace Int8Runtime.X64;

internal static unsafe class DestinationPadding
{
    /// <summary>Makes the excess zero. Clearing everything is the fastest way, unless what is there is still needed.</summary>
    /// <param name="destination">The destination.</param>
    /// <param name="data">Its memory.</param>
    /// <param name="keepsElements">Whether the elements are read before they are written.</param>
    public static void Clear(MemoryDescriptor destination, byte* data, bool keepsElements)
    {
        if (destination.PaddedDimensions == destination.Dimensions)
            return;
        if (keepsElements)
            RefPadding.Clear(destination, data);
        else
            NativeMemory.Clear(data, checked((nuint)destination.SizeInBytes));
    }
}
