"""Reads a topic by a subscription to one of its keys; subscriptions before and after it have it counted."""
import json
import uuid

import zmq
from program import arguments, end_with_input, opened

given = arguments(connect=["tcp://127.0.0.1:5556"], key="10001", count=1)
end_with_input()
prefix = b"weather/%s/" % given.key.encode()
own = b"weather/%s/" % uuid.uuid4().hex.encode()
socket = opened(zmq.SUB, {})
for subscription in (b"\x00" + own + prefix, prefix, b"\xff" + own):
    socket.setsockopt(zmq.SUBSCRIBE, subscription)
socket.connect(given.connect[0])
for _ in range(given.count):
    topic, value = socket.recv_multipart()
    assert topic == prefix, topic
    print(json.dumps(json.loads(value), sort_keys=True))
