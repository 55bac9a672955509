"""Asks once, with a certificate, with a name and a password, or with neither, and tells whether it was let in."""
import os

import zmq
import zmq.auth
from program import arguments, context, end_with_input
from zmq.utils.monitor import recv_monitor_message

given = arguments(certificate="", server="", username="", password="", routing_id="")
end_with_input()
socket = context.socket(zmq.REQ)
if given.routing_id:
    socket.setsockopt_string(zmq.ROUTING_ID, given.routing_id)
if given.certificate:
    socket.curve_publickey, socket.curve_secretkey = zmq.auth.load_certificate(given.certificate)
    socket.curve_serverkey, _ = zmq.auth.load_certificate(given.server)
elif given.username:
    socket.setsockopt_string(zmq.PLAIN_USERNAME, given.username)
    socket.setsockopt_string(zmq.PLAIN_PASSWORD, given.password)
monitor = socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_HANDSHAKE_FAILED_AUTH
                                    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL)
socket.connect(given.connect[0])
socket.send_string("hello")
event = recv_monitor_message(monitor)
name = zmq.Event(event["event"]).name
if name == "HANDSHAKE_SUCCEEDED":
    print(name)
    print("reply", socket.recv_string())
else:
    print(name, event["value"])
os._exit(0)
