"""Saves files, asking for one part after the other."""
import datetime
import os

import zmq
from program import arguments, bound, end_with_input

given = arguments(bind=["tcp://127.0.0.1:5567"], directory="received")
end_with_input()
socket = bound(zmq.ROUTER, given.bind[0])
files = {}
while True:
    sender, name, date, size, offset, data = socket.recv_multipart()
    assert os.path.basename(name) == name
    held = files.setdefault(sender, b"") + data
    assert int(offset) == len(held) - len(data)
    files[sender] = held
    if len(held) < int(size):
        socket.send_multipart([sender, b"more", b"1"])
        continue
    del files[sender]
    path = os.path.join(given.directory, name.decode())
    with open(path, "xb") as file:
        file.write(held)
    then = datetime.datetime.fromisoformat(date.decode().replace("Z", "+00:00")).timestamp()
    os.utime(path, (then, then))
    print("%s, %d bytes: saved" % (name.decode(), len(held)))
    socket.send_multipart([sender, b"saved", name])
