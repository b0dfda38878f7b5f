// RoiAlign of operator sets 10 to 15.
namespace Int8Runtime.Onnx.Import.Upgrades;

/// <summary>Upgrade to the present RoiAlign.</summary>
internal static class RoiAlignUpgrade
{
    /// <summary>Before 16 no half pixel was taken off the corners, and there was no attribute to ask for it.</summary>
    public static void Import(NodeDraft node, ImportContext context)
    {
        const string Coordinates = "coordinate_transformation_mode";
        if (context.OperatorSet < 16)
        {
            node.Attributes.Remove(Coordinates);
            node.Attributes.Add(Coordinates, "output_half_pixel");
        }

        context.Emit(node);
    }
}
