"""Makes ten requests to the broker."""
import zmq
from program import arguments, connected, end_with_input

given = arguments(connect=["tcp://127.0.0.1:5559"], count=10)
end_with_input()
socket = connected(zmq.REQ, given.connect[0])
for request in range(1, given.count + 1):
    socket.send(b"Hello")
    print("Received reply %s [%s]" % (request, socket.recv()))
