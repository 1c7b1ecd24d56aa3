"""The type of a ZeroMQ context whose sockets speak in bytes."""

import zmq

Context = zmq.Context[zmq.Socket[bytes]]
