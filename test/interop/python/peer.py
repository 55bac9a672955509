"""Finds peers, talks to them, and misses who has left; has the role of the nameserver where nobody has it."""
import threading
import time

import zmq
from program import arguments, connected, end_with_input, opened

given = arguments(bind=["tcp://127.0.0.1:9001"], name="peer", hosts="127.0.0.1")
end_with_input()
host, port = given.bind[0][len("tcp://"):].rsplit(":", 1)
itself = "%s:%s" % (host, given.name)


def at(place, offset):
    return "tcp://%s:%d" % (place, int(port) + offset)


def serve(sockets):
    """The nameserver: a beacon, registrations, what anybody says to all, and who is here."""
    beacon, registry, relay, collector = sockets
    poller = zmq.Poller()
    poller.register(registry, zmq.POLLIN)
    poller.register(collector, zmq.POLLIN)
    began = told = time.monotonic()
    heard = {}
    while True:
        ready = dict(poller.poll(100))
        now = time.monotonic()
        if registry in ready:
            heard[registry.recv_string()] = now
            registry.send(b"ok")
        if collector in ready:
            relay.send_string("RELAY:%s" % collector.recv_string())
        if now - told >= 1:
            told = now
            beacon.send_string("NAMESERVER:%s" % host)
            here = [user for user, at in heard.items() if now - at <= 3]
            if now - began >= 3:
                relay.send_string("USERS:%s" % ",".join(here))


def role():
    """Takes the role, by binding to its four ports."""
    sockets = []
    for offset, kind in enumerate((zmq.PUB, zmq.REP, zmq.PUB, zmq.PULL)):
        sockets.append(opened(kind, {}))
        sockets[-1].bind(at(host, offset))
    threading.Thread(target=serve, args=(sockets,), daemon=True).start()
    print("I am the nameserver, at %s" % host)
    return host


def describe(user):
    return "%s (%s)" % tuple(reversed(user.split(":")))


beacons = opened(zmq.SUB, {"subscribe": b"NAMESERVER:"})
for place in given.hosts.split(","):
    beacons.connect(at(place, 0))
nameserver = beacons.recv_string().split(":")[1] if beacons.poll(2000) else role()

registry = connected(zmq.REQ, at(nameserver, 1))
relay = connected(zmq.SUB, at(nameserver, 2), subscribe=b"")
collector = connected(zmq.PUSH, at(nameserver, 3))
here = set()
registered = 0
while True:
    if time.monotonic() - registered >= 1:
        registered = time.monotonic()
        registry.send_string(itself)
        assert registry.recv_multipart() == [b"ok"]
        collector.send_string("(%s,%s:ON)" % (given.name, host))
    if not relay.poll(100):
        continue
    word, _, text = relay.recv_string().partition(":")
    if word == "RELAY" and not text.startswith("(%s," % given.name):
        print("← %s" % text)
    if word == "USERS":
        present = set(text.split(",")) - {itself, ""}
        for user in present - here:
            print("%s is here" % describe(user))
        for user in here - present:
            print("%s has left" % describe(user))
        here = present
