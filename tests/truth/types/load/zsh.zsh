# SPDX-License-Identifier: MIT
# The load of zsh: parameters of every type, functions, aliases, commands it has looked up; then it
# waits in a function that was called by others.
setopt extendedglob
typeset -A names ages
typeset -a list
typeset -i i
for ((i = 0; i < 6000; i++)); do
	names[key$i]="value of $i"
	list+=(element$i)
done
for ((i = 0; i < 800; i++)); do
	typeset -g "plain_$i=text $i"
	typeset -gx "exported_$i=$i"
	typeset -gi "number_$i=$((i * 3))"
	typeset -gF "real_$i=$((i / 7.0))"
	typeset -gaU "unique_$i"
	set -A "unique_$i" a b $i
	alias "word$i=echo word $i"
	alias -g "GLOBAL$i=| grep $i"
	eval "work_$i() {
		local input=\$1 found= n=$i
		if [[ -n \$input && \$input == *.txt ]]; then
			for file in one two three \"\$@\"; do
				case \$file in
				(a*|b*) found=\$file ;;
				(*.c) grep -n pattern$i \"\$file\" 2>/dev/null | sort -u >\"/tmp/\$file.out\" ;;
				esac
			done
		elif ((n > 10)); then
			repeat 3 { print -r -- \${found:-none} }
		fi
		return \$((n + $i))
	}"
done
autoload -Uz compinit promptinit
hash -d work=/tmp lib=/usr/lib
rehash
hash -f 2>/dev/null
zstyle ':completion:*' menu select
for ((i = 0; i < 300; i++)); do
	zstyle ":test:$i:*" option$i one two $i
done
outer() {
	local mine=$1
	local -a parts=(a b c)
	inner "$mine" $parts
}
inner() {
	local -A table=(x 1 y 2)
	local word
	echo ready
	IFS= read -r word
}
outer first second
