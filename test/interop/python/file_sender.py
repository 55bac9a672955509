"""Sends a file in parts: the first, and then as many as it is asked for."""
import datetime
import os

import zmq
from program import arguments, connected, end_with_input

given = arguments(connect=["tcp://127.0.0.1:5567"], file="", part=65536)
end_with_input()
socket = connected(zmq.DEALER, given.connect[0])
name = os.path.basename(given.file)
date = datetime.datetime.fromtimestamp(os.path.getmtime(given.file), datetime.timezone.utc).isoformat()
size = os.path.getsize(given.file)
with open(given.file, "rb") as file:
    credit = 1
    while True:
        for _ in range(credit):
            offset = file.tell()
            part = file.read(given.part)
            if part or offset == size == 0:
                socket.send_multipart([field.encode() for field in (name, date, str(size), str(offset))] + [part])
        answer, detail = socket.recv_multipart()
        if answer != b"more":
            break
        credit = int(detail)
print("%s: %s %s" % (name, answer.decode(), detail.decode()))
