// One problem on oneDNN's side: layouts left to the library, weights packed once, scales by output channel, bias and ReLU.
using System.Runtime.InteropServices;

namespace Int8Runtime.Benchmarks.OneDnn;

/// <summary>A convolution, matrix product or fully connected layer of oneDNN, ready to be executed.</summary>
internal sealed unsafe class OneDnnOperation : IDisposable
{
    private readonly OneDnnEngine _engine;
    private readonly nint _plan, _primitive;
    private readonly OneDnnMemory _source, _weights, _bias, _destination;
    private readonly DnnlArgument[] _arguments;

    /// <summary>Creates the operation and copies the operands into the layouts that it chose.</summary>
    /// <exception cref="OneDnnException">The library does not take the problem.</exception>
    public OneDnnOperation(OneDnnEngine engine, KernelProblem problem)
    {
        _engine = engine;
        nint attributes = CreateAttributes(problem);
        try
        {
            DnnlOperationDescriptor operation = Describe(problem);
            Dnnl.Check(Dnnl.PlanCreate(out _plan, &operation, attributes, engine.Handle, 0), "dnnl_primitive_desc_create");
        }
        finally
        {
            _ = Dnnl.AttributesDestroy(attributes);
        }

        Dnnl.Check(Dnnl.PrimitiveCreate(out _primitive, _plan), "dnnl_primitive_create");
        _source = new OneDnnMemory(engine, Dnnl.PlanLayout(_plan, Dnnl.QuerySource, 0));
        _weights = new OneDnnMemory(engine, Dnnl.PlanLayout(_plan, Dnnl.QueryWeights, 0));
        _destination = new OneDnnMemory(engine, Dnnl.PlanLayout(_plan, Dnnl.QueryDestination, 0));
        _bias = new OneDnnMemory(engine, problem.UnscaledBias, problem.Bias.Descriptor.Dimensions);
        using (var plain = new OneDnnMemory(engine, problem.Source, problem.Source.Descriptor.Dimensions))
            plain.CopyTo(engine, _source);
        using (var plain = new OneDnnMemory(engine, problem.Weights, problem.GroupedWeights))
            plain.CopyTo(engine, _weights);
        _arguments =
        [
            new DnnlArgument { Slot = Dnnl.SourceSlot, Memory = _source.Handle },
            new DnnlArgument { Slot = Dnnl.WeightsSlot, Memory = _weights.Handle },
            new DnnlArgument { Slot = Dnnl.BiasSlot, Memory = _bias.Handle },
            new DnnlArgument { Slot = Dnnl.DestinationSlot, Memory = _destination.Handle },
        ];
    }

    /// <summary>Name of the implementation that the library chose.</summary>
    public string ImplementationName
    {
        get
        {
            nint text;
            Dnnl.Check(Dnnl.PlanQuery(_plan, Dnnl.QueryImplementation, 0, &text), "dnnl_primitive_desc_query");
            return Marshal.PtrToStringUTF8(text) ?? "";
        }
    }

    /// <summary>Executes the operation and waits for it.</summary>
    public void Execute()
    {
        fixed (DnnlArgument* arguments = _arguments)
            Dnnl.Check(Dnnl.PrimitiveExecute(_primitive, _engine.Stream, _arguments.Length, arguments), "dnnl_primitive_execute");
        Dnnl.Check(Dnnl.StreamWait(_engine.Stream), "dnnl_stream_wait");
    }

    /// <summary>Copies the result into a tensor of the destination's dimensions.</summary>
    public void CopyResult(TensorMemory destination)
    {
        using var plain = new OneDnnMemory(_engine, destination, destination.Descriptor.Dimensions);
        _destination.CopyTo(_engine, plain);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (OneDnnMemory memory in new[] { _source, _weights, _bias, _destination })
            memory.Dispose();
        _ = Dnnl.PrimitiveDestroy(_primitive);
        _ = Dnnl.PlanDestroy(_plan);
    }

    // Version 2 multiplies sum and bias by one scale for each output channel.
    private static nint CreateAttributes(KernelProblem problem)
    {
        Dnnl.Check(Dnnl.AttributesCreate(out nint attributes), "dnnl_primitive_attr_create");
        Dnnl.Check(Dnnl.PostOpsCreate(out nint postOps), "dnnl_post_ops_create");
        Dnnl.Check(Dnnl.AppendEltwise(postOps, 1, Dnnl.EltwiseRelu, 0, 0), "dnnl_post_ops_append_eltwise");
        Dnnl.Check(Dnnl.SetPostOps(attributes, postOps), "dnnl_primitive_attr_set_post_ops");
        _ = Dnnl.PostOpsDestroy(postOps);
        if (problem.Scales is { } scales)
        {
            fixed (float* values = scales)
                Dnnl.Check(Dnnl.SetOutputScales(attributes, scales.Length, 1 << problem.ChannelDimension, values),
                    "dnnl_primitive_attr_set_output_scales");
        }

        return attributes;
    }

    private static DnnlOperationDescriptor Describe(KernelProblem problem)
    {
        DnnlMemoryDescriptor source = Any(problem.Source.Descriptor.Dimensions, problem.Types.Source);
        DnnlMemoryDescriptor weights = Any(problem.GroupedWeights, problem.Types.Weights);
        DnnlMemoryDescriptor destination = Any(problem.Destination.Descriptor.Dimensions, problem.Types.Destination);
        DnnlMemoryDescriptor bias =
            OneDnnMemory.Describe(problem.Bias.Descriptor.Dimensions, DataType.Float32, [.. problem.Bias.Descriptor.Strides]);
        DnnlOperationDescriptor operation = default;
        switch (problem.Shape)
        {
            case ConvolutionProblem c:
                long[] strides = Longs(c.Strides, 0), dilations = Longs(c.Dilations, -1), before = Longs(c.Padding, 0);
                long[] after = [.. Enumerable.Range(0, c.SpatialRank).Select(i => (long)c.Axis(i).PaddingAfter)];
                fixed (long* s = strides, d = dilations, b = before, a = after)
                {
                    Dnnl.Check(
                        Dnnl.ConvolutionInit(
                            &operation, Dnnl.ForwardInference, Dnnl.DirectConvolution, &source, &weights, &bias, &destination, s, d, b, a),
                        "dnnl_dilated_convolution_forward_desc_init");
                }

                break;
            case InnerProductProblem:
                Dnnl.Check(
                    Dnnl.InnerProductInit(&operation, Dnnl.ForwardInference, &source, &weights, &bias, &destination),
                    "dnnl_inner_product_forward_desc_init");
                break;
            default:
                Dnnl.Check(Dnnl.MatMulInit(&operation, &source, &weights, &bias, &destination), "dnnl_matmul_desc_init");
                break;
        }

        return operation;

        static DnnlMemoryDescriptor Any(Shape dimensions, DataType type) => OneDnnMemory.Describe(dimensions, type, []);

        static long[] Longs(Shape values, int offset) => [.. values.Select(v => (long)v + offset)];
    }
}
