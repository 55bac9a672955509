"""Reads tasks first, and then the weather, without a poller; sleeps a little where there is nothing."""
import time

import zmq
from program import arguments, connected, end_with_input

given = arguments(connect=["tcp://127.0.0.1:5557", "tcp://127.0.0.1:5556"], filter="10001")
end_with_input()
receiver = connected(zmq.PULL, given.connect[0])
subscriber = connected(zmq.SUB, given.connect[1], subscribe=given.filter.encode())
while True:
    while True:
        try:
            print("task: %s" % receiver.recv(zmq.DONTWAIT))
        except zmq.Again:
            break
    try:
        print("weather: %s" % subscriber.recv(zmq.DONTWAIT))
    except zmq.Again:
        time.sleep(0.001)
