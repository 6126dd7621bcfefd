#!/bin/sh
# SPDX-License-Identifier: MIT
# bootstrap.t: what ./bootstrap does on machines that this is not, played by fakes of dpkg-query,
# apt-get, id, sudo and make that write down how they were called.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"

mkdir "$tmp/bin" "$tmp/tree"
cp "$top_srcdir/bootstrap" "$tmp/tree/"
mkdir -p "$tmp/tree/tests/suites"
cp "$top_srcdir/tests/count-results" "$tmp/tree/tests/"
printf '#!/bin/sh\n' >"$tmp/tree/tests/suites/fetch"
chmod +x "$tmp/tree/tests/suites/fetch"
cd "$tmp/tree" || exit 99

fake() {
	printf '#!/bin/sh\necho "%s $*" >>"%s/calls"\n' "$1" "$tmp" >"$tmp/bin/$1"
	cat >>"$tmp/bin/$1"
	chmod +x "$tmp/bin/$1"
}
# Every package is installed but those in $tmp/absent, until apt-get installs them.
fake dpkg-query <<END
for word; do
	case \$word in
	-*) ;;
	*) grep -qx "\$word" "$tmp/absent" || echo "installed \$word" ;;
	esac
done
END
fake apt-get <<END
[ ! -e "$tmp/apt-is-broken" ] || exit 100
[ "\$1" != install ] || : >"$tmp/absent"
END
fake id <<END
cat "$tmp/uid"
END
fake autoreconf <<END
touch configure Makefile.in
printf '#!/bin/sh\necho "configure \$*" >>"$tmp/calls"\nmkdir -p build; touch config.status\n' >configure
chmod +x configure
END
# A build whose one test passed.
fake make <<END
case "\$*" in
*list-checks*) echo check ;;
*check*) mkdir -p build/tests && echo ':test-result: PASS 1 - x' >build/tests/one.trs
	[ ! -e "$tmp/test-fails" ] || { echo ':test-result: FAIL 2 - y' >>build/tests/one.trs; exit 1; } ;;
esac
[ ! -e "$tmp/make-is-broken" ] || exit 2
END
# sudo, env and the rest of the system as they are; no service may be touched, so no policy either.
# PATH is replaced, so that a sudo of this machine is not found.
for tool in sh env cat grep sed awk sort find mkdir rm touch chmod printf nproc dirname readlink head ls cp systemctl; do
	found=$(command -v "$tool") || continue
	case $found in
	/*) [ "$tool" = systemctl ] || ln -sf "$found" "$tmp/bin/$tool" ;;
	esac
done

bootstrap() {
	: >"$tmp/calls"
	PATH=$tmp/bin run /bin/sh ./bootstrap "$@"
}
fresh() {
	rm -rf build configure Makefile.in "$tmp/apt-is-broken" "$tmp/make-is-broken" "$tmp/test-fails"
	: >configure.ac
	: >Makefile.am
	: >"$tmp/absent"
	echo 0 >"$tmp/uid"
}
called() {
	grep -q "^$1" "$tmp/calls"
}
last_line() {
	tail -n 1 "$out"
}

fresh
printf 'libdw-dev\nlibzstd-dev\n' >"$tmp/absent"
bootstrap build
is "as root: status" "$status" 0
check "it updates the lists" called 'apt-get update'
check "it installs what is missing, no more" called 'apt-get install -q -y --no-install-recommends libdw-dev libzstd-dev$'
matches "it shows what it installs" "$out" '^\+ .*apt-get install .*libdw-dev libzstd-dev'
check "it makes configure" called 'autoreconf'
check "it configures" called 'configure'
check "it builds" called 'make -s -C build'
check_not "it fetches nothing for tests" grep -q tests/suites/fetch "$out"

bootstrap build
is "the second time: status" "$status" 0
check_not "the second time it installs nothing" called apt-get
check_not "nor makes configure" called autoreconf
check_not "nor configures" called configure

sleep 0.02
touch configure.ac
bootstrap build
check "a changed configure.ac makes configure anew" called autoreconf

fresh
echo 1000 >"$tmp/uid"
printf 'libdw-dev\nlibcapstone-dev\n' >"$tmp/absent"
bootstrap demo
is "no root, no sudo: status" "$status" 1
check_not "no root, no sudo: apt-get is not run" called apt-get
matches "no root, no sudo: the one line to run" "$err" \
	'^ *apt-get update && apt-get install -y --no-install-recommends libdw-dev libcapstone-dev$'
check_not "no root, no sudo: nothing is built" called make

fake sudo <<'END'
"$@"
END
bootstrap build
is "with sudo: status" "$status" 0
check "with sudo: it is used" called 'sudo apt-get update'
matches "with sudo: it is shown" "$out" '^\+ sudo .*apt-get install'
rm "$tmp/bin/sudo"

fresh
: >"$tmp/apt-is-broken"
echo libdw-dev >"$tmp/absent"
bootstrap check
is "apt-get fails: status" "$status" 1
matches "apt-get fails: the one line to run" "$err" 'apt-get install -y --no-install-recommends libdw-dev$'
is "apt-get fails: the last line counts" "$(last_line)" "0 passed, 1 failed, 0 skipped"

fresh
: >"$tmp/apt-is-broken"
echo gdb >"$tmp/absent"
bootstrap check
is "what only tests need cannot be installed: status" "$status" 0
matches "it says what it goes on without" "$err" 'going on without: gdb'
is "the last line counts" "$(last_line)" "1 passed, 0 failed, 0 skipped"

fresh
bootstrap check
is "check: the last line counts" "$(last_line)" "1 passed, 0 failed, 0 skipped"
is "check: status" "$status" 0
matches "check: what tests fetch comes meanwhile" "$out" '^\+ tests/suites/fetch --all &$'
: >"$tmp/test-fails"
bootstrap check
is "a test fails: the last line counts" "$(last_line)" "1 passed, 1 failed, 0 skipped"
is "a test fails: status" "$status" 1
matches "a test fails: it is named" "$err" 'one.log: FAIL 2 - y'

fresh
: >"$tmp/make-is-broken"
bootstrap check
is "the build fails: the last line counts" "$(last_line)" "0 passed, 1 failed, 0 skipped"
is "the build fails: status" "$status" 1

fresh
bootstrap nonsense
is "an unknown word: status" "$status" 2
matches "an unknown word: usage" "$err" 'bootstrap check'
bootstrap --help
is "--help: status" "$status" 0
matches "--help: usage" "$out" 'bootstrap demo'
done_testing
