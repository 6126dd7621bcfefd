#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The load of ninja: ninja.sh DIRECTORY writes a manifest there, of many targets that wait for one.
mkdir -p "$1"
cd "$1" || exit 1
cat >build.ninja <<'END'
cflags = -O2 -g
rule cc
  command = gcc $cflags -MD -MF $out.d -c $in -o $out
  description = CC $out
  depfile = $out.d
  deps = gcc
rule link
  command = gcc -o $out $in $libs
rule wait
  command = : >started; exec sleep 600
build first: wait
END
awk 'BEGIN {
	for (i = 0; i < 3000; i++) {
		printf "build out/part%d.o: cc part%d.c | config%d.h || first\n", i, i, i % 20
		printf "  cflags = -O%d -DNUMBER=%d\n", i % 3, i
		printf "" >("part" i ".c")
		close("part" i ".c")
	}
	for (i = 0; i < 20; i++)
		printf "" >("config" i ".h")
	for (i = 0; i < 300; i++) {
		printf "build out/program%d: link", i
		for (j = i * 10; j < i * 10 + 10; j++)
			printf " out/part%d.o", j
		printf "\n  libs = -lm\n"
	}
	printf "build all: phony"
	for (i = 0; i < 300; i++)
		printf " out/program%d", i
	print "\ndefault all"
}' >>build.ninja
