"""Says Hello, and prints the replies."""
import zmq
from program import arguments, connected, end_with_input

given = arguments(connect=["tcp://127.0.0.1:5555"], count=10, say="Hello")
end_with_input()
socket = connected(zmq.REQ, given.connect[0])
for request in range(given.count):
    socket.send_string(given.say)
    print("Received reply %d [ %s ]" % (request, socket.recv()))
