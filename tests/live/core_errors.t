#!/bin/sh
# SPDX-License-Identifier: MIT
# What heapsnap says, and how it ends, when the core is none, is for another machine, or is not all there. No core is written
# here: a small one is among the fuzz seeds.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"

seed=$top_srcdir/tests/fuzz/corpus/core/kernel

# patched OFFSET OCTAL NAME: the seed with one byte changed, as file NAME.
patched() {
	cp "$seed" "$3" && chmod u+w "$3"
	# shellcheck disable=SC2059 # an escape on purpose
	printf "\\$2" | dd of="$3" bs=1 seek="$1" conv=notrunc 2>/dev/null
}

# refused LABEL STATUS MESSAGE ARGUMENT...: exit status, one line on stderr, nothing on stdout.
refused() {
	label=$1 wanted=$2 message=$3
	shift 3
	run "$HEAPSNAP" "$@"
	is "$label: status" "$status" "$wanted"
	matches "$label: message" "$err" "^heapsnap: .*$message"
	is "$label: one line" "$(wc -l <"$err")" 1
	is "$label: no results" "$(wc -c <"$out")" 0
}

: >empty
refused "an empty file" 3 "empty: is empty" --core empty
refused "no file" 3 "nothing: No such file or directory" --core nothing
refused "a directory" 3 "Is a directory" --core /
refused "a device" 3 "/dev/zero: is no regular file" --core /dev/zero
echo "some text" >text
refused "a text" 3 "text: is no core: it does not begin with an ELF header" --core text
refused "a program" 3 "is a program or a library, not a core" --core "$HEAPSNAP"
gzip -c "$seed" >packed.gz
refused "a core in gzip" 3 "packed.gz: is compressed with gzip: unpack it first" --core packed.gz

patched 4 001 core32
refused "a 32-bit core" 4 "core32: is the core of a 32-bit program" --core core32
patched 18 363 riscv
refused "a core of another architecture" 4 "riscv: is the core of a program for RISC-V; heapsnap reads x86-64 and AArch64" --core riscv
refused "the same as an operand" 4 "riscv: is the core of a program for RISC-V" riscv

head -c 40 "$seed" >header
refused "cut within the header" 3 "header: is cut off within its header, at byte 40" --core header
head -c 64 "$seed" >headers
refused "cut before the program headers" 3 "headers: is cut off before its program headers, which begin at byte 64" --core headers
head -c 2000 "$seed" >notes
refused "cut before the memory" 3 "notes: holds no memory: it is cut off before the first segment" --core notes
patched 54 040 phentsize
refused "a damaged header" 3 "phentsize: is damaged: program headers of 32 bytes \(byte 54\)" --core phentsize

printf '\050\265\057\375garbage' >damaged.zst
refused "damaged zstd" 3 "damaged.zst: cannot be unpacked: it is " --core damaged.zst
# A frame that announces 2^52 bytes.
printf '\050\265\057\375\340\000\000\000\000\000\000\020\000\001\000\000' >bomb.zst
refused "a zstd bomb" 3 "bomb.zst: unpacks to more than [0-9]* bytes" --core bomb.zst
TMPDIR=$tmp/nowhere
export TMPDIR
refused "no place to unpack to" 3 "cannot be unpacked \(--spool DIR names another directory\): .* $tmp/nowhere: No such file or directory" --core "$top_srcdir/tests/fuzz/corpus/core/zstd"
unset TMPDIR
done_testing
