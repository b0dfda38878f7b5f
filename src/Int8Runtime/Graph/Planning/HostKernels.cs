// Loops over planned memory for operators that are not arithmetic enough for a primitive: they allocate nothing and run at the speed
// of memory, where the portable evaluator would copy its operands.
using System.Numerics;
using System.Runtime.InteropServices;
using Int8Runtime.Graph.Lowering;

namespace Int8Runtime.Graph.Planning;

/// <summary>An operator computed on row-major memory.</summary>
internal abstract class HostKernel
{
    /// <summary>What reports call it.</summary>
    public abstract string Name { get; }

    /// <summary>The kernel of a node with known shapes; null where only the portable evaluator computes it.</summary>
    public static HostKernel? Of(GraphNode node)
    {
        if (node.Domain.Length > 0 || node.OptionalInput(0) is null || LoweringContext.ExtentsOf(node.Output).ElementCount == 0)
            return null;
        return node.OpType switch
        {
            "Gather" => GatherKernel.Create(node),
            "Concat" => ConcatKernel.Create(node),
            "DynamicQuantizeLinear" when node.Input(0).ElementType == DataType.Float32 => new DynamicQuantizeKernel(),
            _ => StridedCopyKernel.Create(node) ?? (HostKernel?)IndexedCopyKernel.Create(node) ?? ElementKernels.Of(node),
        };
    }

    /// <summary>Computes the results.</summary>
    public abstract void Run(ReadOnlySpan<HostOperand> sources, ReadOnlySpan<HostOperand> results);

    /// <summary>Computes the results on several threads, where a kernel divides its work.</summary>
    public virtual void Run(ReadOnlySpan<HostOperand> sources, ReadOnlySpan<HostOperand> results, IThreadPool pool, int threads) =>
        Run(sources, results);
}

/// <summary>The bytes of a tensor: memory of a request, or a constant.</summary>
internal readonly record struct HostOperand(TensorMemory? Memory, TensorData? Constant)
{
    /// <summary>The elements for reading.</summary>
    public ReadOnlySpan<T> Read<T>() where T : unmanaged =>
        MemoryMarshal.Cast<byte, T>(Memory is { } memory ? memory.AsSpan<byte>() : Constant!.Bytes.Span);

    /// <summary>The elements of a result.</summary>
    public Span<T> Write<T>() where T : unmanaged => MemoryMarshal.Cast<byte, T>(Memory!.AsSpan<byte>());
}

/// <summary>Copies the rows that indices name.</summary>
internal sealed class GatherKernel(GraphNode node, int outer, int extent, int rowBytes, bool isWide) : HostKernel
{
    public override string Name => "gather";

    public static GatherKernel? Create(GraphNode node)
    {
        NodeOperands operands = NodeOperands.Of(node);
        if (operands[1].ElementType is not (DataType.Int64 or DataType.Int32))
            return null;
        Shape source = operands[0].Shape;
        int axis = operands.AxisAttribute(0, source.Rank);
        int row = TensorData.CountElements(source[(axis + 1)..]) * operands[0].ElementType.SizeInBytes();
        return new GatherKernel(node, TensorData.CountElements(source[..axis]), source[axis], row,
            operands[1].ElementType == DataType.Int64);
    }

    public override void Run(ReadOnlySpan<HostOperand> sources, ReadOnlySpan<HostOperand> results)
    {
        if (isWide)
            Run(sources[0].Read<byte>(), sources[1].Read<long>(), results[0].Write<byte>());
        else
            Run(sources[0].Read<byte>(), sources[1].Read<int>(), results[0].Write<byte>());
    }

    private void Run<T>(ReadOnlySpan<byte> rows, ReadOnlySpan<T> indices, Span<byte> result) where T : unmanaged, IBinaryInteger<T>
    {
        int position = 0;
        for (int o = 0; o < outer; o++)
        {
            foreach (T index in indices)
            {
                long row = long.CreateTruncating(index);
                if (row < 0)
                    row += extent;
                if (row < 0 || row >= extent)
                    throw new ModelFormatException($"{node}: index {index} is out of range for the extent {extent}.");
                rows.Slice((o * extent + (int)row) * rowBytes, rowBytes).CopyTo(result.Slice(position, rowBytes));
                position += rowBytes;
            }
        }
    }
}

