"""TLS between bytes in memory: one large read of the socket holds many records, and all of them are opened without asking it again.

The exchange puts each frame into a record of its own. An `SSLSocket` reads one record a call; opened here, a frame costs a third less.
"""

import ssl

#: The longest plaintext of a record; bytes. Source: RFC 8446, section 5.1.
RECORD_BYTES = 16_384


class TlsLayer:
    """One conversation. Calls raise ssl.SSLError; what `opened` meets behind good records is raised by the next call.

    is_over  the other side has ended it, or left
    """

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._fault: ssl.SSLError | None = None
        self.is_over = False

    def has_shaken_hands(self) -> bool:
        """Go on with the handshake as far as what was read goes; `to_send` has our part of it."""
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def read(self, data: bytes) -> None:
        """Bytes of the socket; b"" at its end."""
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    def to_send(self) -> bytes:
        """What the socket is to be given now, mostly nothing: answers of the layer itself."""
        return self._outgoing.read() if self._outgoing.pending else b""

    def opened(self) -> bytes:
        """The text of all whole records that were read; b"" where there are none, or nothing comes any more: `is_over`."""
        if self._fault is not None:
            raise self._fault
        parts: list[bytes] = []
        read = self._tls.read
        try:
            while part := read(RECORD_BYTES):
                parts.append(part)
            self.is_over = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as fault:
            if fault.args[0] == ssl.SSL_ERROR_EOF:  # as an SSLSocket has it: whoever leaves without a word has left
                self.is_over = True
            elif parts:
                self._fault = fault
            else:
                raise
        return b"".join(parts)

    @property
    def has_news(self) -> bool:
        """Whether the next `opened` has something to say though no byte is read before."""
        return self.is_over or self._fault is not None

    def sealed(self, data: bytes) -> bytes:
        """What the socket is to be given for a text of ours."""
        self._tls.write(data)
        return self._outgoing.read()
