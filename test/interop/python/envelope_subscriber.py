"""Averages the temperature over reports whose topic frame begins with a filter."""
import zmq
from program import arguments, connected, end_with_input

given = arguments(connect=["tcp://127.0.0.1:5563"], filter="10001/", count=20)
end_with_input()
socket = connected(zmq.SUB, given.connect[0])
socket.setsockopt_string(zmq.SUBSCRIBE, given.filter)
total = 0
for _ in range(given.count):
    topic, report = socket.recv_multipart()
    temperature, relhumidity = report.split(b" ")
    assert topic.startswith(given.filter.encode()) and topic.endswith(b"/"), topic
    assert 10 <= int(relhumidity) <= 59, relhumidity
    total += int(temperature)
print("Average temperature for '%s' was %dF" % (given.filter, total / given.count))
