"""Publishes made-up weather, of a few places only and with pauses: nobody waits long for one, and others get to work."""
import random
import time

import zmq
from program import arguments, bound, end_with_input

given = arguments(bind=["tcp://127.0.0.1:5556"])
end_with_input()
socket = bound(zmq.PUB, given.bind[0])
while True:
    for place in range(9990, 10010):
        temperature = random.randrange(-80, 135)
        relhumidity = random.randrange(10, 60)
        socket.send_string("%i %i %i" % (place, temperature, relhumidity))
    time.sleep(0.001)
