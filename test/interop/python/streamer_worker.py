"""Takes tasks by way of a streamer."""
import zmq
from program import arguments, connected, end_with_input

given = arguments(connect=["tcp://127.0.0.1:10106"], tasks=100)
end_with_input()
socket = connected(zmq.PULL, given.connect[0])
for task in range(given.tasks):
    assert socket.recv_multipart() == [b"%d" % task, b""]
print("Took %d tasks, in their order" % given.tasks)
