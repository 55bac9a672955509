"""Publishes when all subscribers have said that they are ready, and waits for those who are slow."""
import zmq
from program import arguments, bound, end_with_input

given = arguments(bind=["tcp://127.0.0.1:5561", "tcp://127.0.0.1:5562"], subscribers=10, messages=1000)
end_with_input()
publisher = bound(zmq.XPUB, given.bind[0], xpub_verbose=1, xpub_nodrop=1)
ready = bound(zmq.REP, given.bind[1])
for _ in range(given.subscribers):
    assert publisher.recv() == b"\x01"
for _ in range(given.subscribers):
    assert ready.recv_multipart() == [b""]
    ready.send(b"")
for _ in range(given.messages):
    publisher.send(b"Rhubarb")
publisher.send(b"END")
print("Published to %d subscribers" % given.subscribers)
