"""Joins clients to workers, by a proxy."""
import zmq
from program import arguments, bound, end_with_input

given = arguments(bind=["tcp://127.0.0.1:5559", "tcp://127.0.0.1:5560"])
end_with_input()
zmq.proxy(bound(zmq.ROUTER, given.bind[0]), bound(zmq.DEALER, given.bind[1]))
