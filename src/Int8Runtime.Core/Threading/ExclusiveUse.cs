// One use of native memory at a time, and a disposal that does not free it under a use.
namespace Int8Runtime;

/// <summary>
/// The state of an object whose memory one thread at a time may use. A second use at the same time is refused; a disposal that finds a
/// use leaves the freeing to its end.
/// </summary>
internal struct ExclusiveUse
{
    private const int Idle = 0, Used = 1, Closing = 2, Closed = 3;

    private int _state;

    /// <summary>Whether the object was disposed.</summary>
    public bool IsClosed => Volatile.Read(ref _state) >= Closing;

    /// <summary>Begins a use; <see cref="End"/> has to follow.</summary>
    /// <param name="owner">The object, for the exception.</param>
    /// <param name="refusal">Message for a second use.</param>
    /// <exception cref="ObjectDisposedException">The object was disposed.</exception>
    /// <exception cref="InvalidOperationException">It is in use.</exception>
    public void Begin(object owner, string refusal)
    {
        int state = Interlocked.CompareExchange(ref _state, Used, Idle);
        ObjectDisposedException.ThrowIf(state >= Closing, owner);
        if (state == Used)
            throw new InvalidOperationException(refusal);
    }

    /// <summary>Ends a use.</summary>
    /// <returns>Whether the object was disposed meanwhile: the caller frees its memory.</returns>
    public bool End() => Interlocked.CompareExchange(ref _state, Idle, Used) == Closing;

    /// <summary>Disposes.</summary>
    /// <returns>Whether the caller frees the memory now.</returns>
    public bool Close()
    {
        while (true)
        {
            switch (Interlocked.CompareExchange(ref _state, Closed, Idle))
            {
                case Idle:
                    return true;
                case Used when Interlocked.CompareExchange(ref _state, Closing, Used) != Used:
                    break; // it has just ended
                default:
                    return false;
            }
        }
    }
}
