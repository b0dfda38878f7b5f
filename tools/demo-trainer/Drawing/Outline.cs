// The ten shapes, as signed distances (negative inside) in units in which the shape's outer radius is 1.
using System.Numerics;

namespace Int8Runtime.DemoTrainer;

/// <summary>A shape given by its signed distance function; the index of the class is the index in <see cref="All"/>.</summary>
/// <param name="Name">Name of the class.</param>
/// <param name="Distance">Signed distance of a point to the outline, negative inside.</param>
internal sealed record Outline(string Name, Func<Vector2, float> Distance)
{
    public static readonly Outline[] All =
    [
        new("disc", p => p.Length() - 0.85f),
        new("ring", p => MathF.Abs(p.Length() - 0.7f) - 0.2f),
        Polygon("triangle", Regular(3)),
        Polygon("square", Regular(4)),
        Polygon("pentagon", Regular(5)),
        Polygon("star", [.. Enumerable.Range(0, 10).Select(i => OnCircle(i / 10f) * (i % 2 == 0 ? 1 : 0.45f))]),
        Polygon("cross", Cross(0.3f)),
        new("crescent", p => MathF.Max(p.Length() - 0.9f, 0.75f - (p - new Vector2(0.45f, 0)).Length())),
        Polygon("heart", [.. Enumerable.Range(0, 40).Select(i => Heart(2 * MathF.PI * i / 40))]),
        Polygon("arrow",
        [
            new(1, 0), new(0.1f, 0.75f), new(0.1f, 0.28f), new(-0.95f, 0.28f),
            new(-0.95f, -0.28f), new(0.1f, -0.28f), new(0.1f, -0.75f),
        ]),
    ];

    private static Vector2 OnCircle(float turns) => new(MathF.Cos(2 * MathF.PI * turns), MathF.Sin(2 * MathF.PI * turns));

    private static Vector2[] Regular(int corners) => [.. Enumerable.Range(0, corners).Select(i => OnCircle(i / (float)corners))];

    private static Vector2[] Cross(float half) =>
    [
        new(1, half), new(half, half), new(half, 1), new(-half, 1), new(-half, half), new(-1, half),
        new(-1, -half), new(-half, -half), new(-half, -1), new(half, -1), new(half, -half), new(1, -half),
    ];

    private static Vector2 Heart(float t) => new(
        MathF.Pow(MathF.Sin(t), 3),
        (13 * MathF.Cos(t) - 5 * MathF.Cos(2 * t) - 2 * MathF.Cos(3 * t) - MathF.Cos(4 * t)) / 17 + 0.15f);

    private static Outline Polygon(string name, Vector2[] corners) => new(name, p => DistanceToPolygon(corners, p));

    // Distance to the nearest edge; the sign flips at every edge that a ray from the point crosses.
    private static float DistanceToPolygon(Vector2[] corners, Vector2 p)
    {
        float nearest = float.MaxValue;
        bool inside = false;
        for (int i = 0, j = corners.Length - 1; i < corners.Length; j = i++)
        {
            Vector2 a = corners[j], edge = corners[i] - a, toPoint = p - a;
            float along = Math.Clamp(Vector2.Dot(toPoint, edge) / edge.LengthSquared(), 0, 1);
            nearest = MathF.Min(nearest, (toPoint - edge * along).LengthSquared());
            if (corners[i].Y > p.Y != a.Y > p.Y && toPoint.X < edge.X * toPoint.Y / edge.Y)
                inside = !inside;
        }

        return inside ? -MathF.Sqrt(nearest) : MathF.Sqrt(nearest);
    }
}
