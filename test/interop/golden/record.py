"""Records what libzmq does, by pyzmq, into frames.json and wire.json; golden bytes for every transport of ours.

    /usr/bin/python3 test/interop/golden/record.py

A scenario is a socket, who watches it, and steps. What is watched is recorded; everything else is given here. In
frames.json a socket of another type watches, in wire.json a program that has nothing but a TCP connection. Bytes are in
hex; `??` is a byte that is made up anew each time.
"""
import json
import os
import socket as tcp
import threading

import zmq

HERE = os.path.dirname(os.path.abspath(__file__))
PATIENCE = 5000  # milliseconds until a step that does not happen is an error

# The options of our sockets, by what they are in libzmq.
OPTIONS = {
    "routingId": lambda socket, value: socket.setsockopt(zmq.ROUTING_ID, bytes.fromhex(value)),
    "correlate": lambda socket, value: socket.setsockopt(zmq.REQ_CORRELATE, int(value)),
    "probeRouter": lambda socket, value: socket.setsockopt(zmq.PROBE_ROUTER, int(value)),
    "welcomeMessage": lambda socket, value: socket.setsockopt(zmq.XPUB_WELCOME_MSG, bytes.fromhex(value)),
    "verbosity": lambda socket, value: socket.setsockopt(
        {"subscriptions": zmq.XPUB_VERBOSE, "all": zmq.XPUB_VERBOSER}[value], 1
    ),
    "heartbeat": lambda socket, value: (
        socket.setsockopt(zmq.HEARTBEAT_IVL, value["interval"]),
        socket.setsockopt(zmq.HEARTBEAT_TTL, value["timeToLive"]),
    ),
    "plainClient": lambda socket, value: (
        socket.setsockopt(zmq.PLAIN_USERNAME, value["username"].encode()),
        socket.setsockopt(zmq.PLAIN_PASSWORD, value["password"].encode()),
    ),
    "plainServer": lambda socket, value: (
        socket.setsockopt(zmq.PLAIN_SERVER, 1),
        socket.setsockopt(zmq.ZAP_DOMAIN, value["domain"].encode()),
    ),
    "nullServer": lambda socket, value: socket.setsockopt(zmq.ZAP_DOMAIN, value["domain"].encode()),
}


class Subject:
    """The socket that a scenario is about."""

    def __init__(self, context, kind, options):
        self.socket = context.socket(getattr(zmq, kind))
        self.socket.linger = 0
        self.socket.rcvtimeo = self.socket.sndtimeo = PATIENCE
        for name, value in options.items():
            OPTIONS[name](self.socket, value)

    def do(self, does, frames):
        if does in ("sends", "sends until it is seen"):
            self.socket.send_multipart(frames)
        elif does == "subscribes":
            self.subscription(zmq.SUBSCRIBE, b"\x01", frames)
        elif does == "unsubscribes":
            self.subscription(zmq.UNSUBSCRIBE, b"\x00", frames)
        else:
            raise ValueError(does)

    def subscription(self, option, first, frames):
        if self.socket.type == zmq.XSUB:
            self.socket.send(first + frames[0])
        else:
            self.socket.setsockopt(option, frames[0])


# What a scenario is made of ----------------------------------------------------------------------------------------


def step(who, does, *frames):
    return {"who": who, "does": does, "frames": list(frames)}


def sends(*frames):
    return step("socket", "sends", *frames)


def publishes(*frames):
    """A PUB does not know when it has a subscriber: it sends again and again."""
    return step("socket", "sends until it is seen", *frames)


def receives():
    return step("socket", "receives")


def subscribes(topic):
    return step("socket", "subscribes", topic)


def unsubscribes(topic):
    return step("socket", "unsubscribes", topic)


def sees(masks=None):
    """`masks`: by the number of a frame, its bytes that are made up, as a pattern."""
    return {"who": "observer", "does": "sees", "masks": masks or {}}


def answers(*frames):
    return step("observer", "sends", *frames)


def scenario(title, kind, observer, steps, **options):
    return {"title": title, "type": kind, "options": options, "observer": observer, "steps": steps}


MADE_UP_ID = "00????????"
LONG = bytes(range(256)) + b"long"  # more than 255 bytes: a length of 8 bytes on the wire
ID = "00ff00"  # a routing id may hold any bytes

