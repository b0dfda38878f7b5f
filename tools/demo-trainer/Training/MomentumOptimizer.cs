// Stochastic gradient descent with momentum, decoupled from where the gradients come from.
namespace Int8Runtime.DemoTrainer;

/// <summary>v ← µ·v + g + λ·w; w ← w − rate·v.</summary>
internal sealed class MomentumOptimizer(IEnumerable<Parameter> parameters)
{
    private const float Momentum = 0.9f, WeightDecay = 2e-4f;
    private readonly (Parameter Parameter, float[] Velocity)[] _state =
        [.. parameters.Select(p => (p, new float[p.Values.Length]))];

    public void Step(float rate)
    {
        foreach ((Parameter parameter, float[] velocity) in _state)
        {
            float decay = parameter.Decays ? WeightDecay : 0;
            float[] values = parameter.Values, gradients = parameter.Gradients;
            for (int i = 0; i < values.Length; i++)
            {
                velocity[i] = Momentum * velocity[i] + gradients[i] + decay * values[i];
                values[i] -= rate * velocity[i];
            }
        }
    }
}
