// The normative implementation of each primitive; the last entry of every list.
namespace Int8Runtime.Reference;

internal static class ReferenceImplementations
{
    /// <summary>One scalar implementation for each kind of primitive.</summary>
    public static IReadOnlyList<IImplementation> All { get; } =
    [
        new RefConvolution(),
    ];
}
