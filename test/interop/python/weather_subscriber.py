"""Averages the temperature over twenty reports that begin with a filter."""
import zmq
from program import arguments, connected, end_with_input

given = arguments(connect=["tcp://127.0.0.1:5556"], filter="10001", count=20)
end_with_input()
socket = connected(zmq.SUB, given.connect[0])
socket.setsockopt_string(zmq.SUBSCRIBE, given.filter)
total = 0
for _ in range(given.count):
    zipcode, temperature, relhumidity = socket.recv_string().split()
    assert zipcode.startswith(given.filter) and 1 <= int(zipcode) <= 99999, zipcode
    assert 10 <= int(relhumidity) <= 59, relhumidity
    assert -80 <= int(temperature) <= 134, temperature
    total += int(temperature)
print("Average temperature for zipcode '%s' was %dF" % (given.filter, total / given.count))
