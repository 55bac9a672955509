"""Joins clients to workers, by a poller."""
import zmq
from program import arguments, bound, end_with_input

given = arguments(bind=["tcp://127.0.0.1:5559", "tcp://127.0.0.1:5560"])
end_with_input()
frontend = bound(zmq.ROUTER, given.bind[0])
backend = bound(zmq.DEALER, given.bind[1])
poller = zmq.Poller()
poller.register(frontend, zmq.POLLIN)
poller.register(backend, zmq.POLLIN)
while True:
    ready = dict(poller.poll())
    if frontend in ready:
        backend.send_multipart(frontend.recv_multipart())
    if backend in ready:
        frontend.send_multipart(backend.recv_multipart())
