"""Hands out tasks to the workers, when it is told to begin by a line of input."""
import random
import sys

import zmq
from program import arguments, bound, connected

given = arguments(bind=["tcp://127.0.0.1:10102"], connect=["tcp://127.0.0.1:10103"], tasks=100, yes=False)
sender = bound(zmq.PUSH, given.bind[0])
sink = connected(zmq.PUSH, given.connect[0])
if not given.yes:
    print("Press Enter when the workers are ready: ")
    sys.stdin.readline()
sink.send(b"0")
total = 0
for _ in range(given.tasks):
    workload = random.randint(1, 100)
    total += workload
    sender.send_string("%i" % workload)
print("Total expected cost: %s msec" % total)
sys.stdin.read()  # its sockets live as long as whoever started it
