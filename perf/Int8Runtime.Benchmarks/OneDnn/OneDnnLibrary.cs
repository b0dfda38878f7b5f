// The part of oneDNN's C API (version 2) that the comparison uses.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Int8Runtime.Benchmarks.OneDnn;

/// <summary>A call of oneDNN that failed.</summary>
internal sealed class OneDnnException(string message) : Exception(message);

/// <summary>dnnl_memory_desc_t; its content is the library's business.</summary>
[InlineArray(696)]
internal struct DnnlMemoryDescriptor
{
    private byte _first;
}

/// <summary>Room for any operation descriptor; the largest, dnnl_convolution_desc_t, has 5976 bytes.</summary>
[InlineArray(8192)]
internal struct DnnlOperationDescriptor
{
    private byte _first;
}

/// <summary>dnnl_exec_arg_t.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct DnnlArgument
{
    public int Slot;
    public nint Memory;
}

/// <summary>dnnl_version_t.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct DnnlVersion
{
    public int Major, Minor, Patch;
    public nint Hash;
    public uint CpuRuntime, GpuRuntime;
}

/// <summary>Entry points and constants.</summary>
internal static unsafe partial class Dnnl
{
    public const string Library = "libdnnl.so.2";

    public const int CpuEngine = 1, InOrderStream = 1, ForwardInference = 96, DirectConvolution = 1, EltwiseRelu = 31, AnyTag = 1;

    public const int SourceSlot = 1, DestinationSlot = 17, WeightsSlot = 33, BiasSlot = 41;

    public const int ToSlot = 17, FromSlot = 1;

    public const int QueryImplementation = 8, QuerySource = 129, QueryWeights = 131, QueryDestination = 133;

    /// <summary>Throws where a call failed.</summary>
    public static void Check(int status, string call)
    {
        if (status != 0)
            throw new OneDnnException(status == 3 ? $"{call}: not implemented" : $"{call}: status {status}");
    }

    /// <summary>dnnl_data_type_t.</summary>
    public static int TypeOf(DataType type) => type switch
    {
        DataType.BFloat16 => 2,
        DataType.Float32 => 3,
        DataType.Int32 => 4,
        DataType.Int8 => 5,
        DataType.UInt8 => 6,
        _ => throw new NotSupportedException($"oneDNN 2 has no {type.ToShortName()}."),
    };

    [LibraryImport(Library, EntryPoint = "dnnl_version")]
    public static partial DnnlVersion* Version();

    [LibraryImport(Library, EntryPoint = "dnnl_engine_create")]
    public static partial int EngineCreate(out nint engine, int kind, nuint index);

    [LibraryImport(Library, EntryPoint = "dnnl_engine_destroy")]
    public static partial int EngineDestroy(nint engine);

    [LibraryImport(Library, EntryPoint = "dnnl_stream_create")]
    public static partial int StreamCreate(out nint stream, nint engine, int flags);

    [LibraryImport(Library, EntryPoint = "dnnl_stream_wait")]
    public static partial int StreamWait(nint stream);

    [LibraryImport(Library, EntryPoint = "dnnl_stream_destroy")]
    public static partial int StreamDestroy(nint stream);

    [LibraryImport(Library, EntryPoint = "dnnl_memory_desc_init_by_tag")]
    public static partial int DescriptorByTag(DnnlMemoryDescriptor* descriptor, int rank, long* dimensions, int type, int tag);

    [LibraryImport(Library, EntryPoint = "dnnl_memory_desc_init_by_strides")]
    public static partial int DescriptorByStrides(DnnlMemoryDescriptor* descriptor, int rank, long* dimensions, int type, long* strides);

    [LibraryImport(Library, EntryPoint = "dnnl_memory_desc_get_size")]
    public static partial nuint DescriptorSize(DnnlMemoryDescriptor* descriptor);

    [LibraryImport(Library, EntryPoint = "dnnl_memory_create")]
    public static partial int MemoryCreate(out nint memory, DnnlMemoryDescriptor* descriptor, nint engine, void* data);

