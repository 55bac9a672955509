"""Says Hello again and again, to whoever listens; the tutorial's does every three seconds."""
import time

import zmq
from program import arguments, bound, end_with_input

given = arguments(bind=["tcp://127.0.0.1:10100"], interval=3.0)
end_with_input()
socket = bound(zmq.PUB, given.bind[0])
while True:
    socket.send(b"Hello")
    time.sleep(given.interval)
