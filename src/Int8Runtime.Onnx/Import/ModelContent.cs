// A model file in two parts: its structure, parsed, and the bytes of its tensors, which stay where they are.
using System.Buffers.Binary;
using Google.Protobuf;
using Int8Runtime.Graph;
using Int8Runtime.Onnx.Proto;

namespace Int8Runtime.Onnx.Import;

/// <summary>
/// Parses a model without its weights. The parser would copy the raw data of every tensor into an array of its own; it gets a
/// copy of the file instead in which each field raw_data holds the place in the file where the data lies.
/// </summary>
/// <remarks>Wire format: Protocol Buffers documentation, "Encoding".</remarks>
internal sealed class ModelContent
{
    // What the parser takes too; deeper files could exhaust the stack.
    private const int DeepestNesting = 100;
    private const int PlaceBytes = 2 * sizeof(int);
    private const int LengthBytes = 5; // a length of 32 bits as a varint that is as long as it can be

    private readonly ReadOnlyMemory<byte> _file;
    private readonly MemoryStream _structure = new();

    private ModelContent(ReadOnlyMemory<byte> file)
    {
        _file = file;
        CopyStructure(file.Span, MessageKind.Model, start: 0, depth: 0);
        Model = ModelProto.Parser.ParseFrom(_structure.GetBuffer(), 0, (int)_structure.Length);
    }

    // The messages that hold raw data, at whatever depth.
    private enum MessageKind
    {
        Model,
        Graph,
        Node,
        Attribute,
        Tensor,
    }

    /// <summary>The structure: the model, whose tensors hold places instead of raw data.</summary>
    public ModelProto Model { get; }

    /// <summary>Parses a file.</summary>
    /// <param name="file">The content of the file, of which raw data stays a part.</param>
    /// <exception cref="ModelFormatException">It is no ONNX model.</exception>
    public static ModelContent Parse(ReadOnlyMemory<byte> file)
    {
        try
        {
            return new ModelContent(file);
        }
        catch (InvalidProtocolBufferException exception)
        {
            throw Damaged(exception.Message, exception);
        }
    }

    /// <summary>The raw data of a tensor of the model.</summary>
    public ReadOnlyMemory<byte> RawData(TensorProto tensor)
    {
        ReadOnlySpan<byte> place = tensor.RawData.Span;
        return _file.Slice(
            BinaryPrimitives.ReadInt32LittleEndian(place), BinaryPrimitives.ReadInt32LittleEndian(place[sizeof(int)..]));
    }

    private static MessageKind? KindOf(MessageKind parent, int field) => (parent, field) switch
    {
        (MessageKind.Model, ModelProto.GraphFieldNumber) => MessageKind.Graph,
        (MessageKind.Graph, GraphProto.NodeFieldNumber) => MessageKind.Node,
        (MessageKind.Graph, GraphProto.InitializerFieldNumber) => MessageKind.Tensor,
        (MessageKind.Node, NodeProto.AttributeFieldNumber) => MessageKind.Attribute,
        (MessageKind.Attribute, AttributeProto.TFieldNumber) => MessageKind.Tensor,
        (MessageKind.Attribute, AttributeProto.GFieldNumber or AttributeProto.GraphsFieldNumber) => MessageKind.Graph,
        _ => null,
    };

    // Copies the fields of a message. What they are is the parser's concern; here only their borders matter.
    private void CopyStructure(ReadOnlySpan<byte> message, MessageKind kind, int start, int depth)
    {
        if (depth > DeepestNesting)
            throw Damaged($"messages are nested deeper than {DeepestNesting}");
        int groups = 0; // a deprecated form of unknown fields, which the parser skips
        for (int at = 0; at < message.Length;)
        {
            int field = at;
            var tag = (uint)ReadVarint(message, ref at); // of longer ones the parser too takes 32 bits
            switch (tag & 7)
            {
                case 0:
                    _ = ReadVarint(message, ref at);
                    break;
                case 1:
                    at += sizeof(ulong);
                    break;
                case 2:
                    ulong length = ReadVarint(message, ref at);
                    if (length > (ulong)(message.Length - at))
                        throw Damaged("a field is longer than the message that holds it");
                    if (groups == 0 && TryCopyPart(kind, (int)(tag >> 3), message.Slice(at, (int)length), start + at, depth))
                        field = at + (int)length;
                    at += (int)length;
                    break;
                case 3:
                    groups++;
                    break;
                case 4:
                    groups--;
                    break;
                case 5:
                    at += sizeof(uint);
                    break;
                default:
                    throw Damaged("a field has no known form");
            }

            if (at > message.Length)
                throw Damaged("the last field of a message is incomplete");
            _structure.Write(message[field..at]);
        }
    }

    // Raw data becomes its place; messages that may hold some are copied field by field.
    private bool TryCopyPart(MessageKind kind, int field, ReadOnlySpan<byte> content, int start, int depth)
    {
        var tag = (byte)((field << 3) | 2); // those below have numbers up to 15
        if (kind == MessageKind.Tensor && field == TensorProto.RawDataFieldNumber)
        {
            Span<byte> place = stackalloc byte[PlaceBytes];
            BinaryPrimitives.WriteInt32LittleEndian(place, start);
            BinaryPrimitives.WriteInt32LittleEndian(place[sizeof(int)..], content.Length);
            _structure.WriteByte(tag);
            _structure.WriteByte(PlaceBytes);
            _structure.Write(place);
            return true;
        }

        if (KindOf(kind, field) is not { } part)
            return false;
        _structure.WriteByte(tag);
        int length = (int)_structure.Position;
        _structure.Write(stackalloc byte[LengthBytes]);
        CopyStructure(content, part, start, depth + 1);
        WriteLength(_structure.GetBuffer().AsSpan(length, LengthBytes), (int)_structure.Position - length - LengthBytes);
        return true;
    }

    private static ulong ReadVarint(ReadOnlySpan<byte> message, ref int at)
    {
        ulong value = 0;
        for (int shift = 0; shift < 64; shift += 7)
        {
            if (at >= message.Length)
                throw Damaged("the last field of a message is incomplete");
            byte next = message[at++];
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80)
                return value;
        }

        throw Damaged("a number has more than 64 bits");
    }

    private static void WriteLength(Span<byte> varint, int length)
    {
        for (int i = 0; i < varint.Length; i++)
            varint[i] = (byte)(((length >> (7 * i)) & 0x7F) | (i < varint.Length - 1 ? 0x80 : 0));
    }

    private static ModelFormatException Damaged(string reason, Exception? inner = null) =>
        new($"The file is no ONNX model, or it is damaged or cut off ({reason})", inner);
}
