"""Prints what a peer says of itself: libzmq tells it with a message."""
import zmq
from program import arguments, bound, end_with_input

given = arguments(bind=["tcp://127.0.0.1:*"], name="X-Room")
end_with_input()
socket = bound(zmq.PULL, given.bind[0])
while True:
    message = socket.recv(copy=False)
    print("%s from %s in %s" % (bytes(message), message.get("Socket-Type"), message.get(given.name)))
