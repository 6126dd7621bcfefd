#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""frame_seeds.py FOLDER: writes the seeds of fuzz_frames there: 33 registers, then a small shared object, a stack that leads
through its functions, and a signal trampoline. Needs gcc and nm."""
import os
import struct
import subprocess
import sys
import tempfile

SOURCE = '''
int leaf(int);
__attribute__((noinline)) int pushes(int a)
{
	volatile int x[8];
	x[a & 7] = a;
	int r = leaf(a);
	__asm__ volatile("" ::: "rbx", "r12", "memory");
	return r + x[1];
}
__attribute__((noinline)) int outer_one(int a)
{
	int r = pushes(a + 1);
	__asm__ volatile("" ::: "rbx");
	return r;
}
'''
FLAGS = ('-O1 -nostdlib -fPIC -shared -fcf-protection=none '
         '-Wl,-z,max-page-size=4096,-z,noseparate-code').split()
KINDS = {
    'plain': [],
    'fp': ['-fno-omit-frame-pointer'],
    'nocfi': ['-fno-asynchronous-unwind-tables', '-fno-omit-frame-pointer'],
}
CODE, STACK = 0x10000, 0x7f0000  # as in fuzz_frames.c
TRAMPOLINE = bytes.fromhex('48c7c00f0000000f05')


def build(folder, flags):
    """The stripped object's bytes and its functions' addresses."""
    source, named, stripped = (os.path.join(folder, n) for n in ('s.c', 'named.so', 'stripped.so'))
    with open(source, 'w', encoding='ascii') as file:
        file.write(SOURCE)
    subprocess.check_call(['gcc', *FLAGS, *flags, source, '-o', named])
    subprocess.check_call(['gcc', *FLAGS, *flags, '-s', source, '-o', stripped])
    lines = (line.split() for line in subprocess.check_output(['nm', named], text=True).splitlines())
    symbols = {line[2]: int(line[0], 16) for line in lines if len(line) == 3}
    with open(stripped, 'rb') as file:
        code = file.read()
    return code + bytes(-len(code) % 8), symbols


def main():
    for kind, flags in KINDS.items():
        with tempfile.TemporaryDirectory() as folder:
            memory, symbols = build(folder, flags)
        at = len(memory)
        for i in range(40):
            memory += struct.pack('<Q', (CODE + symbols['pushes'] + 30, CODE + symbols['outer_one'] + 9,
                                         STACK + at + 8 * i + 16)[i % 3])
        places = {
            'pushes': CODE + symbols['pushes'] + 20,
            'outer': CODE + symbols['outer_one'] + 4,
            'null': 0,
            'tramp': CODE + len(memory),
        }
        memory += TRAMPOLINE + bytes(7)
        for name, pc in places.items():
            registers = [STACK + at + 16] * 16 + [pc] + [0] * 16
            registers[6], registers[7] = STACK + at + 24, STACK + at
            with open(os.path.join(sys.argv[1], f'{kind}_{name}'), 'wb') as file:
                file.write(struct.pack('<33Q', *registers) + memory)


if __name__ == '__main__':
    main()
