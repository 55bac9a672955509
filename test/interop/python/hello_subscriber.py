"""Prints what the publisher says."""
import zmq
from program import arguments, connected, end_with_input

given = arguments(connect=["tcp://127.0.0.1:10100"], count=10)
end_with_input()
socket = connected(zmq.SUB, given.connect[0], subscribe=b"")
for _ in range(given.count):
    print(socket.recv_multipart())
