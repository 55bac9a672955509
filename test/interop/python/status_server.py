"""Publishes to all whatever any client reports."""
import zmq
from program import arguments, bound, end_with_input

given = arguments(bind=["tcp://127.0.0.1:5557", "tcp://127.0.0.1:5558"])
end_with_input()
publisher = bound(zmq.PUB, given.bind[0])
collector = bound(zmq.PULL, given.bind[1])
while True:
    message = collector.recv()
    print("I: publishing update %s" % message)
    publisher.send(message)
