// Compiling models, as a method of engines.
using Int8Runtime.Graph;

namespace Int8Runtime;

/// <summary>Compilation of model graphs.</summary>
public static class EngineCompilation
{
    /// <summary>Compiles a model: rewrites the graph, chooses kernels, packs weights and plans memory.</summary>
    /// <param name="engine">The engine that will run it.</param>
    /// <param name="graph">The model; it is not changed and may be used again.</param>
    /// <param name="options">Options; null for the defaults.</param>
    /// <remarks>A model whose input shapes are static is planned now, another one when a request is created.</remarks>
    /// <exception cref="ModelCompilationException">Nodes cannot be computed; the message lists all of them with reasons.</exception>
    /// <exception cref="ModelFormatException">The model is damaged.</exception>
    /// <exception cref="ArgumentException">An option names a value or a pass that does not exist.</exception>
    public static CompiledModel Compile(this Engine engine, ModelGraph graph, CompileOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(engine);
        ArgumentNullException.ThrowIfNull(graph);
        return new CompiledModel(engine, graph, options ?? new CompileOptions());
    }
}
