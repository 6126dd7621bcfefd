# SPDX-License-Identifier: MIT
# The load of jq: values of every kind, shared and not, held in variables while it waits for input.
def words: "heap snap chunk type member union tag array object string number text list tree" | split(" ");
def record($n):
	{
		id: $n,
		name: "item \($n)",
		($n | tostring): null,
		price: ($n * 1.25),
		tags: [words[$n % 13], words[$n % 7], "only \($n % 50)"],
		nested: {first: {n: $n, even: ($n % 2 == 0)}, list: [range($n % 5) | {at: .}]},
		note: (if $n % 10 == 0 then "a longer note, told of item \($n) at some length; " * 3 else false end)
	};
[range(2500) | record(.)] as $records
| ($records | map({key: .name, value: .}) | from_entries) as $by_name
| ($records | group_by(.id % 40) | map({count: length, names: map(.name), sum: (map(.price) | add)})) as $groups
| ([$records[] | select(.id % 3 == 0) | tojson]) as $texts
| ([limit(40; $records[] | [paths(scalars)])]) as $paths
| ([$records[:300][] | with_entries(.key |= ascii_upcase)]) as $upper
| (reduce $records[] as $r ({}; .[$r.tags[0]][$r.tags[1]] += [$r.id])) as $index
| ([range(500) | [range(.)]] | map(select(length % 9 == 0))) as $triangle
| ("ready\n" | stderr)
| [input, $records, $by_name, $groups, $texts, $paths, $upper, $index, $triangle]
| length
