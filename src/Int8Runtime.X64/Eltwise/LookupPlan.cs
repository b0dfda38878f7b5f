// int8 → int8 functions of one byte: 256 results, computed once by the reference arithmetic.
using System.Runtime.InteropServices;
using Int8Runtime.Jit;
using Int8Runtime.Reference;

namespace Int8Runtime.X64;

/// <summary>
/// Replaces each byte by its entry of a table. Exact for every function, and faster than the polynomials of the
/// transcendental ones; cheap functions are left to the run kernel.
/// </summary>
internal sealed unsafe class LookupPlan : PrimitivePlan
{
    private const int BytesPerThread = 32 << 10;

    private readonly AlignedFloats _table;
    private readonly LoopNest _nest;
    private readonly CompiledKernel _kernel;

    private LookupPlan(string name, EltwiseDescriptor descriptor, LoopNest nest, AlignedFloats table, CompiledKernel kernel) =>
        (Name, EltwiseDescriptor, _nest, _table, _kernel) = ($"{name}:lookup", descriptor, nest, table, kernel);

    /// <inheritdoc/>
    public override string Name { get; }

    /// <inheritdoc/>
    public override PrimitiveDescriptor Descriptor => EltwiseDescriptor;

    /// <inheritdoc/>
    public override string Details => _kernel.Name;

    /// <inheritdoc/>
    public override long SizeInBytes => 1024 + _table.SizeInBytes;

    private EltwiseDescriptor EltwiseDescriptor { get; }

    /// <summary>A plan, or null where a table does not serve or does not pay.</summary>
    public static LookupPlan? TryCreate(
        string name, Isa isa, KernelCache cache, EltwiseDescriptor descriptor, PrimitiveAttributes attributes, Epilogue epilogue)
    {
        MemoryDescriptor source = descriptor.Source, destination = descriptor.Destination;
        if (!source.DataType.IsInt8() || !destination.DataType.IsInt8() || !source.IsDense || !destination.IsDense
            || source.PaddedDimensions != source.Dimensions)
            return null;
        if (epilogue.IsRuntime || OperandQuantization.OfSource(attributes).IsRuntime)
            return null;
        bool pays = IsTranscendental(descriptor.Algorithm);
        foreach (PostOp postOp in epilogue.PostOps)
        {
            if (postOp is not EltwisePostOp eltwise)
                return null;
            pays |= IsTranscendental(eltwise.Algorithm);
        }

        if (!pays || LoopNest.TryCreate(destination, source) is not [{ Loops.Count: <= 1 } nest])
            return null;
        CompiledKernel kernel = new LookupGenerator().GetOrCreate(cache, new LookupSpec(), isa);
        return new LookupPlan(name, descriptor, nest, RowsOf(TableOf(descriptor, attributes, epilogue)), kernel);
    }

    /// <inheritdoc/>
    public override void Execute(in ExecutionContext context)
    {
        int count = checked((int)_nest.Count);
        var body = new Work(
            this, (byte*)context.Arguments[ArgumentSlot.Source], (byte*)context.Arguments[ArgumentSlot.Destination], count);
        Parallel.Run(context.Pool, Math.Clamp(count / BytesPerThread, 1, context.Threads), ref body);
        GC.KeepAlive(this);
    }

    // The table as the kernel reads it.
    private static AlignedFloats RowsOf(byte[] table)
    {
        const int Entries = 256 / LookupGenerator.Rows;
        var bytes = new byte[(LookupGenerator.Rows * LookupGenerator.RowBytes) + table.Length];
        for (int i = 0; i < LookupGenerator.Rows * LookupGenerator.RowBytes; i++)
            bytes[i] = table[(i / LookupGenerator.RowBytes * Entries) + (i % Entries)];
        table.CopyTo(bytes, LookupGenerator.Rows * LookupGenerator.RowBytes);
        return AlignedFloats.Copy(MemoryMarshal.Cast<byte, float>(bytes));
    }

    private static bool IsTranscendental(EltwiseAlgorithm algorithm) => algorithm is EltwiseAlgorithm.Tanh
        or EltwiseAlgorithm.Elu or EltwiseAlgorithm.SoftRelu or EltwiseAlgorithm.Logistic or EltwiseAlgorithm.Exp
        or EltwiseAlgorithm.GeluTanh or EltwiseAlgorithm.Swish or EltwiseAlgorithm.Log or EltwiseAlgorithm.Pow
        or EltwiseAlgorithm.GeluErf or EltwiseAlgorithm.Mish or EltwiseAlgorithm.Erf;

    private static byte[] TableOf(EltwiseDescriptor descriptor, PrimitiveAttributes attributes, Epilogue epilogue)
    {
        var table = new byte[256];
        float scale = attributes.SourceScale?.At(0) ?? 1f;
        int zeroPoint = attributes.SourceZeroPoint?.At(0) ?? 0;
        MemoryDescriptor element = ElementwiseSteps.Single(1, descriptor.Destination.DataType);
        for (int value = 0; value < table.Length; value++)
        {
            byte input = (byte)value, output = 0;
            float x = ScalarAccess.LoadReal(&input, descriptor.Source.DataType, 0, scale, zeroPoint);
            float y = EltwiseMath.Evaluate(descriptor.Algorithm, x, descriptor.Alpha, descriptor.Beta);
            ExecutionArguments arguments = default;
            arguments[ArgumentSlot.Destination] = &output;
            RefEpilogue.FinishValue(epilogue, y, in arguments, element, [0]);
            table[value] = output;
        }

        return table;
    }

    private readonly struct Work(LookupPlan plan, byte* source, byte* destination, int count) : IParallelBody
    {
        public void Run(int worker, int workers)
        {
            (int start, int end) = Parallel.Share(count, worker, workers);
            var call = new LookupArguments
            {
                Source = source + start, Destination = destination + start, Table = (byte*)plan._table.Data, Count = end - start,
            };
            if (call.Count > 0)
                plan._kernel.Entry(&call);
        }
    }
}
