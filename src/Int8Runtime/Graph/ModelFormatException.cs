// The two ways in which a model can be refused before compilation: it is damaged, or it needs something we do not have.
namespace Int8Runtime.Graph;

/// <summary>A model or tensor file, or a graph, is damaged or inconsistent. The message names the file, node or tensor
/// and the remedy.</summary>
public class ModelFormatException : Exception
{
    /// <summary>Creates the exception.</summary>
    public ModelFormatException(string message) : base(message) { }

    /// <summary>Creates the exception with the failure that led to it.</summary>
    public ModelFormatException(string message, Exception? innerException) : base(message, innerException) { }
}

/// <summary>A model is well formed, as far as one can see, but uses an element type, operator set or operator form that
/// Int8Runtime does not support.</summary>
public class UnsupportedModelException : ModelFormatException
{
    /// <summary>Creates the exception.</summary>
    public UnsupportedModelException(string message) : base(message) { }
}

/// <summary>A shape depends on the content of the model's inputs.</summary>
public sealed class DataDependentShapeException : UnsupportedModelException
{
    /// <summary>Creates the exception.</summary>
    public DataDependentShapeException(string message) : base(message) { }
}
