"""Sends faster than anyone takes: by a PUSH, which waits, and by a PUB, which drops."""
import zmq
from program import arguments, bound, end_with_input

given = arguments(bind=["tcp://127.0.0.1:5565", "tcp://127.0.0.1:5566"], messages=20000, size=1000)
end_with_input()
push = bound(zmq.PUSH, given.bind[0], sndhwm=100, immediate=1)
pub = bound(zmq.PUB, given.bind[1], sndhwm=100)
monitor = pub.get_monitor_socket(zmq.EVENT_DISCONNECTED)
body = bytes(given.size)
for socket in (push, pub):
    for _ in range(given.messages):
        socket.send(body)
end = [b"END", b"%d" % given.messages]
push.send_multipart(end)
while not monitor.poll(20):
    pub.send_multipart(end)
print("the subscriber has left")
