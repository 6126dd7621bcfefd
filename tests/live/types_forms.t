#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The same types from debug information in every form and at every place that compilers, linkers and distributions have for it: old versions, type units, compressed sections, split files
# (.dwo) and packages of them (.dwp), what dwz moved to a file that programs share.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/tap.sh"
. "$top_srcdir/tests/live/types_fixture.sh"
need_ptrace
need objcopy readelf

# formed FIXTURE COMPILER OPTION...: with debug information as the compiler writes it. The linker goes by gcc, which clang takes, too.
formed() {
	types_compile "$@" || return
	types_check "$1, $(shift; echo "$*")"
}

# remade DESC COMMAND...: after a command that makes another ./fixture of it; skipped where the tool is missing, or too old for it.
remade() {
	desc=$1
	shift
	if "$@" >remade.err 2>&1; then
		types_check "$desc"
	else
		skip "$desc" "$1: $(head -n 1 remade.err)"
	fi
}

split_is_there() {
	readelf -SW fixture | grep -q 'debug_addr' && [ "$(ls ./*.dwo 2>/dev/null)" ]
}

for compiler in gcc clang; do
	formed types_plain $compiler -O1 -gdwarf-3
	formed types_plain $compiler -O1 -gdwarf-4 -fdebug-types-section
	formed types_plain $compiler -O1 -gdwarf-5 -fdebug-types-section
	formed types_plain $compiler -O1 -gdwarf-5 -gz=zlib
	formed types_plain $compiler -O1 -gdwarf-4 -Wl,--compress-debug-sections=zlib-gnu
	types_compile types_plain $compiler -O1 -g && remade "types_plain, $compiler, sections compressed with zstd" objcopy --compress-debug-sections=zstd fixture
done
formed types_cxx g++ -std=c++17 -O1 -gdwarf-4 -fdebug-types-section
formed types_cxx g++ -std=c++17 -O1 -gdwarf-5 -fdebug-types-section

# mostly DESC: nothing is wrong, and nine in ten are right. Of split units the types are read, and not what code and frames say.
mostly() {
	types_check "$1" --unnamed
	is "$1: nine in ten are right" "$(echo "$types_sums" | awk '{ print ($6 == 0 && $4 * 10 >= $2 * 9 ? "yes" : $0) }')" yes
}

# Split files. The linker is given what was compiled, so that the .dwo stays where its skeleton says.
for compiler in gcc clang; do
	for version in 4 5; do
		rm -f ./*.dwo ./*.dwp
		desc="types_plain, $compiler, DWARF $version split"
		if ! $compiler -O1 -gdwarf-$version -gsplit-dwarf -c -o part.o "$(types_source types_plain)" 2>cc.err || ! $compiler -o fixture part.o 2>cc.err; then
			skip "$desc" "$compiler: $(head -n 1 cc.err)"
			continue
		fi
		check "$desc: there is a .dwo" split_is_there
		mostly "$desc"
		packer=llvm-dwp
		[ $version = 5 ] || packer=dwp
		if timeout 10 $packer -e fixture -o fixture.dwp >dwp.err 2>&1; then
			rm -f ./*.dwo
			mostly "$desc, packed by $packer"
		else
			skip "$desc, packed" "$packer: $(head -n 1 dwp.err)"
			rm -f ./*.dwo
		fi
		rm -f fixture.dwp
		types_check "$desc, the split file is gone" --unnamed
	done
done

# What several programs have in common, moved to a file by dwz.
share() {
	cp fixture other && dwz -m common.debug -M "$tmp/common.debug" fixture other && readelf -SW fixture | grep -q gnu_debugaltlink
}
types_compile types_plain gcc -O1 -gdwarf-4 && remade "types_plain, with a file that dwz made" share
rm -f common.debug
[ ! -e other ] || types_check "types_plain, that file is gone" --unnamed

done_testing
