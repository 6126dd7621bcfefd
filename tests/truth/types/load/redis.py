#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The load of redis: redis.py SOCKET fills it with every type of value, says ready, and stays connected."""
import random
import socket
import sys
import time


def connected():
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(sys.argv[1])
    return connection


def command(*words):
    words = [str(word).encode() for word in words]
    return b'*%d\r\n' % len(words) + b''.join(b'$%d\r\n%s\r\n' % (len(w), w) for w in words)


def run(connection, commands):
    """All of them, and every answer: a line each, as no command here answers with more."""
    reader = connection.makefile('rb')
    for start in range(0, len(commands), 500):
        part = commands[start:start + 500]
        connection.sendall(b''.join(part))
        for _ in part:
            line = reader.readline()
            if line[:1] == b'$':
                reader.readline()
            if line[:1] not in b'+:$':
                sys.exit(f'redis says {line!r}')


random.seed(1)
commands = [command('SET', f'str:{i}', 'x' * random.randint(1, 200)) for i in range(30000)]
commands += [command('SET', f'num:{i}', i * 1000000007) for i in range(5000)]
for i in range(3000):
    commands += [
        command('HSET', f'hash:{i % 30}', f'field{i}', 'v' * random.randint(1, 100)),
        command('ZADD', f'zset:{i % 10}', i, f'member{i}'),
        command('SADD', f'set:{i % 10}', f'member{i}'),
        command('SADD', f'ints:{i % 20}', i),
        command('LPUSH', f'list:{i % 20}', 'e' * random.randint(1, 300)),
        command('XADD', f'stream:{i % 5}', '*', 'k', f'v{i}'),
    ]
commands += [command('SET', f'exp:{i}', 'y', 'EX', 10000) for i in range(2000)]
main = connected()
run(main, commands)
others = [connected() for _ in range(50)]
for i, other in enumerate(others):
    other.sendall(command('SUBSCRIBE', f'channel{i}') if i % 2 else command('PING'))
    other.recv(4096)
print('ready', flush=True)
time.sleep(600)
