"""Reads tasks and the weather, whichever is there."""
import zmq
from program import arguments, connected, end_with_input

given = arguments(connect=["tcp://127.0.0.1:5557", "tcp://127.0.0.1:5556"], filter="10001")
end_with_input()
receiver = connected(zmq.PULL, given.connect[0])
subscriber = connected(zmq.SUB, given.connect[1], subscribe=given.filter.encode())
poller = zmq.Poller()
poller.register(receiver, zmq.POLLIN)
poller.register(subscriber, zmq.POLLIN)
while True:
    ready = dict(poller.poll())
    if receiver in ready:
        print("task: %s" % receiver.recv())
    if subscriber in ready:
        print("weather: %s" % subscriber.recv())
