#!/bin/sh
# SPDX-License-Identifier: MIT
# configure.t: what configure says when something is missing, and what it refuses.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"

configure=$top_srcdir/configure
[ -x "$configure" ] || skip_all "there is no configure"

# Libraries that pkg-config does not find: all are named at once, in one line that installs them.
PKG_CONFIG_LIBDIR=$tmp/nothing PKG_CONFIG_PATH='' run "$configure" -q
is "missing libraries end configure" "$status" 1
matches "the line for apt names the package of each" "$err" \
	'^ *apt-get install -y --no-install-recommends libcapstone-dev libdw-dev libelf-dev liblzma-dev libsqlite3-dev libzstd-dev zlib1g-dev$'

# One library of the wrong version.
mkdir "$tmp/old"
for file in libdw libelf capstone zlib libzstd sqlite3 check; do
	version=99
	[ "$file" != libdw ] || version=0.186
	printf 'Name: %s\nDescription: x\nVersion: %s\nLibs:\nCflags:\n' $file $version >"$tmp/old/$file.pc"
done
PKG_CONFIG_LIBDIR=$tmp/old PKG_CONFIG_PATH='' run "$configure" -q
is "an old library ends configure" "$status" 1
matches "it says what it wants" "$err" 'libdw >= 0.187'
matches "the package of the old library is in the line for apt" "$err" 'install -y --no-install-recommends.* libdw-dev'

# Without Check the program builds, and the warning says how to get the tests.
mkdir "$tmp/no-check"
for folder in $(pkg-config --variable pc_path pkg-config | tr : ' '); do
	for file in "$folder"/*.pc; do
		[ ! -e "$file" ] || ln -sf "$file" "$tmp/no-check/"
	done
done
rm -f "$tmp/no-check/check.pc"
PKG_CONFIG_LIBDIR=$tmp/no-check PKG_CONFIG_PATH='' run "$configure" -q
is "without Check configure goes on" "$status" 0
matches "and says how to get it" "$err" 'apt-get install -y check'
run make -s check-local
is "make check does not pass without Check" "$([ "$status" -ne 0 ] && echo failed)" failed

refused() {
	run "$configure" -q --host="$1"
	is "$1 is refused" "$status" 1
	matches "$1 is refused by name" "$err" "$2"
}
refused riscv64-linux-gnu 'riscv64'
refused i686-linux-gnu 'i686'
refused x86_64-linux-gnux32 'x32'
refused x86_64-linux-musl 'glibc'
refused x86_64-freebsd 'freebsd'

# A compiler that does not know sanitizers or libFuzzer.
cat >"$tmp/plain-cc" <<'END'
#!/bin/sh
case " $* " in
*" -fsanitize="*) echo "plain-cc: no sanitizers" >&2; exit 1 ;;
esac
exec gcc "$@"
END
chmod +x "$tmp/plain-cc"
run "$configure" -q CC="$tmp/plain-cc" --enable-sanitizers
is "sanitizers that are not there end configure" "$status" 1
matches "the package is named" "$err" 'apt-get install .*libclang-rt'
run "$configure" -q CC="$tmp/plain-cc" --enable-fuzzing
is "fuzzing that is not there ends configure" "$status" 1
matches "the way to it is named" "$err" 'CC=clang'
done_testing
