// Memory of oneDNN: its own buffer in a layout it chose, or a view of one of our tensors.
using System.Runtime.InteropServices;

namespace Int8Runtime.Benchmarks.OneDnn;

/// <summary>A dnnl_memory_t with its descriptor.</summary>
internal sealed unsafe class OneDnnMemory : IDisposable
{
    private DnnlMemoryDescriptor _descriptor;
    private void* _owned;

    /// <summary>Allocates memory in the given layout, aligned to a page.</summary>
    public OneDnnMemory(OneDnnEngine engine, DnnlMemoryDescriptor* descriptor)
    {
        _descriptor = *descriptor;
        nuint bytes = Math.Max(Dnnl.DescriptorSize(descriptor), 64);
        _owned = NativeMemory.AlignedAlloc(bytes, 4096);
        NativeMemory.Clear(_owned, bytes);
        Handle = Create(engine, descriptor, _owned);
    }

    /// <summary>Views a strided tensor.</summary>
    /// <param name="engine">The engine.</param>
    /// <param name="tensor">The tensor, which must stay alive.</param>
    /// <param name="dimensions">Dimensions of the view: the tensor's own, or row-major ones with the same number of elements.</param>
    public OneDnnMemory(OneDnnEngine engine, TensorMemory tensor, Shape dimensions)
    {
        MemoryDescriptor layout = tensor.Descriptor.Dimensions == dimensions
            ? tensor.Descriptor
            : new MemoryDescriptor(dimensions, tensor.Descriptor.DataType);
        DnnlMemoryDescriptor descriptor = Describe(dimensions, layout.DataType, [.. layout.Strides]);
        _descriptor = descriptor;
        Handle = Create(engine, &descriptor, tensor.Data);
    }

    /// <summary>dnnl_memory_t.</summary>
    public nint Handle { get; }

    /// <summary>A descriptor with explicit strides, or with any layout if there are none.</summary>
    public static DnnlMemoryDescriptor Describe(Shape dimensions, DataType type, ReadOnlySpan<long> strides)
    {
        long[] extents = [.. dimensions.Select(d => (long)d)];
        DnnlMemoryDescriptor descriptor;
        fixed (long* extentPointer = extents, stridePointer = strides)
        {
            int dnnlType = Dnnl.TypeOf(type);
            Dnnl.Check(
                strides.IsEmpty
                    ? Dnnl.DescriptorByTag(&descriptor, extents.Length, extentPointer, dnnlType, Dnnl.AnyTag)
                    : Dnnl.DescriptorByStrides(&descriptor, extents.Length, extentPointer, dnnlType, stridePointer),
                "dnnl_memory_desc_init");
        }

        return descriptor;
    }

    /// <summary>Copies into other memory, converting the layout.</summary>
    public void CopyTo(OneDnnEngine engine, OneDnnMemory destination)
    {
        nint plan, primitive;
        fixed (DnnlMemoryDescriptor* from = &_descriptor, to = &destination._descriptor)
            Dnnl.Check(Dnnl.ReorderPlanCreate(out plan, from, engine.Handle, to, engine.Handle, 0), "reorder");
        Dnnl.Check(Dnnl.PrimitiveCreate(out primitive, plan), "dnnl_primitive_create");
        DnnlArgument* arguments = stackalloc DnnlArgument[2];
        arguments[0] = new DnnlArgument { Slot = Dnnl.FromSlot, Memory = Handle };
        arguments[1] = new DnnlArgument { Slot = Dnnl.ToSlot, Memory = destination.Handle };
        Dnnl.Check(Dnnl.PrimitiveExecute(primitive, engine.Stream, 2, arguments), "dnnl_primitive_execute");
        Dnnl.Check(Dnnl.StreamWait(engine.Stream), "dnnl_stream_wait");
        _ = Dnnl.PrimitiveDestroy(primitive);
        _ = Dnnl.PlanDestroy(plan);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _ = Dnnl.MemoryDestroy(Handle);
        NativeMemory.AlignedFree(_owned);
        _owned = null;
    }

    private static nint Create(OneDnnEngine engine, DnnlMemoryDescriptor* descriptor, void* data)
    {
        Dnnl.Check(Dnnl.MemoryCreate(out nint memory, descriptor, engine.Handle, data), "dnnl_memory_create");
        return memory;
    }
}
