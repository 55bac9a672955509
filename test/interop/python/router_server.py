"""Answers by a ROUTER, which keeps the envelopes itself; it takes all requests before it answers the first."""
import zmq
from program import arguments, bound, end_with_input

given = arguments(bind=["tcp://127.0.0.1:5555"], together=10)
end_with_input()
socket = bound(zmq.ROUTER, given.bind[0])
while True:
    requests = [socket.recv_multipart() for _ in range(given.together)]
    for client, empty, request in requests:
        assert empty == b""
        print("Received request: %s" % request)
        socket.send_multipart([client, empty, b"World"])
