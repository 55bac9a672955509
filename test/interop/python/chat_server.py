"""Tells everyone in a room what one of them says, and who comes and goes."""
import zmq
from program import arguments, bound, end_with_input

given = arguments(bind=["tcp://127.0.0.1:5571", "tcp://127.0.0.1:5572"])
end_with_input()
members = bound(zmq.XPUB, given.bind[0], xpub_verbose=1)
sayings = bound(zmq.PULL, given.bind[1])
poller = zmq.Poller()
poller.register(members, zmq.POLLIN)
poller.register(sayings, zmq.POLLIN)
while True:
    ready = dict(poller.poll())
    if members in ready:
        event = members.recv()
        room, _, name = event[1:].partition(b"/")
        if name:
            text = name + (b" is here" if event[0] == 1 else b" has left")
            members.send_multipart([room + b"/", b"", text])
    if sayings in ready:
        room, name, text = sayings.recv_multipart()
        members.send_multipart([room, name, text])