FRAMES = [
    scenario("a REQ puts an empty frame before its request", "REQ", "ROUTER",
             [sends(b"Hello"), sees(), answers(bytes.fromhex(ID), b"", b"World"), receives()], routingId=ID),
    scenario("a REQ without an id is given one of 5 bytes, the first of which is 0", "REQ", "ROUTER",
             [sends(b"Hello"), sees({0: MADE_UP_ID})]),
    scenario("a REQ's request of several frames, of which some are empty", "REQ", "ROUTER",
             [sends(b"", b"a", b"", LONG), sees(), answers(b"id", b"", b"", b"b", b""), receives()],
             routingId=b"id".hex()),
    scenario("a REQ that correlates puts a number of 4 bytes before the empty frame", "REQ", "ROUTER",
             [sends(b"Hello"), sees({1: "????????"})], routingId=b"id".hex(), correlate=True),
    scenario("a REP sees the request alone", "REQ", "REP",
             [sends(b"a", b"", b"b"), sees(), answers(b"c", b""), receives()]),
    scenario("a REP keeps the envelope of its request for its reply", "REP", "DEALER",
             [answers(b"hop 2", b"hop 1", b"", b"a", b"", b"b"), receives(), sends(b"c", b"", b"d"), sees()]),
    scenario("a REP answers a request with nothing but the empty frame before it", "REP", "DEALER",
             [answers(b"", b"Hello"), receives(), sends(b"World"), sees()]),
    scenario("a REP, at a REQ", "REP", "REQ", [answers(b"Hello"), receives(), sends(b"World", b""), sees()]),
    scenario("a REP passes over what has no empty frame", "REP", "DEALER",
             [answers(b"no empty frame"), answers(b"", b"Hello"), receives(), sends(b"World"), sees()]),
    scenario("a DEALER adds nothing", "DEALER", "ROUTER",
             [sends(b"request #1"), sees(), answers(b"id", b"reply"), receives()], routingId=b"id".hex()),
    scenario("a DEALER without an id is given one of 5 bytes, the first of which is 0", "DEALER", "ROUTER",
             [sends(b"request #1"), sees({0: MADE_UP_ID})]),
    scenario("a DEALER with a REQ's envelope, at a ROUTER", "DEALER", "ROUTER",
             [sends(b"", b"Hello"), sees(), answers(b"id", b"", b"World"), receives()], routingId=b"id".hex()),
    scenario("a DEALER with a REQ's envelope, at a REP", "DEALER", "REP",
             [sends(b"", b"Hello"), sees(), answers(b"World"), receives()]),
    scenario("a DEALER, at a DEALER", "DEALER", "DEALER",
             [sends(b"", LONG, b""), sees(), answers(b"", b""), receives()]),
    scenario("a REQ's request, as a broker's DEALER passes it on: REQ > ROUTER > DEALER > REP", "DEALER", "REP",
             [sends(bytes.fromhex(ID), b"", b"Hello"), sees(), answers(b"World"), receives()]),
    scenario("and as the next broker's ROUTER sees it", "DEALER", "ROUTER",
             [sends(bytes.fromhex(ID), b"", b"Hello"), sees()], routingId=b"broker".hex()),
    scenario("a ROUTER takes the id away before it sends", "ROUTER", "DEALER",
             [answers(b"Hello", b""), receives(), sends(b"observer", b"World"), sees()]),
    scenario("a ROUTER answers a REQ", "ROUTER", "REQ",
             [answers(b"Hello"), receives(), sends(b"observer", b"", b"World"), sees()]),
    scenario("a ROUTER, at a ROUTER: the probe of one empty frame", "ROUTER", "ROUTER",
             [sees(), answers(b"id", b"Hello"), receives(), sends(b"observer", b"World"), sees()],
             routingId=b"id".hex(), probeRouter=True),
    scenario("a DEALER's probe is an empty frame", "DEALER", "ROUTER", [sees(), sends(b"a"), sees()],
             routingId=b"id".hex(), probeRouter=True),
    scenario("a SUB's subscription is a byte 1, its end a byte 0, and the prefix", "SUB", "XPUB",
             [subscribes(b"weather"), sees(), subscribes(b""), sees(), unsubscribes(b"weather"), sees()]),
    scenario("a SUB's prefixes may hold any bytes", "SUB", "XPUB", [subscribes(b"\x00\x01\xff"), sees()]),
    scenario("a SUB that subscribes twice tells it once", "SUB", "XPUB",
             [subscribes(b"a"), sees(), subscribes(b"a"), unsubscribes(b"a"), subscribes(b"b"), sees(),
              unsubscribes(b"a"), sees()]),
    scenario("an XSUB's subscriptions are those of a SUB", "XSUB", "XPUB",
             [subscribes(b"a"), sees(), unsubscribes(b"a"), sees()]),
    scenario("an XSUB's messages are passed up as they are", "XSUB", "XPUB",
             [subscribes(b"a"), sees(), sends(b"\x02up", b"", b"\x01"), sees()]),
    scenario("a PUB sends what matches, whole, to a SUB", "PUB", "SUB",
             [answers(b"a"), publishes(b"a 1", b"", LONG), sees()]),
    scenario("a PUB, at an XSUB", "PUB", "XSUB", [answers(b"\x01"), publishes(b"", b"body"), sees()]),
    scenario("an XPUB is told of subscriptions, and of their ends", "XPUB", "XSUB",
             [answers(b"\x01a"), receives(), answers(b"\x01"), receives(), sends(b"a", b"body"), sees(),
              answers(b"\x00a"), receives()]),
    scenario("an XPUB is told of a SUB's subscriptions", "XPUB", "SUB",
             [answers(b"a"), receives(), sends(b"ab"), sees()]),
    scenario("an XPUB's welcome message", "XPUB", "XSUB", [answers(b"\x01"), receives(), sees()],
             welcomeMessage=b"welcome".hex()),
    scenario("an XPUB is sent the messages of an XSUB", "XPUB", "XSUB",
             [answers(b"\x01a"), receives(), answers(b"\x02up", b"more"), receives()]),
    scenario("a PUSH adds nothing", "PUSH", "PULL",
             [sends(b"0"), sees(), sends(b""), sees(), sends(b"", b"a", LONG, b""), sees()]),
    scenario("a PULL", "PULL", "PUSH", [answers(b"", b"a", LONG, b""), receives(), answers(b""), receives()]),
    scenario("a PAIR adds nothing, either way", "PAIR", "PAIR",
             [sends(b"", b"a"), sees(), answers(b"\x01", b""), receives()]),
]


