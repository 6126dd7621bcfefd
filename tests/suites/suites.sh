# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# Programs under the C library of another Debian suite: sourced after tests/tap.sh.
#
#	need_suites bullseye sid	fetches what is missing, or skips the test
#	suite_use bullseye
#	start_target $suite_run ./program	runs it with that suite's loader and libraries
#
# A program is built once, against the oldest suite, and runs under all: it then asks for no symbol
# that is newer. What is static is built against the suite itself.

oldest_suite=bullseye
suites_cache=${HEAPSNAP_SUITES:-${XDG_CACHE_HOME:-${HOME:?}/.cache}/heapsnap-suites}

# need_suites SUITE...: they are there afterwards, or the test is skipped with the reason. A suite that
# cannot be fetched is a failure in CI (CI is set) or with HEAPSNAP_NEED_SUITES.
need_suites() {
	"$top_srcdir/tests/suites/fetch" "$@" >"$tmp/suites.out" 2>"$tmp/suites.err" && return 0
	diag_file "$tmp/suites.err"
	if [ -n "$HEAPSNAP_NEED_SUITES$CI" ]; then
		not_ok "the suites $* are fetched"
		done_testing
	fi
	skip_all "the suites cannot be fetched: $(tail -n 1 "$tmp/suites.err")"
}

# suite_use SUITE: sets suite, suite_version (of libc6), suite_root, suite_libs, suite_debug (for
# --debuginfo-path) and suite_run (the command that runs a program there). `host` is the machine's own.
suite_use() {
	suite=$1
	if [ "$suite" = host ]; then
		suite_root='' suite_libs='' suite_run='' suite_debug=/usr/lib/debug
		suite_version=$(getconf GNU_LIBC_VERSION)
		return
	fi
	suite_root=$suites_cache/$suite/root
	suite_libs=$suite_root/usr/lib/$(cc_multiarch)
	suite_debug=$suite_root/usr/lib/debug
	suite_version=$(cat "$suites_cache/$suite/version")
	for suite_loader in "$suite_root"/lib64/ld-linux-*.so.* "$suite_root"/lib/ld-linux-*.so.*; do
		[ -e "$suite_loader" ] && break
	done
	suite_run="$suite_loader --library-path $suite_libs"
}

# suite_use_python [dbg]: after suite_use and need_suites --python (or --python-dbg); sets suite_python (the command that runs the suite's
# Python), suite_python_version, suite_python_debug (for --debuginfo-path) and suite_python_home.
suite_use_python() {
	_suites_python=$suites_cache/$suite-python${1:+-$1}
	suite_python_home=$_suites_python/root/usr
	suite_python_debug=$suite_python_home/lib/debug
	for suite_python in "$_suites_python"/root/usr/bin/python3.*[0-9]; do
		[ -e "$suite_python" ] && break
	done
	suite_python="$suite_loader --library-path $suite_libs:$_suites_python/root/usr/lib/$(cc_multiarch) $suite_python"
	suite_python_version=$(cat "$_suites_python/version")
}

# The folder of this architecture's libraries in a Debian root.
cc_multiarch() {
	: "${_suites_multiarch:=$(dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null ||
		${CC:-cc} -print-multiarch)}"
	echo "$_suites_multiarch"
}

# suite_cc SUITE ARGUMENTS...: the host's compiler with that suite's headers, start files and libraries.
suite_cc() {
	_suites_root=$suites_cache/$1/root
	_suites_libs=$_suites_root/usr/lib/$(cc_multiarch)
	shift
	# -B, because the compiler looks beside itself before it looks in the sysroot.
	${CC:-cc} -std=gnu11 -D_GNU_SOURCE -g -O1 --sysroot="$_suites_root" -B"$_suites_libs" \
		-L"$_suites_libs" "$@"
}

# build_recorder DIR: the recorder and the shared objects that fixtures load, for every suite.
build_recorder() {
	suite_cc "$oldest_suite" -O2 -fPIC -fno-builtin -shared -Wl,-z,now \
		-o "$1/recorder.so" "$top_srcdir/tests/truth/recorder.c" &&
		suite_cc "$oldest_suite" -fPIC -shared \
			-o "$1/dlmopen_plugin.so" "$top_srcdir/fixtures/programs/dlmopen_plugin.c"
}

# build_programs DIR NAME...: fixtures for every suite.
build_programs() {
	_suites_dir=$1
	shift
	for _suites_name; do
		suite_cc "$oldest_suite" -pthread -o "$_suites_dir/$_suites_name" \
			"$top_srcdir/fixtures/programs/$_suites_name.c" -ldl || return 1
	done
}

# build_static DIR NAME OPTION: one fixture as a static program of the suite in use, with the recorder
# linked in; OPTION is -static or -static-pie.
build_static() {
	_suites_wrap=
	for _suites_name in malloc calloc realloc reallocarray memalign aligned_alloc posix_memalign \
		valloc pvalloc free; do
		_suites_wrap="$_suites_wrap -Wl,--wrap=$_suites_name"
	done
	# The unwinder of a new compiler asks libc for a function that an old libc does not have, and
	# needs it only to unwind.
	suite_has_symbol _dl_find_object ||
		_suites_wrap="$_suites_wrap -Wl,--defsym=_dl_find_object=abort"
	# shellcheck disable=SC2086
	suite_cc "$suite" "$3" -pthread -fno-builtin -DRECORDER_WRAP -DFIXTURE_STATIC $_suites_wrap \
		-o "$1" "$top_srcdir/fixtures/programs/$2.c" "$top_srcdir/tests/truth/recorder.c"
}

suite_has_symbol() {
	nm -A "$suite_libs/libc.a" 2>/dev/null | grep -q " T $1\$"
}
