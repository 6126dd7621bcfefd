#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The type of every chunk of a C++ program (and, where there is a compiler, of a Rust one): classes, arrays, what containers allocate, what is erased.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"
. "$top_srcdir/tests/live/types_fixture.sh"
need_ptrace

# held FIXTURE COMPILER OPTION...: all of its types are right.
held() {
	types_compile "$@" && types_check "$*: types" --all
}

held types_cxx g++ -O0 -g -std=c++17
held types_cxx g++ -O2 -g -gdwarf-4 -std=c++17
held types_nested clang++ -O2 -g -std=c++17
held types_dictionary clang++ -O2 -g -std=c++17
if echo '#include <vector>' | clang++ -stdlib=libc++ -x c++ -fsyntax-only - 2>cc.err; then
	held types_cxx clang++ -stdlib=libc++ -O2 -g -std=c++17
else
	skip "libc++: types" "there is none"
fi
if command -v rustc >cc.err && echo 'fn main() {}' | rustc -o hello - 2>cc.err; then
	held types_rust rustc -g
else
	skip "rustc -g: types" "there is no rustc that compiles"
fi
done_testing
