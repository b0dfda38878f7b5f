// Compares a tensor with the reference's and says where and how they differ.
using System.Text;
using Int8Runtime.Reference;

namespace Int8Runtime.TestKit;

/// <summary>A result that differs from the reference.</summary>
public sealed class MismatchException(string message) : Exception(message);

/// <summary>Comparison of tensors.</summary>
public static unsafe class TensorCompare
{
    private const int Reported = 8;

    /// <summary>
    /// Compares all logical elements within the tolerance, and every other byte (gaps, padding of blocks) exactly.
    /// </summary>
    /// <exception cref="MismatchException">The tensors differ; the message lists the first differences.</exception>
    public static void Equal(TensorMemory expected, TensorMemory actual, Tolerance tolerance, string problem = "")
    {
        ArgumentNullException.ThrowIfNull(expected);
        ArgumentNullException.ThrowIfNull(actual);
        MemoryDescriptor descriptor = expected.Descriptor;
        if (!descriptor.Equals(actual.Descriptor))
            throw new MismatchException($"{problem}: expected {descriptor}, got {actual.Descriptor}");
        int size = descriptor.DataType.SizeInBytes();
        int bytes = checked((int)descriptor.SizeInBytes);
        var logical = new bool[bytes / size];
        var report = new StringBuilder();
        long differences = 0;
        if (descriptor.ElementCount > 0)
        {
            Span<int> index = stackalloc int[descriptor.Rank];
            index.Clear();
            do
            {
                long offset = descriptor.OffsetOf(index);
                logical[offset] = true;
                if (IsEqual(expected.Data, actual.Data, descriptor.DataType, offset, tolerance))
                    continue;
                if (differences++ < Reported)
                    report.AppendLine(FormattableString.Invariant(
                        $"  [{string.Join(", ", index.ToArray())}]: expected {Show(expected.Data, descriptor.DataType, offset)}, got {Show(actual.Data, descriptor.DataType, offset)}"));
            }
            while (IndexSpace.Next(index, descriptor.Dimensions));
        }

        if (differences > 0)
            throw new MismatchException(
                $"{problem}: {differences} of {descriptor.ElementCount} elements of {descriptor} differ:\n{report}");
        byte* left = (byte*)expected.Data, right = (byte*)actual.Data;
        for (int i = 0; i < bytes; i++)
            if (!logical[i / size] && left[i] != right[i])
                throw new MismatchException(
                    $"{problem}: byte {i}, outside the elements of {descriptor}, is {right[i]:x2} instead of {left[i]:x2}");
    }

    private static bool IsEqual(void* expected, void* actual, DataType type, long offset, Tolerance tolerance)
    {
        if (type == DataType.Int32 && tolerance == Tolerance.Exact)
            return ((int*)expected)[offset] == ((int*)actual)[offset];
        return tolerance.Accepts(ScalarAccess.Load(expected, type, offset), ScalarAccess.Load(actual, type, offset), type);
    }

    private static string Show(void* data, DataType type, long offset) => type.IsFloatingPoint()
        ? FormattableString.Invariant($"{ScalarAccess.Load(data, type, offset):R}")
        : FormattableString.Invariant($"{ScalarAccess.LoadInteger(data, type, offset)}");
}
