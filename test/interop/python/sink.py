"""Collects the results, tells how long they took, and then may stop the workers."""
import time

import zmq
from program import arguments, bound, end_with_input

given = arguments(bind=["tcp://127.0.0.1:10103", "tcp://127.0.0.1:10104"], tasks=100, kill_signal=False)
end_with_input()
receiver = bound(zmq.PULL, given.bind[0])
if given.kill_signal:
    controller = bound(zmq.PUB, given.bind[1])
assert receiver.recv_multipart() == [b"0"]
start = time.time()
for task in range(given.tasks):
    assert receiver.recv_multipart() == [b""]
    print(":" if task % 10 == 9 else ".", end="")
print("\nTotal elapsed time: %d msec" % ((time.time() - start) * 1000))
if given.kill_signal:
    controller.send(b"KILL")
    print("told the workers to stop")
