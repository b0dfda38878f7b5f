// The plan of a deconvolution: the plans of its phases, executed one after the other.
// Scratch: [zeros that serve as weights of phases without taps][scratch of the phase that is executed].
using System.Runtime.InteropServices;

namespace Int8Runtime.X64;

/// <summary>A planned deconvolution.</summary>
internal sealed unsafe class PhasedDeconvolutionPlan : PrimitivePlan
{
    private readonly PrimitivePlan[] _plans;
    private readonly long[] _weights; // where the weights of a phase begin; -1 for zeros
    private readonly long _zeroBytes;

    /// <summary>Combines planned phases.</summary>
    /// <param name="name">Name for reports.</param>
    /// <param name="descriptor">The problem with every layout resolved.</param>
    /// <param name="phases">The phases.</param>
    /// <param name="plans">The convolution of each phase.</param>
    /// <param name="packed">The layout of the weights; null where they are plain and every convolution packs its view of them.</param>
    public PhasedDeconvolutionPlan(
        string name, DeconvolutionDescriptor descriptor, IReadOnlyList<DeconvolutionPhase> phases, PrimitivePlan[] plans,
        DeconvolutionWeights? packed)
    {
        (Name, Descriptor, _plans) = (name, descriptor, plans);
        _weights = [.. phases.Select(phase => !phase.HasTaps ? -1 : packed?.OffsetOf(phase) ?? 0)];
        long zeros = phases.Zip(plans).Where(pair => !pair.First.HasTaps).Max(pair => (long?)WeightsOf(pair.Second).SizeInBytes) ?? 0;
        _zeroBytes = ScratchLayout.RoundUp(zeros);
    }

    /// <inheritdoc/>
    public override string Name { get; }

    /// <inheritdoc/>
    public override PrimitiveDescriptor Descriptor { get; }

    /// <inheritdoc/>
    public override long ScratchBytes => _zeroBytes + _plans.Max(plan => plan.ScratchBytes);

    /// <inheritdoc/>
    public override long SizeInBytes => 1024 + _plans.Sum(plan => plan.SizeInBytes);

    /// <inheritdoc/>
    public override string Details => $"{_plans.Length} phases: {_plans[0].Name} {_plans[0].Details}";

    /// <summary>The weights that a convolution expects.</summary>
    public static MemoryDescriptor WeightsOf(PrimitivePlan plan) => ((ConvolutionDescriptor)plan.Descriptor).Weights;

    /// <inheritdoc/>
    public override void Execute(in ExecutionContext context)
    {
        NativeMemory.Clear(context.Scratch, (nuint)_zeroBytes);
        ExecutionArguments arguments = context.Arguments;
        var weights = (byte*)context.Arguments[ArgumentSlot.Weights];
        for (int i = 0; i < _plans.Length; i++)
        {
            arguments[ArgumentSlot.Weights] = _weights[i] < 0 ? context.Scratch : weights + _weights[i];
            _plans[i].Execute(new ExecutionContext(in arguments, context.Pool, context.Threads, context.Scratch + _zeroBytes));
        }
    }
}
