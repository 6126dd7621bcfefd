/* SPDX-License-Identifier: MIT */
#include "graph/suppress.h"

#include "debug/modules.h"
#include "graph_builder.h"
#include "target/image.h"
#include "unit.h"

static struct suppressions *parse(const char *text)
{
	struct suppressions *suppressions = NULL;
	struct error *error = suppressions_parse(text, strlen(text), "rules", &suppressions);

	ck_assert_msg(!error, "%s", error ? error->message : "");
	return suppressions;
}

static void is_wrong(const char *text, const char *message)
{
	struct suppressions *untouched = (struct suppressions *)&untouched, *suppressions = untouched;
	struct error *error = suppressions_parse(text, strlen(text), "rules", &suppressions);

	ck_assert_ptr_nonnull(error);
	ck_assert_int_eq(error->code, ERROR_USAGE);
	ck_assert_msg(strstr(error->message, message) != NULL, "%s", error->message);
	ck_assert_ptr_eq(suppressions, untouched);
	error_destroy(error);
}

START_TEST(rules_are_lines_of_conditions)
{
	struct suppressions *rules = parse("# nothing\n\n  size=64-1k \tmodule=lib*.so*\r\n\n"
					   "function=f variable=v holds=+0x8:200 holds=4k- cycle\n"
					   "holds=none size=0x20");

	ck_assert_uint_eq(rules->v.n, 3);

	const struct suppression *rule = &rules->v.v[0];

	ck_assert_uint_eq(rule->line, 3);
	ck_assert_str_eq(rule->text, "size=64-1k \tmodule=lib*.so*");
	ck_assert_uint_eq(rule->min, 64);
	ck_assert_uint_eq(rule->max, 1024);
	ck_assert_str_eq(rule->module, "lib*.so*");
	ck_assert(!rule->function && !rule->variable && !rule->held.n && !rule->is_cycle);
	rule = &rules->v.v[1];
	ck_assert_uint_eq(rule->line, 5);
	ck_assert_uint_eq(rule->max, UINT64_MAX);
	ck_assert_str_eq(rule->function, "f");
	ck_assert_str_eq(rule->variable, "v");
	ck_assert(rule->is_cycle && !rule->holds_none);
	ck_assert_uint_eq(rule->held.n, 2);
	ck_assert_uint_eq(rule->held.v[0].offset, 8);
	ck_assert_uint_eq(rule->held.v[0].min, 200);
	ck_assert_uint_eq(rule->held.v[0].max, 200);
	ck_assert_uint_eq(rule->held.v[1].offset, UINT64_MAX);
	ck_assert_uint_eq(rule->held.v[1].min, 4096);
	ck_assert_uint_eq(rule->held.v[1].max, UINT64_MAX);
	rule = &rules->v.v[2];
	ck_assert(rule->holds_none);
	ck_assert_uint_eq(rule->min, 32);
	suppressions_destroy(rules);
	rules = parse("");
	ck_assert_uint_eq(rules->v.n, 0);
	suppressions_destroy(rules);
}
END_TEST

START_TEST(what_is_wrong_with_a_rule_is_said)
{
	struct error *error;
	struct suppressions *suppressions = NULL;

	is_wrong("size=64\nsise=64\n", "rules, line 2, \"sise=64\": it is none of module, function");
	is_wrong("cycle=1", "it is none of");
	is_wrong("size", "a condition is KEY=VALUE");
	is_wrong("size=", "size is given once");
	is_wrong("size=9-8", "size is given once");
	is_wrong("size=1 size=2", "size is given once");
	is_wrong("size=many", "MIN-MAX");
	is_wrong("holds=+8", "holds takes");
	is_wrong("holds=+x:8", "holds takes");
	is_wrong("holds=1 holds=1 holds=1 holds=1 holds=1 holds=1 holds=1 holds=1 holds=1", "up to 8 times");
	is_wrong("holds=none holds=8", "holds=none holds nothing else");
	is_wrong("module=a module=b", "module is given once");
	is_wrong("function=", "as a pattern");
	is_wrong("\n\ntype=session type=conn", "line 3, \"type=conn\": type is given once, as a pattern");
	is_wrong("colour=red", "it is none of module, function, variable, type, size, holds, cycle");
	is_wrong("\x1b[31m=4", "\"\\x1b[31m=4\"");
	error = suppressions_parse("size=1\0", 7, "rules", &suppressions);
	ck_assert_str_eq(error->message, "rules is no text file");
	error_destroy(error);
}
END_TEST

/* Leaks without bytes, so without names: what rules on shapes take, and what stays.
 *
 *   0 → 1    2 → 3 → 4, 2 and 5 are held by nothing; 5 → 3 too    6 ⇄ 7    8 is reachable */
