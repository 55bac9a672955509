"""A ROUTER, and threads that each send back what they get by a DEALER."""
import threading

import zmq
from program import arguments, bound, connected, context, end_with_input


def work(number):
    worker = connected(zmq.DEALER, "inproc://backend")
    print("Worker#%d started" % number)
    while True:
        client, message = worker.recv_multipart()
        print("Worker#%d received %s from %s" % (number, message, client))
        worker.send_multipart([client, message])


given = arguments(bind=["tcp://127.0.0.1:5570"], workers=3)
end_with_input()
frontend = bound(zmq.ROUTER, given.bind[0])
backend = context.socket(zmq.DEALER)
backend.bind("inproc://backend")
for number in range(given.workers):
    threading.Thread(target=work, args=(number,), daemon=True).start()
zmq.proxy(frontend, backend)
