// Reading and writing of OpenVINO IR.
using Int8Runtime.Graph;
using Int8Runtime.OpenVino.Export;
using Int8Runtime.OpenVino.Import;

namespace Int8Runtime.OpenVino;

/// <summary>Models in OpenVINO's intermediate representation: an .xml file with the layers and a .bin file with the constants. Reads
/// versions 10 and 11, writes version 11.</summary>
public static class OpenVinoModel
{
    /// <summary>Reads a model; the .bin file is looked up beside the .xml file under the same name.</summary>
    /// <param name="path">The .xml file.</param>
    /// <exception cref="ModelFormatException">A file is damaged or missing, or uses something that is not supported
    /// (<see cref="UnsupportedModelException"/>). The message begins with the path.</exception>
    /// <exception cref="IOException">The .xml file cannot be read.</exception>
    public static ModelGraph Load(string path)
    {
        try
        {
            using FileStream stream = Readable.Read(path, File.OpenRead);
            using var weights = new IrWeights(WeightsPath(path));
            return IrReader.Read(IrDocument.Read(stream), weights);
        }
        catch (UnsupportedModelException exception)
        {
            throw new UnsupportedModelException($"{path}: {exception.Message}");
        }
        catch (ModelFormatException exception)
        {
            throw new ModelFormatException($"{path}: {exception.Message}", exception.InnerException);
        }
    }

    /// <summary>Writes a model of version 11: an .xml file, and a .bin file beside it. Quantized weights stay integers.</summary>
    /// <remarks>Both files appear complete or not at all: they are written under other names and then moved.</remarks>
    /// <exception cref="UnsupportedModelException">A node has no form in OpenVINO's operator sets.</exception>
    /// <exception cref="IOException">A file cannot be written.</exception>
    public static void Save(ModelGraph graph, string path)
    {
        ArgumentNullException.ThrowIfNull(graph);
        IrModel model = IrWriter.Write(graph);
        AtomicFile.Write((WeightsPath(path), model.WriteWeights), (path, model.WriteXml));
    }

    /// <summary>Checks that a model can be written, for example before hours of tuning.</summary>
    /// <param name="graph">The model.</param>
    /// <exception cref="UnsupportedModelException">A node has no form in OpenVINO's operator sets; the message names it and the remedy.</exception>
    public static void Check(ModelGraph graph)
    {
        ArgumentNullException.ThrowIfNull(graph);
        IrWriter.Write(graph);
    }

    /// <summary>The .bin file that belongs to an .xml file.</summary>
    public static string WeightsPath(string path) => Path.ChangeExtension(path, ".bin");
}
