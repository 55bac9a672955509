"""The same peers by pyzmq, as its own pages show it. The argument is a Task, and the answers Results: see task.ts."""

import json
import resource
import sys
import time
import zlib

import zmq

WARM_UP = 1000
task = json.loads(sys.argv[1])
role, form, size, count = task["role"], task["form"], task["size"], task["count"]
subscribers = task.get("subscribers", 1)


def bodies():
    made = []
    for i in range(2 if size >= 1 << 20 else 8 if size >= 4096 else 64):
        state, body = i + 1, bytearray(size)
        for at in range(size):
            state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
            body[at] = state >> 24
        made.append(bytes(body))
    return made


def used():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def say(value):
    print(json.dumps(value), flush=True)


class Meter:
    def __init__(self):
        self.messages = self.bytes = self.checksum = 0
        self.start = self.end = self.used = 0.0

    def begin(self):
        self.used = used()
        self.start = time.perf_counter()

    def add(self, frame):
        self.count(len(frame), zlib.crc32(frame))

    def count(self, length, checksum):
        if self.messages == 0:
            self.begin()
        self.messages += 1
        self.bytes += length
        self.checksum = (self.checksum * 31 + checksum) & 0xFFFFFFFF

    def stop(self):
        self.end = time.perf_counter()

    def result(self):
        end = self.end or time.perf_counter()
        checksum = self.checksum - (1 << 32) if self.checksum >= 1 << 31 else self.checksum
        return {
            "seconds": end - self.start,
            "messages": self.messages,
            "bytes": self.bytes,
            "checksum": checksum,
            "cpu": used() - self.used,
            "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        }


context = zmq.Context()
everything = bodies()
sums = [zlib.crc32(body) for body in everything]
variety = len(everything)
meter = Meter()


def listen(socket):
    socket.bind("tcp://127.0.0.1:*")
    say({"endpoint": socket.getsockopt_string(zmq.LAST_ENDPOINT).rstrip("\0")})


def release():
    sys.stdin.read()


def send_all(socket):
    for i in range(count):
        socket.send(everything[i % variety])
        meter.count(size, sums[i % variety])
    meter.stop()
    release()
    say(meter.result())


def pull():
    socket = context.socket(zmq.PULL)
    listen(socket)
    while meter.messages < count:
        meter.add(socket.recv())
    say(meter.result())
    release()


def push():
    socket = context.socket(zmq.PUSH)
    socket.connect(task["endpoint"])
    send_all(socket)


def pub():
    socket = context.socket(zmq.XPUB)
    socket.set(zmq.XPUB_VERBOSE, 1)
    socket.set_hwm(0)
    listen(socket)
    for _ in range(subscribers):
        socket.recv()
    send_all(socket)


def sub():
    poller, meters, left = zmq.Poller(), {}, subscribers
    for _ in range(subscribers):
        socket = context.socket(zmq.SUB)
        socket.set_hwm(0)
        socket.subscribe("")
        socket.connect(task["endpoint"])
        poller.register(socket, zmq.POLLIN)
        meters[socket] = Meter()
    if subscribers == 1:
        one = meters[socket]
        while one.messages < count:
            one.add(socket.recv())
        one.stop()
        left = 0
    while left:
        for socket, _ in poller.poll():
            one = meters[socket]
            try:
                while one.messages < count:
                    one.add(socket.recv(zmq.DONTWAIT))
                poller.unregister(socket)
                one.stop()
                left -= 1
            except zmq.Again:
                pass
    results = [one.result() for one in meters.values()]
    different = [one for one in results if one["checksum"] != results[0]["checksum"]]
    say(different[0] if different else max(results, key=lambda one: one["seconds"]))
    release()


def rep():
    socket = context.socket(zmq.REP)
    listen(socket)
    while meter.messages < WARM_UP + count:
        frame = socket.recv()
        meter.add(frame)
        socket.send(frame)
    meter.stop()
    release()
    say(meter.result())


def req():
    total = WARM_UP + count
    if form == "flight":
        socket = context.socket(zmq.DEALER)
        socket.connect(task["endpoint"])
        for i in range(100):
            socket.send_multipart([b"", everything[i % variety]])
        while meter.messages < total:
            meter.add(socket.recv_multipart()[1])
            following = meter.messages + 99
            if following < total:
                socket.send_multipart([b"", everything[following % variety]])
            if meter.messages == WARM_UP:
                meter.begin()
        say(meter.result())
    else:
        socket = context.socket(zmq.REQ)
        socket.connect(task["endpoint"])
        trips = []
        for i in range(total):
            if i == WARM_UP:
                meter.begin()
            begun = time.perf_counter()
            socket.send(everything[i % variety])
            frame = socket.recv()
            if i >= WARM_UP:
                trips.append((time.perf_counter() - begun) * 1e6)
            meter.add(frame)
        say({**meter.result(), "trips": trips})
    release()


{"pull": pull, "push": push, "pub": pub, "sub": sub, "rep": rep, "req": req}[role]()
context.destroy(linger=0)
