#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The clients of nginx: nginx.py SOCKET asks for something on each connection, says ready, and stays connected."""
import socket
import sys
import time

connections = []
for i in range(400):
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(sys.argv[1])
    host = b'Host: host%d.example.org\r\n' % (i % 300)
    connection.sendall(b'GET / HTTP/1.1\r\n' + host + b'\r\n')
    if not connection.recv(4096).startswith(b'HTTP/1.1 200'):
        sys.exit('nginx does not answer')
    if i % 2:
        # A request that is not finished is held.
        connection.sendall(b'POST /static1/ HTTP/1.1\r\n' + host + b'X-Rest: ' + b'x' * 300)
    connections.append(connection)
time.sleep(0.5)
print('ready', flush=True)
time.sleep(600)
