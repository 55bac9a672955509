"""Hands out tasks by way of a streamer."""
import sys

import zmq
from program import arguments, connected

given = arguments(connect=["tcp://127.0.0.1:10105"], tasks=100)
socket = connected(zmq.PUSH, given.connect[0])
for task in range(given.tasks):
    socket.send_multipart([b"%d" % task, b""])
print("Handed out %d tasks" % given.tasks)
sys.stdin.read()  # its sockets live as long as whoever started it
