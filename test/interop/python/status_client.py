"""Listens for a while, and where there is nothing to hear, reports now and then."""
import random

import zmq
from program import arguments, connected, end_with_input

given = arguments(connect=["tcp://127.0.0.1:5557", "tcp://127.0.0.1:5558"], id="1", poll=100)
end_with_input()
subscriber = connected(zmq.SUB, given.connect[0], subscribe=b"")
publisher = connected(zmq.PUSH, given.connect[1])
while True:
    if subscriber.poll(given.poll) & zmq.POLLIN:
        print("%s: receive status => %s" % (given.id, subscriber.recv()))
        continue
    roll = random.randrange(1, 100)
    if roll < 10 or roll > 90:
        report = "(%s:%s)" % (given.id, "ON" if roll < 10 else "OFF")
        publisher.send_string(report)
        print("%s: send status - %s" % (given.id, report))
