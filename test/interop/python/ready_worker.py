"""A worker that says when it is ready, by a REQ; answers each request with its own name."""
import zmq
from program import arguments, connected, end_with_input

given = arguments(connect=["tcp://127.0.0.1:5560"])
end_with_input()
socket = connected(zmq.REQ, given.connect[0])
socket.send(b"READY")
while True:
    client, empty, request = socket.recv_multipart()
    assert empty == b""
    print("Received request: %s" % request)
    socket.send_multipart([client, b"", b"World"])
