# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# For tests of types: a fixture is compiled in some way, runs, and what heapsnap calls its chunks is held against what it printed.
#
#	types_compile types_plain gcc -O2 -g && types_check "types_plain, gcc -O2" [--all | --unnamed]

command -v python3 >/dev/null || skip_all "python3 is not installed"
[ -x "$top_builddir/tests/live/types_driver" ] || { echo "Bail out! no $top_builddir/tests/live/types_driver"; exit 99; }

# types_source FIXTURE: its source file.
types_source() {
	for _types_file in "$top_srcdir/fixtures/programs/$1".*; do
		case $_types_file in
		*.c | *.cc | *.rs) echo "$_types_file" && return ;;
		esac
	done
	echo "Bail out! no fixture $1"
	exit 99
}

# types_compile FIXTURE COMPILER OPTION...: makes ./fixture of it; status 1, after a skip or a failure, when there is none.
types_compile() {
	_types_fixture=$1
	shift
	if ! command -v "$1" >cc.err; then
		skip "$_types_fixture, $*" "$1 is not there"
		return 1
	fi
	# The libraries of a fixture stand in its source.
	_types_file=$(types_source "$_types_fixture")
	_types_packages=$(sed -n 's/.*pkg-config: //p' "$_types_file")
	_types_flags=
	if [ "$_types_packages" ]; then
		# shellcheck disable=SC2086 # several words
		_types_flags=$(pkg-config --cflags --libs $_types_packages 2>cc.err) || {
			skip "$_types_fixture, $*" "$_types_packages: not installed"
			return 1
		}
	fi
	# shellcheck disable=SC2086 # several words
	"$@" -o fixture "$_types_file" $_types_flags 2>cc.err && return 0
	not_ok "$_types_fixture, $*: compiles"
	diag_file cc.err
	return 1
}

# types_check DESC [--all | --unnamed]: runs ./fixture and holds the types against what it says. The sums are in $types_sums, the list is in list.csv.
types_check() {
	_types_desc=$1
	shift
	start_target ./fixture || return
	if "$HEAPSNAP" list --format csv -p "$target_pid" </dev/null >list.csv 2>list.err && "$top_srcdir/tests/live/types_held" "$@" "$target_out" list.csv >held; then
		ok "$_types_desc"
	else
		not_ok "$_types_desc"
		diag_file list.err
	fi
	diag_file held
	types_sums=$(sed -n '$p' held)
	stop_target
}
