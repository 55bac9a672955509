"""Passes on the weather, to subscribers in another network."""
import zmq
from program import arguments, bound, connected, end_with_input

given = arguments(bind=["tcp://127.0.0.1:8100"], connect=["tcp://127.0.0.1:5556"])
end_with_input()
zmq.proxy(connected(zmq.XSUB, given.connect[0]), bound(zmq.XPUB, given.bind[0]))