def receive(socket, other=None):
    # A socket learns of its connections when it is called: what the other one has to say to them may wait for that.
    while other is not None and not socket.poll(1):
        other.getsockopt(zmq.EVENTS)
    return socket.recv_multipart()


def mask(hexes, masks):
    """Frames with what is made up put out of sight, checked for what is not."""
    shown = list(hexes)
    for number, pattern in masks.items():
        assert len(pattern) == len(shown[number]), (pattern, shown[number])
        assert all(p in ("?", c) for p, c in zip(pattern, shown[number])), (pattern, shown[number])
        shown[number] = pattern
    return shown


def record_frames(one):
    context = zmq.Context()
    observer = context.socket(getattr(zmq, one["observer"]))
    observer.linger = 0
    observer.rcvtimeo = observer.sndtimeo = PATIENCE
    if one["observer"] in ("REQ", "REP", "DEALER", "ROUTER"):
        observer.setsockopt(zmq.ROUTING_ID, b"observer")
    if one["observer"] == "ROUTER":
        observer.setsockopt(zmq.ROUTER_MANDATORY, 1)
    observer.bind("tcp://127.0.0.1:*")
    subject = Subject(context, one["type"], one["options"])
    monitor = subject.socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED)
    monitor.rcvtimeo = PATIENCE
    subject.socket.connect(observer.getsockopt_string(zmq.LAST_ENDPOINT).rstrip("\0"))
    monitor.recv_multipart()  # connected: each knows the other
    steps = []
    again = None
    for given in one["steps"]:
        recorded = {key: value for key, value in given.items() if key != "masks"}
        if given["who"] == "observer" and given["does"] == "sees":
            while again is not None and not observer.poll(1):
                subject.do(*again)
            again = None
            recorded["frames"] = mask([frame.hex() for frame in receive(observer, subject.socket)], given["masks"])
        elif given["who"] == "observer":
            if one["observer"] == "SUB":
                observer.setsockopt(zmq.SUBSCRIBE, given["frames"][0])
            else:
                observer.send_multipart(given["frames"])
            recorded["frames"] = [frame.hex() for frame in given["frames"]]
        elif given["does"] == "receives":
            recorded["frames"] = [frame.hex() for frame in receive(subject.socket, observer)]
        else:
            if given["does"] == "sends until it is seen":
                again = (given["does"], given["frames"])
            subject.do(given["does"], given["frames"])
            recorded["frames"] = [frame.hex() for frame in given["frames"]]
        steps.append(recorded)
    subject.socket.disable_monitor()
    context.destroy(linger=0)
    return {**one, "steps": steps}


