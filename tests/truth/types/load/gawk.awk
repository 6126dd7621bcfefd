# SPDX-License-Identifier: MIT
# The load of gawk: arrays of every kind, in one another too, words counted from text, functions.
function depth(n, local) {
	local["level"] = n
	if (n)
		return depth(n - 1)
	printf "ready\n"
	fflush()
	getline line < "/dev/stdin"
	return length(local)
}
function count(line, words, n, i) {
	n = split(tolower(line), words, /[^a-z]+/)
	for (i = 1; i <= n; i++) {
		seen[words[i]]++
		where[words[i]][NR] = i
	}
}
{
	count($0)
	lines[NR] = $0
	fields[NR] = NF ? $1 " " $NF : ""
	if (match($0, /([a-z]+)_([a-z]+) *\(/, part))
		called[part[1], part[2]] = NR
}
END {
	for (i = 0; i < 8000; i++) {
		squares[i] = i * i
		sparse["k" i % 977][i * 3 + 0.5] = sprintf("%x", i)
		negative[-i * 7] = i "th"
	}
	PROCINFO["sorted_in"] = "@val_num_desc"
	n = asorti(seen, ordered)
	depth(5)
}
