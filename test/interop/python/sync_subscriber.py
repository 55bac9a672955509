"""Says that it is ready, and counts what it gets."""
import zmq
from program import arguments, connected, end_with_input, opened

given = arguments(connect=["tcp://127.0.0.1:5561", "tcp://127.0.0.1:5562"])
end_with_input()
subscriber = opened(zmq.SUB, {"subscribe": b""})
monitor = subscriber.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED)
subscriber.connect(given.connect[0])
monitor.recv_multipart()
ready = connected(zmq.REQ, given.connect[1])
ready.send(b"")
assert ready.recv_multipart() == [b""]
count = 0
while subscriber.recv() != b"END":
    count += 1
print("Received %d updates" % count)
