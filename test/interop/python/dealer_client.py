"""Makes ten requests at once by a DEALER, with the empty frame that a REQ would put before each."""
import zmq
from program import arguments, connected, end_with_input

given = arguments(connect=["tcp://127.0.0.1:5555"], count=10)
end_with_input()
socket = connected(zmq.DEALER, given.connect[0])
for _ in range(given.count):
    socket.send_multipart([b"", b"Hello"])
for answer in range(1, given.count + 1):
    empty, reply = socket.recv_multipart()
    assert empty == b""
    print("Received reply %d [%s]" % (answer, reply))
