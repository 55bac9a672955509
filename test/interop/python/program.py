"""What the programs share: a context, endpoints from the command line, and each bound one printed."""
import argparse
import os
import sys
import threading

import zmq

context = zmq.Context()


def arguments(bind=(), connect=(), **others):
    """--bind and --connect, each given once an endpoint, in order, and whatever else there is, by its default."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bind", action="append", default=[])
    parser.add_argument("--connect", action="append", default=[])
    for name, default in others.items():
        flag = "--" + name.replace("_", "-")
        if default is False:
            parser.add_argument(flag, action="store_true")
        else:
            parser.add_argument(flag, default=default, type=type(default))
    given = parser.parse_args()
    given.bind += bind[len(given.bind):]
    given.connect += connect[len(given.connect):]
    return given


def bound(kind, endpoint, **options):
    """A socket that is bound, and says where."""
    socket = opened(kind, options)
    socket.bind(endpoint)
    print("bound", socket.getsockopt_string(zmq.LAST_ENDPOINT).rstrip("\0"))
    return socket


def connected(kind, endpoint, **options):
    socket = opened(kind, options)
    socket.connect(endpoint)
    return socket


def opened(kind, options):
    socket = context.socket(kind)
    for name, value in options.items():
        socket.setsockopt(getattr(zmq, name.upper()), value)
    return socket


def end_with_input():
    """Ends the program when nobody holds its standard input any more: no program outlives the test that started it."""

    def wait():
        while os.read(sys.stdin.fileno(), 4096):
            pass
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()
