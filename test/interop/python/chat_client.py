"""Says what is typed, and prints what is said."""
import sys

import zmq
from program import arguments, connected

given = arguments(connect=["tcp://127.0.0.1:5571", "tcp://127.0.0.1:5572"], name="guest", room="lobby")
topic = given.room.encode() + b"/"
ears = connected(zmq.SUB, given.connect[0], subscribe=topic)
ears.setsockopt(zmq.SUBSCRIBE, topic + given.name.encode())
mouth = connected(zmq.PUSH, given.connect[1])
poller = zmq.Poller()
poller.register(ears, zmq.POLLIN)
poller.register(sys.stdin.fileno(), zmq.POLLIN)
while True:
    ready = dict(poller.poll())
    if ears in ready:
        room, name, text = ears.recv_multipart()
        assert room == topic
        print("%s: %s" % (name.decode(), text.decode()) if name else "· %s" % text.decode())
    if sys.stdin.fileno() in ready:
        line = sys.stdin.buffer.raw.readline()
        if not line:
            break
        mouth.send_multipart([topic, given.name.encode(), line.rstrip(b"\n")])
