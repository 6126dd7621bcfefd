#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""heap_image_seeds.py FOLDER: writes the seeds of fuzz_heap_image there: the sound process in the layout of each release, and one
tampering of each kind (see fuzz_heap_image.c, and builder_process() in tests/unit/image_builder.h)."""
import os
import struct
import sys

RELEASES = ["2.24", "2.26", "2.29", "2.31", "2.34", "2.36", "2.42", "2.43"]
# Memories in the order of their addresses.
BRK, HEAP, NEWER_HEAP, MMAPPED, LIBC, TLS = range(6)
(PUT, PUT_ADDRESS, PUT_LINK, PUT_SIZE, ADD, ABSENT, UNTOUCHED, THREAD, MAPPING, IMMENSE,
 LAYOUT) = range(11)
# main_arena of 2.36 in LIBC, its members; heap_info's.
ARENA, TOP, BINS, NEXT, SYSTEM = 0xC80, 96, 112, 2160, 2184
PREV, SIZE = 8, 16


def record(what, memory, at, value):
    return struct.pack("<BBHQ", what, memory, at // 8, value)


def address(memory, at):
    return memory | at // 8 << 8 | at % 8 << 24


def write(name, records=(), release="2.36", plain=True):
    with open(os.path.join(sys.argv[1], name), "wb") as seed:
        seed.write(bytes([RELEASES.index(release), plain]) + b"".join(records))


def main():
    os.makedirs(sys.argv[1], exist_ok=True)
    for release in RELEASES:
        write("sound_" + release, release=release, plain=False)
    main_member = lambda offset, what, value: record(what, LIBC, ARENA + offset, value)
    write("size_zero", [record(PUT, BRK, 0x8, 0)])
    write("size_huge", [record(PUT, BRK, 0x298, 0x4141414141414141)])
    write("size_small", [record(PUT_SIZE, BRK, 0x8, 0x21)])
    write("top_beyond", [main_member(TOP, PUT_ADDRESS, address(MMAPPED, 0))])
    write("top_in_a_chunk", [record(ADD, LIBC, ARENA + TOP, -0x100 & 0xFFFF)])
    write("bin_to_itself", [main_member(BINS + 16 * 8, PUT_ADDRESS, address(LIBC, ARENA + BINS + 16 * 7))])
    write("bin_outside", [main_member(BINS, PUT, 0x10)])
    write("fast_bin_link", [main_member(16 + 8, PUT_ADDRESS, address(BRK, 0x290))])
    write("ring_bites", [main_member(NEXT, PUT_ADDRESS, address(LIBC, ARENA))])
    write("ring_breaks", [main_member(NEXT, PUT_ADDRESS, address(TLS, 0))])
    write("heaps_in_a_circle", [record(PUT_ADDRESS, HEAP, PREV, address(NEWER_HEAP, 0))])
    write("heap_of_nothing", [record(PUT_SIZE, HEAP, SIZE, 48)])
    write("heap_immense", [record(PUT, NEWER_HEAP, SIZE, 1 << 26), record(IMMENSE, NEWER_HEAP, 0x2FF8, 1 << 40)])
    write("phantom", [record(PUT_SIZE, HEAP, 0x3FE8, 0x21), record(PUT_SIZE, HEAP, 0x3FF8, 1)])
    write("tcache_link", [record(PUT_LINK, BRK, 0x2A0, address(BRK, 0x2A0))])
    write("tcache_counter", [record(PUT, BRK, 0x10, (1 << 64) - 1)], plain=False)
    write("another_thread", [record(THREAD, 0, 0, address(BRK, 0x10))])
    write("brk_absent", [record(ABSENT, BRK, 0x1000, 0)])
    write("libc_absent", [record(ABSENT, LIBC, 0x1000, 0)])
    write("heap_untouched", [record(UNTOUCHED, NEWER_HEAP, 0x1000, 0)])
    write("noncontiguous", [record(PUT, LIBC, ARENA, 2 << 32), record(PUT_SIZE, MMAPPED, 8, 0x21)])
    write("mapping_beyond", [record(MAPPING, MMAPPED, 0, 1 << 20), record(PUT, MMAPPED, 8, 1 << 30 | 2)])
    write("huge_pages", [record(PUT, LIBC, 0x280 + 48, 2 << 20)])
    for member in (1, 17, 18, 19, 20, 21, 22, 23):
        write("layout_%d" % member, [record(LAYOUT, member, 0, 1001)])


main()
