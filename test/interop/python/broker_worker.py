"""Answers the requests that the broker gives it."""
import zmq
from program import arguments, connected, end_with_input

given = arguments(connect=["tcp://127.0.0.1:5560"])
end_with_input()
socket = connected(zmq.REP, given.connect[0])
while True:
    print("Received request: %s" % socket.recv())
    socket.send(b"World")