    [LibraryImport(Library, EntryPoint = "dnnl_memory_destroy")]
    public static partial int MemoryDestroy(nint memory);

    [LibraryImport(Library, EntryPoint = "dnnl_dilated_convolution_forward_desc_init")]
    public static partial int ConvolutionInit(
        DnnlOperationDescriptor* operation, int propagation, int algorithm, DnnlMemoryDescriptor* source, DnnlMemoryDescriptor* weights,
        DnnlMemoryDescriptor* bias, DnnlMemoryDescriptor* destination, long* strides, long* dilations, long* before, long* after);

    [LibraryImport(Library, EntryPoint = "dnnl_inner_product_forward_desc_init")]
    public static partial int InnerProductInit(
        DnnlOperationDescriptor* operation, int propagation, DnnlMemoryDescriptor* source, DnnlMemoryDescriptor* weights,
        DnnlMemoryDescriptor* bias, DnnlMemoryDescriptor* destination);

    [LibraryImport(Library, EntryPoint = "dnnl_matmul_desc_init")]
    public static partial int MatMulInit(
        DnnlOperationDescriptor* operation, DnnlMemoryDescriptor* source, DnnlMemoryDescriptor* weights,
        DnnlMemoryDescriptor* bias, DnnlMemoryDescriptor* destination);

    [LibraryImport(Library, EntryPoint = "dnnl_primitive_attr_create")]
    public static partial int AttributesCreate(out nint attributes);

    [LibraryImport(Library, EntryPoint = "dnnl_primitive_attr_destroy")]
    public static partial int AttributesDestroy(nint attributes);

    [LibraryImport(Library, EntryPoint = "dnnl_primitive_attr_set_output_scales")]
    public static partial int SetOutputScales(nint attributes, long count, int mask, float* scales);

    [LibraryImport(Library, EntryPoint = "dnnl_post_ops_create")]
    public static partial int PostOpsCreate(out nint postOps);

    [LibraryImport(Library, EntryPoint = "dnnl_post_ops_destroy")]
    public static partial int PostOpsDestroy(nint postOps);

    [LibraryImport(Library, EntryPoint = "dnnl_post_ops_append_eltwise")]
    public static partial int AppendEltwise(nint postOps, float scale, int algorithm, float alpha, float beta);

    [LibraryImport(Library, EntryPoint = "dnnl_primitive_attr_set_post_ops")]
    public static partial int SetPostOps(nint attributes, nint postOps);

    [LibraryImport(Library, EntryPoint = "dnnl_primitive_desc_create")]
    public static partial int PlanCreate(out nint plan, DnnlOperationDescriptor* operation, nint attributes, nint engine, nint hint);

    [LibraryImport(Library, EntryPoint = "dnnl_primitive_desc_destroy")]
    public static partial int PlanDestroy(nint plan);

    [LibraryImport(Library, EntryPoint = "dnnl_primitive_desc_query")]
    public static partial int PlanQuery(nint plan, int what, int index, void* result);

    [LibraryImport(Library, EntryPoint = "dnnl_primitive_desc_query_md")]
    public static partial DnnlMemoryDescriptor* PlanLayout(nint plan, int what, int index);

    [LibraryImport(Library, EntryPoint = "dnnl_reorder_primitive_desc_create")]
    public static partial int ReorderPlanCreate(
        out nint plan, DnnlMemoryDescriptor* source, nint sourceEngine, DnnlMemoryDescriptor* destination, nint destinationEngine,
        nint attributes);

    [LibraryImport(Library, EntryPoint = "dnnl_primitive_create")]
    public static partial int PrimitiveCreate(out nint primitive, nint plan);

    [LibraryImport(Library, EntryPoint = "dnnl_primitive_destroy")]
    public static partial int PrimitiveDestroy(nint primitive);

    [LibraryImport(Library, EntryPoint = "dnnl_primitive_execute")]
    public static partial int PrimitiveExecute(nint primitive, nint stream, int count, DnnlArgument* arguments);

    [LibraryImport("libgomp.so.1", EntryPoint = "omp_set_num_threads")]
    public static partial void SetOpenMpThreads(int threads);
}
