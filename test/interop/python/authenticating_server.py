"""Answers each request of those who are let in: by the certificates of a directory, or by a name and a password."""
import os

import zmq
import zmq.auth
from program import arguments, bound, context, end_with_input
from zmq.auth.thread import ThreadAuthenticator

given = arguments(bind=["tcp://127.0.0.1:*"], certificates="", username="", password="")
end_with_input()
authenticator = ThreadAuthenticator(context)
authenticator.start()
if given.certificates:
    authenticator.configure_curve(domain="*", location=os.path.join(given.certificates, "clients"))
    _, secret = zmq.auth.load_certificate(os.path.join(given.certificates, "server.key_secret"))
    options = {"curve_server": 1, "curve_secretkey": secret}
else:
    authenticator.configure_plain(domain="*", passwords={given.username: given.password})
    options = {"plain_server": 1}
socket = bound(zmq.REP, given.bind[0], **options)
while True:
    request = socket.recv_string()
    print("request", request)
    socket.send_string("answer to " + request)
