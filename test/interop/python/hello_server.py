"""Answers each Hello with World, and each hello with world."""
import zmq
from program import arguments, bound, end_with_input

given = arguments(bind=["tcp://127.0.0.1:5555"])
end_with_input()
socket = bound(zmq.REP, given.bind[0])
while True:
    request = socket.recv()
    print("Received request: %s" % request)
    socket.send(b"world" if request == b"hello" else b"World")
