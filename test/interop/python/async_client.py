"""Makes requests without waiting for the answers, which a poller brings."""
import zmq
from program import arguments, connected, end_with_input

given = arguments(connect=["tcp://127.0.0.1:5570"], id="1", count=5)
end_with_input()
socket = connected(zmq.DEALER, given.connect[0], routing_id=given.id.encode())
print("Client %s started" % given.id)
poller = zmq.Poller()
poller.register(socket, zmq.POLLIN)
for request in range(1, given.count + 1):
    socket.send_string("request #%d" % request)
answers = 0
while answers < given.count:
    if socket in dict(poller.poll(1000)):
        answers += 1
        print("Client %s received: %s" % (given.id, socket.recv_multipart()))
