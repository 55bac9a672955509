"""Does the ventilator's tasks, and tells the sink, which may tell it to stop."""
import time

import zmq
from program import arguments, connected, end_with_input, opened

given = arguments(
    connect=["tcp://127.0.0.1:10102", "tcp://127.0.0.1:10103", "tcp://127.0.0.1:10104"], kill_signal=False
)
end_with_input()
poller = zmq.Poller()
if given.kill_signal:
    # Before it takes a task: the signal comes once, when all are done.
    controller = opened(zmq.SUB, {"subscribe": b""})
    monitor = controller.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED)
    controller.connect(given.connect[2])
    monitor.recv_multipart()
    poller.register(controller, zmq.POLLIN)
receiver = connected(zmq.PULL, given.connect[0])
sender = connected(zmq.PUSH, given.connect[1])
poller.register(receiver, zmq.POLLIN)
while True:
    ready = dict(poller.poll())
    if receiver in ready:
        time.sleep(int(receiver.recv()) * 0.001)
        sender.send(b"")
    if given.kill_signal and controller in ready:
        assert controller.recv_multipart() == [b"KILL"]
        print("killed")
        break
