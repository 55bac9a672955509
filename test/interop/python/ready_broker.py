"""Gives each request to the worker that has been ready for longest."""
import zmq
from program import arguments, bound, end_with_input

given = arguments(bind=["tcp://127.0.0.1:5559", "tcp://127.0.0.1:5560"])
end_with_input()
frontend = bound(zmq.ROUTER, given.bind[0])
backend = bound(zmq.ROUTER, given.bind[1])
poller = zmq.Poller()
poller.register(backend, zmq.POLLIN)
workers = []
while True:
    ready = dict(poller.poll())
    if backend in ready:
        worker, empty, client, *reply = backend.recv_multipart()
        assert empty == b""
        if not workers:
            poller.register(frontend, zmq.POLLIN)
        workers.append(worker)
        if client != b"READY":
            assert reply.pop(0) == b""
            frontend.send_multipart([client, b"", *reply])
    if frontend in ready:
        client, empty, *request = frontend.recv_multipart()
        backend.send_multipart([workers.pop(0), b"", client, b"", *request])
        if not workers:
            poller.unregister(frontend)
