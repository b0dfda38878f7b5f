// The normative implementation of each primitive; the last entry of every list.
namespace Int8Runtime.Reference;

internal static class ReferenceImplementations
{
    /// <summary>One scalar implementation for each kind of primitive.</summary>
    public static IReadOnlyList<IImplementation> All { get; } =
    [
        new RefConvolution(),
        new RefInnerProduct(),
        new RefMatMul(),
        new RefPooling(),
        new RefEltwise(),
        new RefBinary(),
        new RefSoftmax(),
        new RefLrn(),
        new RefConcat(),
        new RefReorder(),
    ];
}
