#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The load of mosquitto: mosquitto.py SOCKET subscribes, publishes and retains, says ready, and stays."""
import random
import socket
import struct
import sys
import time


def text(words):
    words = words.encode()
    return struct.pack('>H', len(words)) + words


def packet(kind, body):
    size, length = len(body), b''
    while True:
        size, low = divmod(size, 128)
        length += bytes([low | (128 if size else 0)])
        if not size:
            return bytes([kind]) + length + body


class Client:
    """One of MQTT 5, which the server remembers when it has gone."""

    def __init__(self, name, will=None):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(sys.argv[1])
        self.number = 0
        expiry = b'\x05\x11' + struct.pack('>I', 86400)
        body = text('MQTT') + bytes([5, 0x04 if will else 0]) + struct.pack('>H', 600) + expiry + text(name)
        if will:
            body += b'\x00' + text(will) + text('gone')
        self.socket.sendall(packet(0x10, body))
        self.answer(0x20)

    def answer(self, kind):
        got, size, shift = self.take(1)[0], 0, 0
        while True:
            byte = self.take(1)[0]
            size |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        self.take(size)
        if got & 0xF0 != kind and got & 0xF0 != 0x30:
            sys.exit(f'mosquitto says {got:#x} for {kind:#x}')
        return got & 0xF0

    def take(self, size):
        data = b''
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                sys.exit('mosquitto has hung up')
            data += part
        return data

    def subscribe(self, *topics):
        self.number += 1
        body = struct.pack('>H', self.number) + b'\x00' + b''.join(text(t) + b'\x01' for t in topics)
        self.socket.sendall(packet(0x82, body))
        while self.answer(0x90) != 0x90:
            pass

    def publish(self, topic, payload, retain=False, properties=b''):
        self.number += 1
        body = text(topic) + struct.pack('>H', self.number) + bytes([len(properties)]) + properties + payload
        self.socket.sendall(packet(0x33 if retain else 0x32, body))
        while self.answer(0x40) != 0x40:
            pass


random.seed(1)
# Those that have gone get messages queued.
for i in range(40):
    gone = Client(f'gone{i}')
    gone.subscribe(f'site/{i}/#', 'alarm/+', f'$share/group{i % 5}/job/{i}')
    gone.socket.close()
stay = []
for i in range(60):
    client = Client(f'stays{i}', f'will/{i}' if i % 3 == 0 else None)
    client.subscribe(*(f'room/{i}/{j}/+' for j in range(20)))
    stay.append(client)
sender = Client('sender')
for i in range(4000):
    sender.publish(f'sensor/{i % 200}/value{i}', b'%d' % random.randint(0, 10 ** random.randint(1, 60)), True)
for i in range(400):
    sender.publish(f'site/{i % 40}/door', b'open' * random.randint(1, 40), False,
                   b'\x26' + text('origin') + text(f'door{i}') if i % 4 == 0 else b'')
for i in range(50):
    sender.publish(f'alarm/{i}', b'fire')
print('ready', flush=True)
time.sleep(600)
