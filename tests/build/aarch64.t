#!/bin/sh
# SPDX-License-Identifier: MIT
# aarch64.t: the sources compile for aarch64 too. The headers of that architecture are fetched once
# into the cache of tests/suites/fetch, by an apt of its own directories; nothing of the host is
# changed. HEAPSNAP_AARCH64_ROOT names a root directory that has them already.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"

need clang
cache=${HEAPSNAP_SUITES:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/heapsnap-suites}/aarch64
packages="libc6-dev linux-libc-dev libelf-dev libdw-dev libcapstone-dev zlib1g-dev liblzma-dev libzstd-dev libsqlite3-dev"

# The packages are unpacked, not installed: only headers are wanted of them.
fetch() {
	rm -rf "$cache" && mkdir -p "$cache/apt/lists/partial" "$cache/apt/archives/partial" "$cache/new" ||
		return 1
	: >"$cache/apt/status"
	set -- apt-get -q=2 -o APT::Architecture=arm64 -o APT::Architectures=arm64 \
		-o APT::Sandbox::User="$(id -un)" -o Acquire::Languages=none -o Debug::NoLocking=true \
		-o Dir::State="$cache/apt" -o Dir::State::status="$cache/apt/status" \
		-o Dir::Cache="$cache/apt"
	"$@" update
	# shellcheck disable=SC2086 # a list
	(cd "$cache/apt/archives" && "$@" download $packages) || return 1
	for package in "$cache"/apt/archives/*.deb; do
		dpkg-deb -x "$package" "$cache/new" || return 1
	done
	rm -rf "$cache/apt"
	echo "$packages" >"$cache/new/packages"
	mv "$cache/new" "$cache/root"
}

root=${HEAPSNAP_AARCH64_ROOT:-$cache/root}
if [ -z "${HEAPSNAP_AARCH64_ROOT-}" ] && [ "$(cat "$root/packages" 2>/dev/null)" != "$packages" ]; then
	need apt-get dpkg-deb
	if ! fetch >"$tmp/fetch.log" 2>&1; then
		diag_file "$tmp/fetch.log"
		skip_all "the headers of aarch64 could not be fetched"
	fi
fi

compiles() {
	clang --target=aarch64-linux-gnu --sysroot="$root" -std=gnu11 -fsyntax-only -Wall -Wextra \
		-Werror -D_GNU_SOURCE -DPACKAGE_VERSION='"0"' -I"$top_srcdir/src" \
		-I"$root/usr/include/capstone" "$1"
}
# A compiler that quietly took the host's headers would prove nothing.
printf '#include <sys/user.h>\nint registers = sizeof(((struct user_regs_struct *)0)->regs);\n' >"$tmp/probe.c"
check "the headers are those of aarch64" compiles "$tmp/probe.c"

cd "$top_srcdir/src" || exit 99
for file in */*.c; do
	check "$file compiles for aarch64" compiles "$file"
done
done_testing
