"""WebSocket frames as bytes: a server's, well or badly formed, and a client's, read. Source: RFC 6455, section 5.2."""

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    mask: bytes = b"",
    length: int | None = None,
    form: int = 0,
) -> bytes:
    """`rsv`: 4 is RSV1; `mask`: a server must not; `length`: claimed instead of the right one; `form`: 126 or 127 to force it."""
    claimed = len(payload) if length is None else length
    form = form or (claimed if claimed < 126 else 126 if claimed <= 0xFFFF else 127)
    head = bytes([fin << 7 | rsv << 4 | opcode, (0x80 if mask else 0) | form])
    if form > 125:
        head += claimed.to_bytes(2 if form == 126 else 8, "big")
    return head + mask + (masked(payload, mask) if mask else payload)


def text(payload: bytes | str = b"", **more: bool) -> bytes:
    return frame(TEXT, payload.encode() if isinstance(payload, str) else payload, **more)


def close(code: int | None = 1000, reason: bytes = b"") -> bytes:
    return frame(CLOSE, (b"" if code is None else code.to_bytes(2, "big")) + reason)


def fragments(opcode: int, *parts: bytes) -> bytes:
    """A message in so many frames."""
    last = len(parts) - 1
    return b"".join(frame(opcode if number == 0 else CONT, part, fin=number == last) for number, part in enumerate(parts))


def masked(payload: bytes, mask: bytes) -> bytes:
    return bytes(byte ^ mask[number % 4] for number, byte in enumerate(payload))


def sent_by_client(data: bytes) -> list[tuple[int, bytes]]:
    """(opcode, payload) of every frame; raises ValueError where a client's frame is not as it must be."""
    found = []
    while data:
        first, second = data[0], data[1]
        if not first & 0x80 or first & 0x70 or not second & 0x80:
            raise ValueError(f"a client's frame must be whole and masked, without reserved bits: {data[:2].hex()}")
        form = second & 0x7F
        wide = {126: 2, 127: 8}.get(form, 0)
        size = int.from_bytes(data[2 : 2 + wide], "big") if wide else form
        mask, data = data[2 + wide : 6 + wide], data[6 + wide :]
        if len(mask) < 4 or len(data) < size:
            raise ValueError("the last frame is cut")
        found.append((first & 0xF, masked(data[:size], mask)))
        data = data[size:]
    return found
