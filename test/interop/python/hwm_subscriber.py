"""Takes slowly, and tells how many messages came by each socket."""
import time

import zmq
from program import arguments, connected, end_with_input, opened

given = arguments(connect=["tcp://127.0.0.1:5565", "tcp://127.0.0.1:5566"])
end_with_input()
sub = opened(zmq.SUB, {"subscribe": b"", "rcvhwm": 100})
monitor = sub.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED)
sub.connect(given.connect[1])
monitor.recv_multipart()
pull = connected(zmq.PULL, given.connect[0], rcvhwm=100)
for name, socket in (("PULL", pull), ("SUB", sub)):
    received = 0
    while True:
        message = socket.recv_multipart()
        if len(message) == 2:
            break
        received += 1
        if received % 100 == 0:
            time.sleep(0.01)
    assert message[0] == b"END"
    print("%s: %d of %d" % (name, received, int(message[1])))
