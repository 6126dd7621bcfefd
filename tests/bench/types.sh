#!/bin/sh
# SPDX-License-Identifier: MIT
# What it costs to read the types of a large program: CPU for each 100 MB of .debug_info, uncompressed and as Debian installs it (zlib), and memory against the sections
# that are read; and of taking them from the cache. ceph-mon has 167 MB of .debug_info; it is fetched by apt, once, and unpacked without being installed.
#
#	BENCH_TYPES_CACHE	where the packages are unpacked (heapsnap-bench in the user's cache directory)
#	BENCH_RUNS		runs of each (5)
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"

: "${BENCH_RUNS:=5}"
program=usr/bin/ceph-mon
reader=$top_builddir/tests/bench/types_read

give_up() {
	echo "types: $*; not measured"
	exit 0
}

# fetch: ceph-mon and its debug file, in $BENCH_TYPES_CACHE/ceph.
fetch() (
	set -e
	mkdir -p "$BENCH_TYPES_CACHE/new"
	cd "$BENCH_TYPES_CACHE/new"
	apt-get download -q -q ceph-mon ceph-mon-dbg >/dev/null 2>&1
	for package in *.deb; do
		dpkg-deb -x "$package" root
	done
	[ -e root/$program ]
	mv root ../ceph
	cd ..
	rm -r new
)

for tool in apt-get dpkg-deb objcopy readelf; do
	command -v $tool >/dev/null || give_up "$tool is missing"
done
if [ ! -d "$BENCH_TYPES_CACHE/ceph" ]; then
	fetch || { rm -rf "$BENCH_TYPES_CACHE/new"; give_up "ceph-mon-dbg can not be had from apt"; }
fi

root=$BENCH_TYPES_CACHE/ceph
id=$(readelf -n "$root/$program" 2>/dev/null | sed -n 's/^ *Build ID: //p')
rest=${id#??}
file=.build-id/${id%"$rest"}/$rest.debug
mkdir -p "$tmp/plain/${file%/*}"
objcopy --decompress-debug-sections "$root/usr/lib/debug/$file" "$tmp/plain/$file" 2>/dev/null || give_up "the debug file has no sections"

printf '%-14s %12s %9s %9s %9s %12s %16s\n' 'debug file' '.debug_info' 'open' 'read' 'seal' 's/100 MB' 'memory/sections'
for form in plain zlib cached; do
	from=$tmp/plain cache=
	[ $form = plain ] || from=$root/usr/lib/debug
	if [ $form = cached ]; then
		cache="-c $tmp/cache"
		# shellcheck disable=SC2086 # an option and its value
		"$reader" $cache -d "$from" "$root/$program" >/dev/null || exit 1
	fi
	: >runs
	run=0
	while [ $run -lt "$BENCH_RUNS" ]; do
		# shellcheck disable=SC2086 # an option and its value, or none
		"$reader" $cache -d "$from" "$root/$program" >>runs || exit 1
		run=$((run + 1))
	done
	# The run of the median CPU.
	awk '{ print $2 + $4 + $6, $0 }' runs | sort -n | sed -n "$((BENCH_RUNS / 2 + 1))p" |
	awk -v form=$form '{ printf "%-14s %9.0f MB %7.3f s %7.3f s %7.3f s %12.2f %16.2f\n", form, $9 / 1e6, $3, $5, $7, $1 / $9 * 1e8, $11 ? $13 * 1024 / $11 : 0 }'
done