/// <summary>DynamicQuantizeLinear: one pass for the range, one for the integers.</summary>
internal sealed class DynamicQuantizeKernel : HostKernel
{
    public override string Name => "dynamic-quantize";

    public override void Run(ReadOnlySpan<HostOperand> sources, ReadOnlySpan<HostOperand> results)
    {
        ReadOnlySpan<float> values = sources[0].Read<float>();
        (float low, float high) = RangeWithZero(values);
        float scale = (high - low) / 255;
        float zeroPoint = scale == 0 ? 0 : Math.Clamp(MathF.Round(-low / scale, MidpointRounding.ToEven), 0, 255);
        Quantize(values, results[0].Write<byte>(), scale, zeroPoint);
        if (results.Length > 1)
            results[1].Write<float>()[0] = scale;
        if (results.Length > 2)
            results[2].Write<byte>()[0] = (byte)zeroPoint;
    }

    private static (float Low, float High) RangeWithZero(ReadOnlySpan<float> values)
    {
        Vector<float> low = Vector<float>.Zero, high = Vector<float>.Zero;
        int i = 0;
        for (; i <= values.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            var x = new Vector<float>(values[i..]);
            low = Vector.Min(low, x);
            high = Vector.Max(high, x);
        }

        float least = 0, most = 0;
        for (int lane = 0; lane < Vector<float>.Count; lane++)
            (least, most) = (Math.Min(least, low[lane]), Math.Max(most, high[lane]));
        foreach (float x in values[i..])
            (least, most) = (Math.Min(least, x), Math.Max(most, x));
        return (least, most);
    }

    private static void Quantize(ReadOnlySpan<float> values, Span<byte> result, float scale, float zeroPoint)
    {
        if (scale == 0)
        {
            result.Clear();
            return;
        }

        int lanes = Vector<float>.Count, i = 0;
        for (; i <= values.Length - (4 * lanes); i += 4 * lanes)
        {
            ReadOnlySpan<float> run = values.Slice(i, 4 * lanes);
            Vector<ushort> first = Vector.Narrow(Integers(run, 0), Integers(run, lanes));
            Vector<ushort> second = Vector.Narrow(Integers(run, 2 * lanes), Integers(run, 3 * lanes));
            Vector.Narrow(first, second).CopyTo(result[i..]);
        }

        for (; i < values.Length; i++)
            result[i] = (byte)Math.Clamp(MathF.Round(values[i] / scale, MidpointRounding.ToEven) + zeroPoint, 0, 255);

        Vector<uint> Integers(ReadOnlySpan<float> run, int start)
        {
            Vector<float> shifted = Vector.Round(new Vector<float>(run[start..]) / new Vector<float>(scale)) + new Vector<float>(zeroPoint);
            Vector<float> clamped = Vector.Min(Vector.Max(shifted, Vector<float>.Zero), new Vector<float>(255));
            return Vector.AsVectorUInt32(Vector.ConvertToInt32(clamped));
        }
    }
}

/// <summary>A step that runs such a kernel.</summary>
internal sealed class KernelStep(
    string name, HostKernel kernel, IReadOnlyList<Location?> sources, IReadOnlyList<TensorData?> constants, IReadOnlyList<Location> results)
    : PlannedStep(name)
{
    public string KernelName => kernel.Name;

    public override IEnumerable<Location> Locations => sources.OfType<Location>().Concat(results);

    public override BoundStep Bind(TensorMemory arena) => new Bound(
        kernel,
        [.. sources.Select((s, i) => new HostOperand(s is null ? null : HostMemory.Bytes(s, arena), constants[i]))],
        [.. results.Select(r => new HostOperand(HostMemory.Bytes(r, arena), null))]);

    private sealed class Bound(HostKernel kernel, HostOperand[] sources, HostOperand[] results) : BoundStep
    {
        public override void Execute(ExecutionStream stream) => kernel.Run(sources, results, stream.Engine.Pool, stream.Threads);
    }
}
