"""Passes on what is pushed to it, to whoever pulls."""
import zmq
from program import arguments, bound, end_with_input

given = arguments(bind=["tcp://127.0.0.1:10105", "tcp://127.0.0.1:10106"])
end_with_input()
zmq.proxy(bound(zmq.PULL, given.bind[0]), bound(zmq.PUSH, given.bind[1]))