# Bytes on the wire --------------------------------------------------------------------------------------------------


def greeting(mechanism="NULL", as_server=0, minor=1):
    signature = b"\xff" + bytes(8) + b"\x7f"
    return signature + bytes([3, minor]) + mechanism.encode().ljust(20, b"\0") + bytes([as_server]) + bytes(31)


def frame(body, more=False):
    flags = 1 if more else 0
    if len(body) > 255:
        return bytes([flags | 2]) + len(body).to_bytes(8, "big") + body
    return bytes([flags, len(body)]) + body


def message(*frames):
    return b"".join(frame(body, number < len(frames) - 1) for number, body in enumerate(frames))


def command(name, data=b""):
    return b"\x04" + bytes([1 + len(name) + len(data), len(name)]) + name.encode() + data


def properties(**values):
    return b"".join(
        bytes([len(name)]) + name.encode() + len(value).to_bytes(4, "big") + value
        for name, value in ((key.replace("_", "-"), value) for key, value in values.items())
    )


def short(text):
    return bytes([len(text)]) + text.encode()


def writes(what, data):
    return {"who": "peer", "does": "writes", "what": what, "hex": data.hex()}


def written(what):
    """The next greeting, command or frame of the socket."""
    return {"who": "socket", "does": "writes", "what": what}


PEERS = {"PUSH": "PULL", "PULL": "PUSH", "REQ": "REP", "REP": "REQ", "DEALER": "ROUTER", "ROUTER": "DEALER",
         "PUB": "SUB", "SUB": "PUB", "XPUB": "XSUB", "XSUB": "XPUB", "PAIR": "PAIR"}


def ready(kind, peer=None):
    kind = peer or PEERS[kind]
    identity = {"Identity": b"peer"} if kind in ("REQ", "DEALER", "ROUTER") else {}
    return command("READY", properties(Socket_Type=kind.encode(), **identity))


def null(kind, minor=1):
    """The handshake of the NULL mechanism."""
    return [
        writes(f"greeting of ZMTP 3.{minor}: signature, version, mechanism NULL, as-server, filler", greeting(minor=minor)),
        written("greeting: signature, version, mechanism NULL, as-server, filler"),
        written("READY: Socket-Type, and Identity where the type has one"),
        writes("READY", ready(kind)),
    ]


def wire(title, kind, steps, connects=True, **options):
    return {"title": title, "type": kind, "options": options, "connects": connects, "steps": steps}


ALICE = {"username": "alice", "password": "secret"}

