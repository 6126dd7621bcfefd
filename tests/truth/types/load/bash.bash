# SPDX-License-Identifier: MIT
# The load of bash: functions with every kind of command, variables, arrays, aliases; then it waits in
# a function that was called by others.
shopt -s expand_aliases extglob
declare -A names ages
declare -a list sparse
for ((i = 0; i < 6000; i++)); do
	names[key$i]="value of $i"
	list[i]=element$i
	((i % 7)) || sparse[i * 13]=$i
done
for ((i = 0; i < 500; i++)); do
	printf -v "plain_$i" 'text %d %s' "$i" "${list[i]}"
	export "exported_$i=$i"
	declare -i "number_$i=i * 3"
	alias "word$i=echo word $i"
	eval "work_$i() {
		local input=\$1 found= n=$i
		if [[ -n \$input && \$input == *.txt ]] || test -e /nowhere/\$input; then
			for file in one two three \"\$@\"; do
				case \$file in
				a* | b*) found=\$file ;;
				*.c) grep -n pattern$i \"\$file\" 2>/dev/null | sort -u >\"/tmp/\$file.out\" && n=0 ;;
				*) : ;;
				esac
			done
		elif ((n > 10)); then
			while read -r line; do
				(cd / && echo \"\$line\" \"\${found:-none}\")
			done <<-HERE
				some text $i
				\$input
			HERE
		else
			until false; do { echo a; echo b; } & break; done
			for ((k = 0; k < n; k++)); do select x in a b; do break; done; done
		fi
		! return \$((n + $i))
	}"
done
trap 'echo interrupted' INT
trap 'echo leaving' EXIT
trap 'echo failed' USR1
complete -W "alpha beta gamma" work_1
outer() {
	local mine=$1 -a parts=(a b c)
	inner "$mine" "${parts[@]}"
}
inner() {
	local -A table=([x]=1 [y]=2)
	local word
	echo ready
	IFS= read -r word
}
outer first second
