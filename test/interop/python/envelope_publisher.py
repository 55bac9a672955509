"""Publishes made-up weather, of a few places only and with pauses, with a topic frame before each report."""
import random
import time

import zmq
from program import arguments, bound, end_with_input

given = arguments(bind=["tcp://127.0.0.1:5563"])
end_with_input()
socket = bound(zmq.PUB, given.bind[0])
while True:
    for place in range(9990, 10010):
        topic = b"%d/" % place
        report = b"%d %d" % (random.randrange(-80, 135), random.randrange(10, 60))
        socket.send_multipart([topic, report])
    time.sleep(0.001)