WIRE = [
    *[wire(f"the handshake of a {kind} that connects", kind, null(kind)) for kind in PEERS],
    wire("the handshake of a PULL that is bound", "PULL", null("PULL"), connects=False),
    *[wire(f"a {kind} tells its routing id", kind, null(kind), routingId=ID) for kind in ("REQ", "DEALER", "ROUTER")],
    wire("the handshake with a peer of ZMTP 3.0", "PUSH", null("PUSH", minor=0)),
    wire("a message of one frame, a message of none but an empty one", "PUSH",
         [*null("PUSH"), sends(b"Hello"), written("last frame, short"), sends(b""), written("last frame, empty")]),
    wire("frames of 255 bytes are short, of 256 long: a length of 8 bytes", "PUSH",
         [*null("PUSH"), sends(LONG[:255]), written("last frame, short"), sends(LONG[:256]),
          written("last frame, long")]),
    wire("a message of several frames", "PUSH",
         [*null("PUSH"), sends(b"a", b"", LONG, b"d"), written("frame with more to come, short"),
          written("frame with more to come, empty"), written("frame with more to come, long"),
          written("last frame, short")]),
    wire("messages of a peer, short, long and of several frames", "PULL",
         [*null("PULL"), writes("a message of one frame", message(b"Hello")), receives(),
          writes("a long one", message(LONG)), receives(),
          writes("one of four frames", message(b"a", b"", LONG, b"")), receives()]),
    wire("a long form of a short frame is understood", "PULL",
         [*null("PULL"), writes("5 bytes, in the long form", b"\x02" + (5).to_bytes(8, "big") + b"Hello"), receives()]),
    wire("a request, and its reply", "REQ",
         [*null("REQ"), sends(b"Hello"), written("empty frame, more to come"), written("last frame: the request"),
          writes("the reply", message(b"", b"World")), receives()]),
    wire("a reply goes under the envelope of its request", "REP",
         [*null("REP"), writes("a request with an envelope of one id", message(b"id", b"", b"Hello")), receives(),
          sends(b"World"), written("frame with more to come: the id"), written("empty frame, more to come"),
          written("last frame: the reply")]),
    wire("a ROUTER knows its peer by the Identity of its READY", "ROUTER",
         [*null("ROUTER"), writes("a message", message(b"Hello")), receives(), sends(b"peer", b"World"),
          written("last frame: the id is not on the wire")]),
    wire("a DEALER's message", "DEALER", [*null("DEALER"), sends(b"request #1"), written("last frame")]),
    wire("a PAIR's message", "PAIR", [*null("PAIR"), sends(b"a"), written("last frame")]),
    wire("a SUB's subscriptions are commands, for a peer of ZMTP 3.1", "SUB",
         [*null("SUB"), subscribes(b"weather"), written("SUBSCRIBE"), subscribes(b""), written("SUBSCRIBE to all"),
          unsubscribes(b"weather"), written("CANCEL")]),
    wire("a SUB's subscriptions are messages, for a peer of ZMTP 3.0", "SUB",
         [*null("SUB", minor=0), subscribes(b"weather"), written("1 and the prefix"), subscribes(b""), written("1"),
          unsubscribes(b"weather"), written("0 and the prefix")]),
    # libzmq passes on what an XSUB is given to send, and that is a message.
    *[wire(f"an XSUB's subscriptions are messages, also for a peer of ZMTP 3.{minor}", "XSUB",
           [*null("XSUB", minor=minor), subscribes(b"weather"), written("1 and the prefix"), subscribes(b""),
            written("1"), unsubscribes(b"weather"), written("0 and the prefix")]) for minor in (0, 1)],
    wire("an XSUB's message", "XSUB", [*null("XSUB"), sends(b"up"), written("last frame")]),
    wire("subscriptions of a peer, as commands", "XPUB",
         [*null("XPUB"), writes("SUBSCRIBE", command("SUBSCRIBE", b"a")), receives(), sends(b"ab", b"body"),
          written("frame with more to come: the topic"), written("last frame: the body"),
          writes("CANCEL", command("CANCEL", b"a")), receives()]),
    wire("subscriptions of a peer, as messages", "XPUB",
         [*null("XPUB", minor=0), writes("1 and the prefix", message(b"\x01a")), receives(), sends(b"ab"),
          written("last frame"), writes("0 and the prefix", message(b"\x00a")), receives()]),
    wire("a PING is answered by a PONG with its context", "PULL",
         [*null("PULL"), writes("PING: a time to live of 1 s, a context", command("PING", b"\x00\x0acontext")),
          written("PONG, with the context")]),
    wire("a PONG without a context", "PULL",
         [*null("PULL"), writes("PING: no time to live, no context", command("PING", b"\x00\x00")), written("PONG")]),
    wire("a PING carries the time to live in tenths of a second", "PUSH",
         [*null("PUSH"), written("PING")], heartbeat={"interval": 100, "timeToLive": 30000}),
    wire("NULL, the server, to whom it does not let in", "PULL",
         [writes("greeting: mechanism NULL", greeting()), written("greeting: mechanism NULL"),
          writes("READY", ready("PULL")), written("ERROR: 400")],
         connects=False, nullServer={"domain": "golden"}),
    wire("PLAIN, the client", "PUSH",
         [writes("greeting: mechanism PLAIN, as server", greeting("PLAIN", 1)),
          written("greeting: mechanism PLAIN, not as server"), written("HELLO: username, password"),
          writes("WELCOME", command("WELCOME")), written("INITIATE: Socket-Type"),
          writes("READY", ready("PUSH")), sends(b"Hello"), written("last frame")], plainClient=ALICE),
    wire("PLAIN, the server", "PULL",
         [writes("greeting: mechanism PLAIN, not as server", greeting("PLAIN", 0)),
          written("greeting: mechanism PLAIN, as server"),
          writes("HELLO: alice, secret", command("HELLO", short("alice") + short("secret"))), written("WELCOME"),
          writes("INITIATE", command("INITIATE", properties(Socket_Type=b"PUSH"))), written("READY: Socket-Type"),
          writes("a message", message(b"Hello")), receives()],
         connects=False, plainServer={"domain": "golden", **ALICE}),
    # libzmq means 5 and "ERROR": "\\x05ERROR" in C is a byte 5e and "RROR".
    wire("PLAIN, the server, to a wrong password: an ERROR whose name libzmq misspells", "PULL",
         [writes("greeting: mechanism PLAIN, not as server", greeting("PLAIN", 0)),
          written("greeting: mechanism PLAIN, as server"),
          writes("HELLO: alice, guess", command("HELLO", short("alice") + short("guess"))),
          written("ERROR: 400, its name being 5e RROR")], connects=False, plainServer={"domain": "golden", **ALICE}),
]


