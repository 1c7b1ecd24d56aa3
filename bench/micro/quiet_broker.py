"""`python -m bench.micro.quiet_broker`: takes AMQP connections, and confirms every message that it is given without keeping any.

So the publishing stage is measured without a broker's own work beside it. Source: the AMQP 0-9-1 specification, section 1.
"""

import socket
import struct
import threading

from bench.amqp_frames import METHOD, frame

_START = struct.pack("!HHBB", 10, 10, 0, 9) + bytes(4) + struct.pack("!I", 5) + b"PLAIN" + struct.pack("!I", 5) + b"en_US"
_TUNE = struct.pack("!HHHIH", 10, 30, 2047, 131_072, 0)
#: Method of the client → channel, and the method that answers it.
_ANSWERS = {
    (10, 11): _TUNE,
    (10, 40): struct.pack("!HHB", 10, 41, 0),
    (10, 50): struct.pack("!HH", 10, 51),
    (20, 10): struct.pack("!HHI", 20, 11, 0),
    (20, 40): struct.pack("!HH", 20, 41),
    (85, 10): struct.pack("!HH", 85, 11),
}
_PUBLISH = (60, 40)
_HEADER = struct.Struct("!BHI")


def serve(line: socket.socket, *, confirms: bool = True) -> None:
    """One connection, until it ends."""
    line.recv(8)
    line.sendall(frame(METHOD, 0, _START))
    data, published = bytearray(), 0
    while part := line.recv(1 << 18):
        data += part
        at, before, channel = 0, published, 0
        while len(data) - at >= _HEADER.size:
            kind, of, size = _HEADER.unpack_from(data, at)
            if len(data) - at < _HEADER.size + size + 1:
                break
            if kind == METHOD:
                method = struct.unpack_from("!HH", data, at + _HEADER.size)
                if method == _PUBLISH:
                    published, channel = published + 1, of
                elif method in _ANSWERS:
                    line.sendall(frame(METHOD, of, _ANSWERS[method]))
            at += _HEADER.size + size + 1
        del data[:at]
        if published > before and confirms:
            line.sendall(frame(METHOD, channel, struct.pack("!HHQB", 60, 80, published, 1)))


def main() -> None:
    server = socket.create_server(("127.0.0.1", 0))
    print(server.getsockname()[1], flush=True)
    while True:
        line, _ = server.accept()
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=serve, args=(line,), daemon=True).start()


if __name__ == "__main__":
    main()
