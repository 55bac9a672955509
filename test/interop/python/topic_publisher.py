"""Publishes two values of a topic, when somebody has subscribed to one of them."""
import json
import sys

import zmq
from program import arguments, bound

given = arguments(bind=["tcp://127.0.0.1:5556"])
socket = bound(zmq.XPUB, given.bind[0])
while socket.recv() != b"\x01weather/10001/":
    pass
for key, temperature in (("1000", 1), ("10001", 71), ("10001", -3)):
    value = {"zip": key, "temperature": temperature}
    socket.send_multipart([b"weather/%s/" % key.encode(), json.dumps(value).encode()])
sys.stdin.read()  # its sockets live as long as whoever started it
