// .npy files: bytes as NumPy writes them, round trips, refusals.
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Int8Runtime.Graph;

namespace Int8Runtime.Quantization.Tests;

public class NpyFileTests
{
    [Fact]
    public void A_file_as_numpy_writes_it_is_read()
    {
        NpyArray array = NpyFile.Parse(File("'|i1'", "False", "(2, 2)", 118, 1, 254, 3, 128));
        Assert.Equal(DataType.Int8, array.Type);
        Assert.Equal(Shape.Create([2, 2]), array.Shape);
        Assert.Equal([1, -2, 3, -128], array.ToFloats());
        Assert.Equal([1, 0], NpyFile.Parse(File("'<i8'", "False", "(2,)", 54, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)).ToFloats());
        Assert.Equal([7], NpyFile.Parse(File("'|u1'", "False", "()", 54, 7)).ToFloats());
    }

    /// <summary>numpy.random gives f64, and half precision is what models of that type are fed.</summary>
    [Fact]
    public void Numbers_of_any_width_fill_inputs_of_any_type_that_holds_them()
    {
        NpyArray wide = NpyFile.Parse(File("'<f8'", "False", "(2,)", 54, [.. BitConverter.GetBytes(1.5), .. BitConverter.GetBytes(-2.0)]));
        NpyArray half = NpyFile.Parse(File("'<f2'", "False", "(1,)", 54, BitConverter.GetBytes((Half)0.25f)));
        NpyArray flags = NpyFile.Parse(File("'|b1'", "False", "(2,)", 54, 0, 1));
        Assert.Equal([1.5f, -2f], wide.TryConvert(DataType.Float32)!.ToSingleArray());
        Assert.Equal([(Half)1.5f, (Half)(-2f)], wide.TryConvert(DataType.Float16)!.AsSpan<Half>().ToArray());
        Assert.Null(wide.TryConvert(DataType.Int32));
        Assert.Equal([0.25f], half.ToFloats());
        Assert.Equal([0, 1], flags.TryConvert(DataType.Int64)!.ToInt64Array());
        Assert.Null(NpyFile.Parse(File("'<u4'", "False", "(1,)", 54, 0, 0, 0, 0x80)).TryConvert(DataType.Int32));
        Assert.Null(NpyFile.Parse(File("'<f8'", "False", "(1,)", 54, BitConverter.GetBytes(double.NaN))).TryConvert(DataType.Int32));
    }

    /// <summary>f32 does not hold every integer of 32 bits.</summary>
    [Fact]
    public void Integers_keep_their_bits_in_wider_inputs()
    {
        int[] values = [16_777_217, -16_777_219, int.MaxValue, int.MinValue];
        var array = new NpyArray(DataType.Int32, [4], System.Runtime.InteropServices.MemoryMarshal.AsBytes<int>(values).ToArray());
        using var wide = new TensorMemory(new MemoryDescriptor([4], DataType.Int64));
        Assert.True(array.TryCopyTo(wide));
        Assert.Equal(Array.ConvertAll(values, v => (long)v), wide.AsSpan<long>().ToArray());
        using var narrow = new TensorMemory(new MemoryDescriptor([4], DataType.Int8));
        Assert.False(array.TryCopyTo(narrow));

        long[] large = [(1L << 60) + 1];
        using var back = new TensorMemory(new MemoryDescriptor([1], DataType.Int32));
        Assert.False(new NpyArray(DataType.Int64, [1], System.Runtime.InteropServices.MemoryMarshal.AsBytes<long>(large).ToArray())
            .TryCopyTo(back));
    }

    [Fact]
    public void What_is_written_reads_back()
    {
        DataType[] types =
        [
            DataType.Float16, DataType.Float32, DataType.Float64, DataType.Boolean, DataType.UInt8, DataType.UInt16, DataType.UInt32,
            DataType.UInt64, DataType.Int8, DataType.Int16, DataType.Int32, DataType.Int64,
        ];
        var cases = from type in Gen.Elements(types)
                    from shape in Gen.Choose(0, 6).ArrayOf()
                    where shape.Length <= 5
                    select (type, shape);
        Prop.ForAll(cases.ToArbitrary(), c =>
        {
            var data = new byte[c.shape.Aggregate(1, (a, b) => a * b) * c.type.SizeInBytes()];
            new Random(data.Length).NextBytes(data);
            byte[] file = NpyFile.Format(new NpyArray(c.type, c.shape, data));
            NpyArray back = NpyFile.Parse(file);
            return back.Type == c.type && back.Shape == c.shape && back.Data.SequenceEqual(data) && (file.Length - data.Length) % 64 == 0;
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Files_that_cannot_be_used_are_refused_with_a_reason()
    {
        byte[][] bad =
        [
            [], "NUMPY"u8.ToArray(),
            File("'<c8'", "False", "(1,)", 54, 0, 0, 0, 0, 0, 0, 0, 0),
            File("'<M8[D]'", "False", "(1,)", 54, 0, 0, 0, 0, 0, 0, 0, 0),
            File("'>i4'", "False", "(1,)", 54, 0, 0, 0, 0),
            File("'|u1'", "True", "(2, 2)", 54, 0, 0, 0, 0),
            File("'|u1'", "False", "(3,)", 54, 0, 0),
            File("'|u1'", "False", "(-1,)", 54),
            File("'|u1'", "True", "(1, 2)", 54, 0, 0),
            File("'|u1'", "False", "(99999, 99999, 99999, 99999, 99999, 99999, 99999)", 118),
            File("'|u1'", "False", "(1,)", 5000),
        ];
        using var folder = new TempFolder();
        foreach (byte[] content in bad)
        {
            string path = folder.Write("x.npy", content);
            var e = Assert.Throws<DataFileException>(() => NpyFile.Load(path));
            Assert.StartsWith(path + ": ", e.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Floats_are_saved_to_disk()
    {
        using var folder = new TempFolder();
        string path = Path.Combine(folder.Path, "x.npy");
        NpyFile.Save(path, [1.5f, -2f, float.NaN], [3, 1]);
        NpyArray array = NpyFile.Load(path);
        Assert.Equal([1.5f, -2f, float.NaN], array.ToFloats());
        Assert.Equal(Shape.Create([3, 1]), array.Shape);
        Assert.Throws<ArgumentException>(() => NpyFile.Save(path, [1f], [2]));
    }

    private static byte[] File(string descr, string fortran, string shape, int headerLength, params byte[] data)
    {
        string header = $"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}";
        int padded = Math.Max(headerLength, header.Length + 1);
        byte[] text = Encoding.ASCII.GetBytes(header.PadRight(padded - 1) + "\n");
        int claimed = headerLength == 5000 ? 6000 : text.Length;
        return [0x93, .. "NUMPY"u8, 1, 0, (byte)claimed, (byte)(claimed >> 8), .. text, .. data];
    }
}
