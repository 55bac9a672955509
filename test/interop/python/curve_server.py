"""Says World by CURVE to whom it has made a certificate for; makes that, and its own, by pyzmq."""
import os

import zmq
import zmq.auth
from program import arguments, bound, context, end_with_input
from zmq.auth.thread import ThreadAuthenticator

given = arguments(bind=["tcp://127.0.0.1:5555"], certificates="")
end_with_input()
for name in ("server", "client"):
    zmq.auth.create_certificates(given.certificates, name, metadata={"name": name})
authenticator = ThreadAuthenticator(context)
authenticator.start()
authenticator.configure_curve(domain="*", location=given.certificates)
public, secret = zmq.auth.load_certificate(os.path.join(given.certificates, "server.key_secret"))
socket = bound(zmq.REP, given.bind[0], curve_server=1, curve_publickey=public, curve_secretkey=secret)
while True:
    print("Received request: %s" % socket.recv())
    socket.send(b"World")