def exactly(connection, count):
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise EOFError(f"the socket closed after {data.hex()}")
        data += more
    return data


def read_one(connection, what):
    if what.startswith("greeting"):
        return exactly(connection, 64)
    head = exactly(connection, 2)
    if head[0] & 2:
        head += exactly(connection, 7)
        return head + exactly(connection, int.from_bytes(head[1:], "big"))
    return head + exactly(connection, head[1])


def authenticate(context, expected):
    """A ZAP handler that lets one user in, who has a name."""
    handler = context.socket(zmq.REP)
    handler.linger = 0
    handler.bind("inproc://zeromq.zap.01")

    def serve():
        try:
            while True:
                version, sequence, _, _, _, _, *credentials = handler.recv_multipart()
                known = credentials and [part.decode() for part in credentials] == [expected["username"], expected["password"]]
                handler.send_multipart([version, sequence, b"200" if known else b"400", b"", b"", b""])
        except zmq.ZMQError:  # the context ends
            handler.close()

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


def record_wire(one):
    context = zmq.Context()
    server = one["options"].get("plainServer") or one["options"].get("nullServer")
    handler = authenticate(context, server) if server else None
    subject = Subject(context, one["type"], one["options"])
    if one["connects"]:
        listener = tcp.create_server(("127.0.0.1", 0))
        subject.socket.connect("tcp://127.0.0.1:%d" % listener.getsockname()[1])
        connection, _ = listener.accept()
        listener.close()
    else:
        subject.socket.bind("tcp://127.0.0.1:*")
        port = subject.socket.getsockopt_string(zmq.LAST_ENDPOINT).rstrip("\0").rsplit(":", 1)[1]
        connection = tcp.create_connection(("127.0.0.1", int(port)))
    connection.settimeout(PATIENCE / 1000)
    steps = []
    for given in one["steps"]:
        recorded = dict(given)
        if given["does"] == "writes":
            if given["who"] == "peer":
                connection.sendall(bytes.fromhex(given["hex"]))
            else:
                recorded["hex"] = read_one(connection, given["what"]).hex()
        elif given["does"] == "receives":
            recorded["frames"] = [part.hex() for part in receive(subject.socket)]
        else:
            subject.do(given["does"], given["frames"])
            recorded["frames"] = [part.hex() for part in given["frames"]]
        steps.append(recorded)
    connection.close()
    subject.socket.close()
    context.term()
    if handler:
        handler.join()
    return {**one, "steps": steps}


# JSON, laid out as the formatter has it -----------------------------------------------------------------------------


def lay_out(value, indent, before):
    line = flat(value)
    if not isinstance(value, (dict, list)) or indent + before + len(line) <= 119:
        return line
    inner = " " * (indent + 2)
    if isinstance(value, dict):
        lines = [f"{inner}{json.dumps(k)}: {lay_out(v, indent + 2, len(json.dumps(k)) + 2)}" for k, v in value.items()]
        return "{\n" + ",\n".join(lines) + "\n" + " " * indent + "}"
    return "[\n" + ",\n".join(inner + lay_out(v, indent + 2, 0) for v in value) + "\n" + " " * indent + "]"


def flat(value):
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(k)}: {flat(v)}" for k, v in value.items()) + " }" if value else "{}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flat, value)) + "]"
    return json.dumps(value)


def save(name, scenarios):
    recorded = {"libzmq": zmq.zmq_version(), "pyzmq": zmq.pyzmq_version(), "scenarios": scenarios}
    with open(os.path.join(HERE, name), "w", encoding="utf-8") as file:
        file.write(lay_out(recorded, 0, 0) + "\n")
    print(f"{name}: {len(scenarios)} scenarios")


def recorded(record, one):
    try:
        return record(one)
    except Exception as error:
        raise SystemExit(f"{one['title']}: {error!r}") from error


save("frames.json", [recorded(record_frames, one) for one in FRAMES])
save("wire.json", [recorded(record_wire, one) for one in WIRE])
