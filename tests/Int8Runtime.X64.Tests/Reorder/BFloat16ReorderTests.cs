// f32 to bf16 and back by reorders: every upper half with the lower halves around each rounding boundary, on every tier,
// natively or emulated; and the instructions that do it.
using Int8Runtime.Jit;
using Int8Runtime.Reference;

namespace Int8Runtime.X64.Tests;

public sealed class BFloat16ReorderTests
{
    private static readonly uint[] LowerHalves = [0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF];

    [Fact]
    public void B06_B09_every_rounding_is_to_nearest_even_with_denormals_to_zero_and_quiet_nan_on_every_tier()
    {
        float[] values = [.. LowerHalves.SelectMany(low => Enumerable.Range(0, 0x10000)
            .Select(high => BitConverter.UInt32BitsToSingle(((uint)high << 16) | low)))];
        ushort[] expected = [.. values.Select(ScalarAccess.ToBFloat16)];
        foreach (Isa isa in VectorEngines.Tiers)
            Assert.True(
                expected.AsSpan().SequenceEqual(Reorder<float, ushort>(isa, values, DataType.Float32, DataType.BFloat16)),
                IsaTiers.NameOf(isa));
    }

    [Fact]
    public void Every_bf16_is_widened_exactly_on_every_tier()
    {
        ushort[] values = [.. Enumerable.Range(0, 0x10000).Select(i => (ushort)i)];
        foreach (Isa isa in VectorEngines.Tiers)
        {
            uint[] widened = Reorder<ushort, uint>(isa, values, DataType.BFloat16, DataType.Float32);
            for (int i = 0; i < widened.Length; i++)
                Assert.Equal((uint)i << 16, widened[i]);
        }
    }

    [Fact]
    public void B07_B08_neighbouring_vectors_are_converted_in_pairs_and_a_rest_alone()
    {
        Epilogue epilogue = Epilogue.CreateForValues(PrimitiveAttributes.Default, DataType.BFloat16);
        EpilogueSpec stores = EpiloguePlan.TryForValues(epilogue)!.Spec;
        var spec = new RunSpec(DataType.Float32, OperandMode.PerChannel, false, stores);
        string native = Disassembler.Format(new RunGenerator().Generate(spec, IsaTiers.Avx512Bf16));
        Assert.Contains("vcvtne2ps2bf16 zmm", native);
        Assert.Contains("vcvtneps2bf16 ymm", native);
        Assert.DoesNotContain("bf16 ", Disassembler.Format(new RunGenerator().Generate(spec, IsaTiers.Avx512Vnni)));
    }

    private static TDestination[] Reorder<TSource, TDestination>(Isa isa, TSource[] values, DataType from, DataType to)
        where TSource : unmanaged
        where TDestination : unmanaged
    {
        using Engine engine = VectorEngines.Create(isa);
        using var source = new TensorMemory(new([values.Length], from));
        using var destination = new TensorMemory(new([values.Length], to));
        values.CopyTo(source.AsSpan<TSource>());
        using ExecutionStream stream = engine.CreateStream();
        engine.Create(new ReorderDescriptor { Source = source.Descriptor, Destination = destination.Descriptor })
            .Execute(stream, new UnaryArguments(source, destination));
        return destination.AsSpan<TDestination>().ToArray();
    }
}
