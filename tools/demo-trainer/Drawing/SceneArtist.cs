// Draws one 32×32 picture: a shape of random pose, colour and texture over a shaded background, with clutter in front and
// behind, occlusion, low contrast and sensor noise. Everything follows from (seed, split, index).
using System.Numerics;
using Int8Runtime.Quantization;

namespace Int8Runtime.DemoTrainer;

/// <summary>The sets of pictures; their random streams never meet.</summary>
internal enum Split
{
    /// <summary>Training; every epoch draws new pictures.</summary>
    Training = 1,

    /// <summary>For calibrating the quantizer.</summary>
    Calibration = 2,

    /// <summary>For measuring accuracy.</summary>
    HeldOut = 3,
}

/// <summary>Draws labelled pictures; classes take turns.</summary>
internal sealed class SceneArtist(ulong seed)
{
    public const int Side = Cifar10Dataset.Side;

    public static int LabelOf(long index) => (int)(index % Outline.All.Length);

    /// <summary>Draws one picture.</summary>
    /// <param name="split">The set it belongs to.</param>
    /// <param name="index">Its number in the set; the class is <see cref="LabelOf"/> of it.</param>
    /// <param name="planes">Receives 3·32·32 bytes, planes R, G, B.</param>
    public void Draw(Split split, long index, Span<byte> planes)
    {
        var random = SplitMix64.ForStream(seed, (ulong)split, (ulong)index);
        var canvas = new Vector3[Side * Side];
        Vector3 back = Colour(random);
        PaintBackground(canvas, back, random);
        for (int i = random.Below(4); i > 0; i--)
            PaintStroke(canvas, random);

        PaintShape(canvas, Outline.All[LabelOf(index)], Contrasting(back, random), random);
        for (int i = random.Below(3); i > 0; i--)
            PaintStroke(canvas, random);

        float noise = random.Uniform(3, 16);
        for (int pixel = 0; pixel < canvas.Length; pixel++)
        {
            for (int c = 0; c < 3; c++)
                planes[c * Side * Side + pixel] = (byte)Math.Clamp(canvas[pixel][c] + noise * random.Normal() + 0.5f, 0, 255);
        }
    }

    private static Vector3 Colour(SplitMix64 random) =>
        new(random.Uniform(20, 235), random.Uniform(20, 235), random.Uniform(20, 235));

    // Far enough from the background to be seen, near enough to be hard.
    private static Vector3 Contrasting(Vector3 back, SplitMix64 random)
    {
        float wanted = random.Uniform(60, 170);
        for (; ; wanted *= 0.97f)
        {
            Vector3 colour = Colour(random);
            if ((colour - back).Length() >= wanted && (colour - back).Length() <= wanted + 60)
                return colour;
        }
    }

    private static void PaintBackground(Vector3[] canvas, Vector3 colour, SplitMix64 random)
    {
        Vector2 direction = Direction(random) * random.Uniform(0, 1.5f);
        Vector3 tint = new(random.Uniform(-1, 1), random.Uniform(-1, 1), random.Uniform(-1, 1));
        for (int i = 0; i < canvas.Length; i++)
            canvas[i] = colour + tint * Vector2.Dot(Centred(i), direction);
    }

    private static void PaintShape(Vector3[] canvas, Outline outline, Vector3 colour, SplitMix64 random)
    {
        float radius = random.Uniform(6.5f, 12.5f), squeeze = random.Uniform(0.8f, 1.2f);
        var centre = new Vector2(random.Uniform(-5, 5), random.Uniform(-5, 5));
        Vector2 axis = Direction(random), stretchAxis = Direction(random);
        (Vector3 stripes, float pitch, Vector2 across) = (Vector3.Zero, random.Uniform(2.5f, 6), Direction(random));
        if (random.Below(3) == 0)
            stripes = new Vector3(random.Uniform(-35, 35), random.Uniform(-35, 35), random.Uniform(-35, 35));

        for (int i = 0; i < canvas.Length; i++)
        {
            Vector2 p = Centred(i) - centre;
            // Squeeze along a random axis, then turn and scale to the outline's own frame.
            p += stretchAxis * (Vector2.Dot(p, stretchAxis) * (squeeze - 1));
            var own = new Vector2(Vector2.Dot(p, axis), p.Y * axis.X - p.X * axis.Y) / radius;
            float coverage = Math.Clamp(0.5f - outline.Distance(own) * radius, 0, 1);
            Vector3 paint = colour + stripes * MathF.Sin(2 * MathF.PI / pitch * Vector2.Dot(p, across));
            canvas[i] = Vector3.Lerp(canvas[i], paint, coverage);
        }
    }

    private static void PaintStroke(Vector3[] canvas, SplitMix64 random)
    {
        Vector3 colour = Colour(random);
        float halfWidth = random.Uniform(0.4f, 1.1f), halfLength = random.Uniform(1, 9);
        var centre = new Vector2(random.Uniform(-16, 16), random.Uniform(-16, 16));
        Vector2 axis = Direction(random);
        for (int i = 0; i < canvas.Length; i++)
        {
            Vector2 p = Centred(i) - centre;
            float along = Math.Clamp(Vector2.Dot(p, axis), -halfLength, halfLength);
            canvas[i] = Vector3.Lerp(canvas[i], colour, Math.Clamp(0.5f - ((p - axis * along).Length() - halfWidth), 0, 1));
        }
    }

    private static Vector2 Centred(int pixel) => new(pixel % Side - Side / 2 + 0.5f, pixel / Side - Side / 2 + 0.5f);

    private static Vector2 Direction(SplitMix64 random)
    {
        float angle = random.Uniform(0, 2 * MathF.PI);
        return new Vector2(MathF.Cos(angle), MathF.Sin(angle));
    }
}
