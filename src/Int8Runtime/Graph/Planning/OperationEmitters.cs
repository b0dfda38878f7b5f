// The table from kinds of operations to their emitters.
using Int8Runtime.Graph.Lowering;

namespace Int8Runtime.Graph.Planning;

/// <summary>Plans an operation: memory for its result, and the steps that compute it.</summary>
internal static class OperationEmitters
{
    public static void Emit(Operation operation, PlanBuilder plan)
    {
        switch (operation.Spec)
        {
            case ConvolutionSpec spec:
                ProductEmitter.EmitConvolution(operation, spec, plan);
                break;
            case InnerProductSpec spec:
                ProductEmitter.EmitInnerProduct(operation, spec, plan);
                break;
            case MatMulSpec spec:
                ProductEmitter.EmitMatMul(operation, spec, plan);
                break;
            case PoolingSpec spec:
                ElementEmitter.EmitPooling(operation, spec, plan);
                break;
            case ResamplingSpec spec:
                ElementEmitter.EmitResampling(operation, spec, plan);
                break;
            case EltwiseSpec spec:
                ElementEmitter.EmitEltwise(operation, spec, plan);
                break;
            case BinarySpec spec:
                ElementEmitter.EmitBinary(operation, spec, plan);
                break;
            case PReluSpec:
                ElementEmitter.EmitPRelu(operation, plan);
                break;
            case SumSpec spec:
                ElementEmitter.EmitSum(operation, spec, plan);
                break;
            case SelectSpec:
                ElementEmitter.EmitSelect(operation, plan);
                break;
            case SoftmaxSpec spec:
                ElementEmitter.EmitSoftmax(operation, spec, plan);
                break;
            case LrnSpec spec:
                ElementEmitter.EmitLrn(operation, spec, plan);
                break;
            case ReductionSpec spec:
                ElementEmitter.EmitReduction(operation, spec, plan);
                break;
            case LayerNormalizationSpec spec:
                NormalizationEmitter.EmitLayer(operation, spec, plan);
                break;
            case GroupNormalizationSpec spec:
                NormalizationEmitter.EmitGroup(operation, spec, plan);
                break;
            case ConvertSpec:
                MovementEmitter.EmitConvert(operation, plan);
                break;
            case ConcatSpec spec:
                MovementEmitter.EmitConcat(operation, spec, plan);
                break;
            case ReshapeSpec:
                MovementEmitter.EmitReshape(operation, plan);
                break;
            case TransposeSpec spec:
                MovementEmitter.EmitView(operation, plan, memory => memory.Permute(spec.Order.AsSpan()));
                break;
            case SliceSpec spec:
                MovementEmitter.EmitView(operation, plan, memory => memory.Slice(spec.Start.Span, spec.Step.Span, operation.Output.Shape));
                break;
            case PadSpec spec:
                MovementEmitter.EmitPad(operation, spec, plan);
                break;
            case GridSampleSpec spec:
                HostEmitter.EmitGridSample(operation, spec, plan);
                break;
            case HostSpec spec:
                HostEmitter.Emit(operation, spec, plan);
                break;
            default:
                throw new ArgumentException($"{operation.Spec.GetType().Name} has no emitter.");
        }
    }
}