static void suppress_by(struct suppressions *rules, const char *text, const char *expected)
{
	static const char *const names[] = { "", "struct conn", "struct node", "Session" };
	static const uint32_t called[9] = { 1, 0, 2, 2, 0, 1, 3, 3, 1 };
	const struct suppression_names types = { called, names, 4 };
	struct graph_builder builder;
	struct modules modules = { 0 };
	struct image image;
	struct reach reach;
	uint64_t leaks = 0, chunks = 0, bytes = 0;

	builder_init(&builder, 9);
	builder_edge(&builder, 0, 1, false);
	builder_edge(&builder, 2, 3, false);
	builder_edge(&builder, 3, 4, false);
	builder_edge(&builder, 5, 3, false);
	builder_edge(&builder, 6, 7, false);
	builder_edge(&builder, 7, 6, false);
	builder_root(&builder, builder_place(&builder, PLACE_NONE), 8, HIT_START);

	struct edges edges = builder_edges(&builder);

	reach_compute(&builder.chunks, &edges, &builder.roots, &reach);
	ck_assert_uint_eq(reach.leaks.n, 4);
	image_init(&image);
	image_seal(&image);
	suppressions_apply(rules, &image, &modules, &builder.chunks, &types, &edges, &reach);
	for (size_t i = 0; i < reach.n; i++)
		ck_assert_msg("-rpdis"[reach.kind[i]] == expected[i], "%s: chunk %zu is %s, not %c", text, i, reach_kind_name(reach.kind[i]), expected[i]);

	// The sums are what the chunks say, and the rules have all that is suppressed, once.
	uint64_t count[REACH_KINDS] = { 0 }, sums[REACH_KINDS] = { 0 };

	for (size_t i = 0; i < reach.n; i++) {
		count[reach.kind[i]]++;
		sums[reach.kind[i]] += chunk_usable(&builder.chunks, (chunk_id)i);
	}
	for (size_t kind = 0; kind < REACH_KINDS; kind++) {
		ck_assert_uint_eq(reach.count[kind], count[kind]);
		ck_assert_uint_eq(reach.bytes[kind], sums[kind]);
	}
	ck_assert_uint_eq(reach.leaks.n, count[REACH_DIRECT]);
	for (size_t i = 0; i < rules->v.n; i++) {
		leaks += rules->v.v[i].leaks;
		chunks += rules->v.v[i].chunks;
		bytes += rules->v.v[i].bytes;
	}
	ck_assert_uint_eq(leaks, 4 - reach.leaks.n);
	ck_assert_uint_eq(chunks, count[REACH_SUPPRESSED]);
	ck_assert_uint_eq(bytes, sums[REACH_SUPPRESSED]);
	reach_deinit(&reach);
	edges_deinit(&edges);
	image_deinit(&image);
	builder_deinit(&builder);
	suppressions_destroy(rules);
}

static void suppress(const char *text, const char *expected)
{
	suppress_by(parse(text), text, expected);
}

START_TEST(leaks_of_a_type)
{
	suppress("type=nobody", "didiiddir");
	suppress("type=conn", "ssdiisdir");
	suppress("type=struct?conn", "ssdiisdir");
	suppress("type=con", "didiiddir");
	suppress("type=con*", "ssdiisdir");
	suppress("type=Session cycle", "didiidssr");
	suppress("type=conn size=24", "ssdiiddir");
	suppress("type=*", "ssssssssr");
	suppress_by(suppressions_of_type("struct conn"), "type:struct conn", "ssdiisdir");
	suppress_by(suppressions_of_type("conn"), "type:conn", "ssdiisdir");
	suppress_by(suppressions_of_type("con*"), "type:con*", "didiiddir");
}
END_TEST

START_TEST(what_a_leak_alone_holds_goes_with_it)
{
	// Usable sizes are 24, 40, 56 …
	suppress("", "didiiddir");
	suppress("size=24", "ssdiiddir");
	// Another leak holds 3 too.
	suppress("size=56", "disiiddir");
	suppress("size=56\nsize=104", "dissssdir");
	suppress("holds=72 size=100-", "didiisdir");
	suppress("holds=+0:72", "dissssdir");
	suppress("holds=+8:72", "didiiddir");
	suppress("holds=none", "didiiddir");
	suppress("cycle", "didiidssr");
	suppress("size=0-", "ssssssssr");
	// No module can be meant where nothing points to one.
	suppress("module=*", "didiiddir");
}
END_TEST

UNIT_SUITE("suppress", rules_are_lines_of_conditions, what_is_wrong_with_a_rule_is_said, leaks_of_a_type, what_a_leak_alone_holds_goes_with_it)
