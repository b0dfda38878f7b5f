// A model of ONNX Runtime with its inputs bound.
using System.Runtime.InteropServices;
using static Int8Runtime.Benchmarks.OnnxRuntime.OrtApi;

namespace Int8Runtime.Benchmarks.OnnxRuntime;

/// <summary>Loads a model and runs it again and again on the same inputs.</summary>
internal sealed unsafe class OrtSession : IDisposable
{
    private readonly OrtApi _api;
    private readonly nint _environment, _options, _session, _memoryInfo;
    private readonly nint[] _inputNames, _outputNames, _inputs, _outputs;

    /// <summary>Loads a model.</summary>
    /// <param name="api">The library.</param>
    /// <param name="path">The model.</param>
    /// <param name="threads">Threads within an operator; operators run one after the other.</param>
    /// <param name="inputs">Inputs by name, row-major; they must stay alive.</param>
    /// <param name="outputs">Names of the outputs.</param>
    public OrtSession(OrtApi api, string path, int threads, IReadOnlyList<(string Name, TensorMemory Value)> inputs,
        IReadOnlyList<string> outputs)
    {
        const int Errors = 3, ArenaAllocator = 1, DefaultMemory = 0;
        _api = api;
        nint handle;
        fixed (byte* name = "benchmarks\0"u8)
            api.Check(((delegate* unmanaged<int, byte*, nint*, nint>)api[Entry.CreateEnv])(Errors, name, &handle));
        _environment = handle;
        api.Check(((delegate* unmanaged<nint*, nint>)api[Entry.CreateSessionOptions])(&handle));
        _options = handle;
        api.Check(((delegate* unmanaged<nint, int, nint>)api[Entry.SetIntraOpNumThreads])(_options, threads));
        api.Check(((delegate* unmanaged<nint, int, nint>)api[Entry.SetInterOpNumThreads])(_options, 1));
        nint pathText = OperatingSystem.IsWindows() ? Marshal.StringToCoTaskMemUni(path) : Marshal.StringToCoTaskMemUTF8(path);
        nint status = ((delegate* unmanaged<nint, nint, nint, nint*, nint>)api[Entry.CreateSession])(_environment, pathText,
            _options, &handle);
        Marshal.FreeCoTaskMem(pathText);
        api.Check(status);
        _session = handle;
        api.Check(((delegate* unmanaged<int, int, nint*, nint>)api[Entry.CreateCpuMemoryInfo])(ArenaAllocator, DefaultMemory, &handle));
        _memoryInfo = handle;
        _inputNames = [.. inputs.Select(i => Marshal.StringToCoTaskMemUTF8(i.Name))];
        _outputNames = [.. outputs.Select(Marshal.StringToCoTaskMemUTF8)];
        _inputs = [.. inputs.Select(i => CreateTensor(i.Value))];
        _outputs = new nint[outputs.Count];
    }

    /// <summary>Runs the model; the outputs of the run before are freed.</summary>
    public void Run()
    {
        ReleaseOutputs();
        fixed (nint* inputNames = _inputNames, inputs = _inputs, outputNames = _outputNames, outputs = _outputs)
        {
            _api.Check(((delegate* unmanaged<nint, nint, nint*, nint*, nuint, nint*, nuint, nint*, nint>)_api[Entry.Run])(
                _session, 0, inputNames, inputs, (nuint)_inputs.Length, outputNames, (nuint)_outputs.Length, outputs));
        }
    }

    /// <summary>An f32 output of the last run.</summary>
    public ReadOnlySpan<float> Output(int index)
    {
        nint shape;
        nuint count;
        void* data;
        _api.Check(((delegate* unmanaged<nint, nint*, nint>)_api[Entry.GetTensorTypeAndShape])(_outputs[index], &shape));
        _api.Check(((delegate* unmanaged<nint, nuint*, nint>)_api[Entry.GetTensorShapeElementCount])(shape, &count));
        _api.Release(Entry.ReleaseTensorTypeAndShapeInfo, shape);
        _api.Check(((delegate* unmanaged<nint, void**, nint>)_api[Entry.GetTensorMutableData])(_outputs[index], &data));
        return new ReadOnlySpan<float>(data, (int)count);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        ReleaseOutputs();
        foreach (nint input in _inputs)
            _api.Release(Entry.ReleaseValue, input);
        foreach (nint name in _inputNames.Concat(_outputNames))
            Marshal.FreeCoTaskMem(name);
        _api.Release(Entry.ReleaseMemoryInfo, _memoryInfo);
        _api.Release(Entry.ReleaseSession, _session);
        _api.Release(Entry.ReleaseSessionOptions, _options);
        _api.Release(Entry.ReleaseEnv, _environment);
    }

    private void ReleaseOutputs()
    {
        foreach (nint output in _outputs)
        {
            if (output != 0)
                _api.Release(Entry.ReleaseValue, output);
        }

        Array.Clear(_outputs);
    }

    private nint CreateTensor(TensorMemory memory)
    {
        long[] dimensions = [.. memory.Descriptor.Dimensions.Select(d => (long)d)];
        nint value;
        fixed (long* extents = dimensions)
        {
            _api.Check(((delegate* unmanaged<nint, void*, nuint, long*, nuint, int, nint*, nint>)_api[Entry.CreateTensorWithData])(
                _memoryInfo, memory.Data, (nuint)memory.Descriptor.SizeInBytes, extents, (nuint)dimensions.Length,
                TypeOf(memory.Descriptor.DataType), &value));
        }

        return value;
    }

    // ONNXTensorElementDataType.
    private static int TypeOf(DataType type) => type switch
    {
        DataType.Float32 => 1,
        DataType.UInt8 => 2,
        DataType.Int8 => 3,
        DataType.Int32 => 6,
        DataType.Int64 => 7,
        DataType.Boolean => 9,
        DataType.Float16 => 10,
        DataType.Float64 => 11,
        _ => throw new NotSupportedException($"Inputs of type {type.ToShortName()} are not compared."),
    };
}
