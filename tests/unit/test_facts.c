/* SPDX-License-Identifier: MIT */
/*
 * Facts of code: fixtures/code/patterns.c says what is to be found in it, and is compiled by all compilers that there are, for all machines that they know.
 */
#include "code/facts.h"

#include <dwarf.h>

#include "debug/die_names.h"
#include "dwarf_case.h"
#include "unit.h"

static const char *source_path(const char *name)
{
	static char path[4096];
	const char *top = getenv("top_srcdir");

	snprintf(path, sizeof(path), "%s/fixtures/code/%s", top ? top : ".", name);
	return path;
}

/* What is being checked. */
struct found {
	const char *command;
	struct modules *modules;
	struct code_facts facts;
	/** There is no DWARF. */
	bool is_bare;
	int failures;
};

static __attribute__((format(printf, 2, 3))) void complain(struct found *found, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fprintf(stderr, "# %s: ", found->command);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	found->failures++;
}

static const char *type_name(const struct found *found, int32_t type)
{
	const struct code_type *one = &found->facts.types.v[type];

	return one->tag == DW_TAG_pointer_type ? "(pointer)" : one->name ? one->name : "(unnamed)";
}

/* Whether a type is the one of «item» or «job+8». */
static bool type_is(const struct found *found, int32_t type, int32_t offset, const char *text)
{
	const char *plus = strchr(text, '+');
	size_t length = plus ? (size_t)(plus - text) : strlen(text);
	const char *name = type_name(found, type);

	return strlen(name) == length && strncmp(name, text, length) == 0 && offset == (plus ? atoi(plus) : 0);
}

static int32_t function_named(const struct found *found, const char *name)
{
	for (size_t i = 0; i < found->facts.functions.n; i++) {
		const char *one = found->facts.functions.v[i].name;

		if (one && strcmp(one, name) == 0 && found->facts.functions.v[i].module >= 0)
			return (int32_t)i;
	}
	return CODE_NONE;
}

static const char *const forms[] = { "constant", "either", "sum", "scaled", "opaque" };

static bool number_is(const char *text, int64_t number)
{
	return strcmp(text, "-") == 0 || strtoll(text, NULL, 10) == number;
}

static bool site_is(const struct found *found, const struct code_site *site, const char *form, const char *k, const char *c, const char *type)
{
	if ((strcmp(form, "-") != 0 && strcmp(form, forms[site->form]) != 0) || !number_is(k, site->k) || !number_is(c, site->c))
		return false;
	if (strcmp(type, "-") == 0)
		return true;
	for (uint32_t i = 0; i < site->types; i++) {
		const struct code_site_type *one = &found->facts.site_types.v[site->first_type + i];

		// The first one must be it, or one that is as good.
		if (type_is(found, one->type, one->offset, type))
			return one->weight >= found->facts.site_types.v[site->first_type].weight;
	}
	return false;
}

static void site_check(struct found *found, const char *text)
{
	char name[64], form[64], k[64], c[64], type[64];
	int32_t function;

	ck_assert_msg(sscanf(text, "%63s %63s %63s %63s %63s", name, form, k, c, type) == 5, "%s", text);
	function = function_named(found, name);
	for (size_t i = 0; i < found->facts.sites.n; i++) {
		if (found->facts.sites.v[i].function == function && site_is(found, &found->facts.sites.v[i], form, k, c, type)) {
			if (found->is_bare)
				ck_assert_ptr_null(found->facts.sites.v[i].source);
			else if (!found->facts.sites.v[i].source || strncmp(found->facts.sites.v[i].source, "patterns.c", 10) != 0)
				complain(found, "the site in %s is at «%s»", name, found->facts.sites.v[i].source);
			return;
		}
	}
	complain(found, "no site %s", text);
	for (size_t i = 0; i < found->facts.sites.n; i++) {
		const struct code_site *site = &found->facts.sites.v[i];

		if (site->function == function)
			complain(found, "  but %s %lld %lld %s", forms[site->form], (long long)site->k, (long long)site->c,
				 site->types ? type_name(found, found->facts.site_types.v[site->first_type].type) : "-");
	}
}

static void no_site_check(struct found *found, const char *name)
{
	int32_t function = function_named(found, name);

	for (size_t i = 0; i < found->facts.sites.n; i++) {
		if (found->facts.sites.v[i].function == function)
			complain(found, "a site in %s", name);
	}
}

static const struct code_wrapper *wrapper_of(const struct found *found, const char *name)
{
	int32_t function = function_named(found, name);

	for (size_t i = 0; i < found->facts.wrappers.n; i++) {
		if (found->facts.wrappers.v[i].function == function)
			return &found->facts.wrappers.v[i];
	}
	return NULL;
}

static void wrapper_check(struct found *found, const char *text)
{
	char name[64], kind[64];
	const struct code_wrapper *wrapper;
	int size;

	ck_assert_msg(sscanf(text, "%63s %63s %d", name, kind, &size) == 3, "%s", text);
	wrapper = wrapper_of(found, name);
	if (!wrapper)
		complain(found, "%s is no wrapper", name);
	else if (strcmp(kind, wrapper->allocator == CODE_WRAPPER ? "proven" : "statistical") != 0 || wrapper->size != size)
		complain(found, "%s is another wrapper than %s: by %d", name, text, (int)wrapper->size);
}

/* Whether a node is what a text says. */
static bool node_is(struct found *found, const struct code_node *node, const char *text)
{
	const char *name, *end = strpbrk(text, ".(:");
	Dwarf_Die die;

	ck_assert_msg(end != NULL, "%s", text);
	switch (node->kind) {
	case CODE_NODE_MEMBER:
		name = type_name(found, node->type);
		return *end == '.' && strncmp(text, name, strlen(name)) == 0 && text + strlen(name) == end &&
		       node->offset == strtoull(end + 1, NULL, 10);
	case CODE_NODE_GLOBAL:
		ck_assert(die_at(module_dwarf(found->modules, &found->modules->v.v[node->module]), node->die, &die));
		name = die_name(found->modules->v.v[node->module].dwarf, &die);
		return *end == ':' && name && strcmp(end + 1, name) == 0;
	case CODE_NODE_PARAMETER:
	case CODE_NODE_RESULT:
		name = found->facts.functions.v[node->function].name;
		if (*end != '(' || !name || strncmp(text, name, strlen(name)) != 0 || text + strlen(name) != end)
			return false;
		return node->kind == CODE_NODE_RESULT ? end[1] == ')' : end[1] != ')' && node->offset == strtoull(end + 1, NULL, 10);
	case CODE_NODE_LOCAL:
		return false;
	}
	return false;
}

static void holds_check(struct found *found, const char *text, bool expected)
{
	char name[64], type[64];
	bool holds = false;

	ck_assert_msg(sscanf(text, "%63s %63s", name, type) == 2, "%s", text);
	for (size_t i = 0; i < found->facts.nodes.n; i++) {
		const struct code_candidate *candidates;
		size_t n;

		if (!node_is(found, &found->facts.nodes.v[i], name))
			continue;
		candidates = code_candidates(&found->facts, (int32_t)i, &n);
		for (size_t k = 0; k < n; k++)
			holds |= type_is(found, candidates[k].type, candidates[k].offset, type) && candidates[k].weight >= 0.2f;
	}
	if (holds != expected)
		complain(found, "%s %s", name, expected ? "lacks" : "has" );
	if (holds != expected)
		complain(found, "  %s", type);
}

/* Checks one line; the text is behind //@. */
static void line_check(struct found *found, char *text)
{
	char *at = text + strspn(text, " ");

	if (*at == '[') {
		char *end = strchr(at, ']');
		bool is_not = at[1] == '!';

		ck_assert_ptr_nonnull(end);
		*end = '\0';
		if (!strstr(found->command, at + 1 + is_not) != is_not)
			return;
		at = end + 1 + strspn(end + 1, " ");
	}
	at[strcspn(at, "\n")] = '\0';

	static const struct {
		const char *word;
		size_t length;
	} words[] = { { "site ", 5 }, { "no-site ", 8 }, { "wrapper ", 8 }, { "no-wrapper ", 11 }, { "holds ", 6 }, { "not-holds ", 10 } };
	size_t i;

	for (i = 0; i < 6 && strncmp(at, words[i].word, words[i].length) != 0; i++)
		;
	ck_assert_msg(i < 6, "%s", at);
	at += words[i].length;
	switch (i) {
	case 0:
		site_check(found, at);
		break;
	case 1:
		no_site_check(found, at);
		break;
	case 2:
		wrapper_check(found, at);
		break;
	case 3:
		if (wrapper_of(found, at))
			complain(found, "%s is a wrapper", at);
		break;
	default:
		holds_check(found, at, i == 4);
	}
}

static void indices_check(const struct code_facts *facts)
{
	int32_t types = (int32_t)facts->types.n, nodes = (int32_t)facts->nodes.n, functions = (int32_t)facts->functions.n;

	for (size_t i = 0; i < facts->nodes.n; i++) {
		ck_assert_int_lt(facts->nodes.v[i].type, types);
		ck_assert_int_lt(facts->nodes.v[i].function, functions);
		ck_assert_int_lt(facts->nodes.v[i].declared, types);
	}
	for (size_t i = 0; i < facts->facts.n; i++) {
		ck_assert(facts->facts.v[i].node >= 0 && facts->facts.v[i].node < nodes && facts->facts.v[i].type >= 0 && facts->facts.v[i].type < types);
		ck_assert_int_ge(facts->facts.v[i].offset, 0);
	}
	for (size_t i = 0; i < facts->flows.n; i++)
		ck_assert(facts->flows.v[i].from >= 0 && facts->flows.v[i].from < nodes && facts->flows.v[i].to >= 0 && facts->flows.v[i].to < nodes);
	for (size_t i = 0; i < facts->candidates.n; i++) {
		const struct code_candidate *candidate = &facts->candidates.v[i];

		ck_assert(candidate->node >= 0 && candidate->node < nodes && candidate->type >= 0 && candidate->type < types);
		ck_assert(candidate->weight > 0 && candidate->weight <= 1);
		ck_assert(i == 0 || candidate[-1].node < candidate->node || (candidate[-1].node == candidate->node && candidate[-1].weight >= candidate->weight));
	}
	for (size_t i = 0; i < facts->sites.n; i++) {
		const struct code_site *site = &facts->sites.v[i];

		ck_assert(site->function >= 0 && site->function < functions && site->callee >= 0 && site->callee < functions);
		ck_assert_uint_le((uint64_t)site->first_type + site->types, facts->site_types.n);
	}
}

/* What a fixture says of itself. */
static void lines_check(struct found *found, const char *name)
{
	FILE *file = fopen(source_path(name), "re");
	char text[8192];
	int lines = 0;

	ck_assert_ptr_nonnull(file);
	while (fgets(text, sizeof(text), file)) {
		if (strncmp(text, "//@", 3) == 0) {
			line_check(found, text + 3);
			lines++;
		}
	}
	fclose(file);
	ck_assert_int_gt(lines, 5);
}

/* What symbols alone show. */
static void bare_check(struct found *found, const char *name)
{
	static const char *const sites[] = { "constant_size constant 1 48 -",  "cleared constant 1 200 -", "tail_call constant 1 80 -",
					     "array_of scaled 16 - -",         "flexible sum 1 4 -",       "wrapped constant 1 48 -",
					     "wrapped_twice constant 1 24 -", "wrapped_array scaled 16 - -", "wrapped_again scaled 24 - -" };
	static const char *const wrappers[] = { "checked proven 0", "checked_twice proven 1", "checked_array proven 1", "again proven 1",
						"rounded proven 0", "with_header proven 0" };

	(void)name;
	for (size_t i = 0; i < sizeof(sites) / sizeof(*sites); i++)
		site_check(found, sites[i]);
	for (size_t i = 0; i < sizeof(wrappers) / sizeof(*wrappers); i++)
		wrapper_check(found, wrappers[i]);
	no_site_check(found, "nth");
	ck_assert_uint_eq(found->facts.types.n, 0);
	ck_assert_uint_eq(found->facts.candidates.n, 0);
}

/* Compiles a fixture, and checks what is found in it: how many complaints; -1 when it does not compile. */
static int fixture_check(const char *name, const char *command, const char *flags, void (*check)(struct found *found, const char *name))
{
	static const struct debug_options no_debug = { .debug_path = "" };
	char directory[64], text[8192], path[128];
	struct found found = { .command = command, .is_bare = strcmp(flags, "-g") != 0 };
	struct modules modules;
	struct target *target;

	temporary_directory(directory);
	snprintf(path, sizeof(path), "%s/code.so", directory);
	snprintf(text, sizeof(text), "%s %s -w -fPIC -shared -nostdlib -o '%s' '%s' 2>/dev/null", command, flags, path, source_path(name));
	if (system(text) != 0) {
		remove_directory(directory);
		return -1;
	}
	target = empty_target();
	target->machine = strstr(command, "aarch64") ? MACHINE_AARCH64 : MACHINE_X86_64;
	target_add_elf(target, path, 0x10000000);
	modules_init(&modules, target, &no_debug);
	found.modules = &modules;
	code_facts_read(&modules, &found.facts);
	ck_assert(!found.facts.truncated);
	indices_check(&found.facts);
	check(&found, name);
	code_facts_deinit(&found.facts);
	modules_deinit(&modules);
	target_destroy(target);
	remove_directory(directory);
	return found.failures;
}

/* Checks a fixture with each of some commands, one of which must be there. */
static void fixture_check_all(const char *name, const char *const *commands, size_t n, const char *flags,
			      void (*check)(struct found *found, const char *name))
{
	int failures = 0, done = 0;

	for (size_t i = 0; i < n; i++) {
		int one = fixture_check(name, commands[i], flags, check);

		done += one >= 0;
		failures += one > 0 ? one : 0;
	}
	ck_assert_int_gt(done, 0);
	ck_assert_int_eq(failures, 0);
}

START_TEST(patterns_are_found_in_c)
{
	static const char *const commands[] = {
#if defined(__x86_64__)
		"gcc -O0", "gcc -O2", "gcc -O3", "gcc -O2 -gdwarf-4", "gcc -O2 -fno-plt", "clang -O0", "clang -O2", "clang -O3", "clang -O2 -gdwarf-4",
#endif
		"aarch64-linux-gnu-gcc -O0", "aarch64-linux-gnu-gcc -O2",
	};

	fixture_check_all("patterns.c", commands, sizeof(commands) / sizeof(*commands), "-g", lines_check);
}
END_TEST

START_TEST(patterns_are_found_in_cxx)
{
	static const char *const commands[] = {
#if defined(__x86_64__)
		"g++ -O0", "g++ -O2", "g++ -O3", "clang++ -O0", "clang++ -O2",
#endif
		"aarch64-linux-gnu-g++ -O2",
	};

	fixture_check_all("patterns.cc", commands, sizeof(commands) / sizeof(*commands), "-g", lines_check);
}
END_TEST

START_TEST(symbols_alone_give_sites)
{
	static const char *const commands[] = {
#if defined(__x86_64__)
		"gcc -O0", "gcc -O2", "gcc -O2 -fno-plt", "clang -O2",
#endif
		"aarch64-linux-gnu-gcc -O2",
	};

	fixture_check_all("patterns.c", commands, sizeof(commands) / sizeof(*commands), "-g0", bare_check);
}
END_TEST

/* One that is damaged has any facts, but sound tables. */
static void ask_for_facts(struct modules *modules, struct module *module)
{
	struct code_facts facts;

	(void)module;
	code_facts_read(modules, &facts);
	indices_check(&facts);
	code_facts_deinit(&facts);
}

/* Damages some sections of a compiled fixture. */
static void damage(const char *command, const char *const *sections, size_t n, int rounds)
{
	static char source[1 << 16];
	struct dwarf_case one;
	FILE *file = fopen(source_path("patterns.c"), "re");
	size_t length;

	ck_assert_ptr_nonnull(file);
	length = fread(source, 1, sizeof(source) - 1, file);
	ck_assert_uint_lt(length, sizeof(source) - 1);
	fclose(file);
	source[length] = '\0';
	if (!dwarf_case_init(&one, source, "c", command))
		return;
	for (size_t i = 0; i < n; i++)
		dwarf_case_damage(&one, sections[i], rounds, (uint32_t)(i * 7919 + 1), ask_for_facts);
	dwarf_case_deinit(&one);
}

START_TEST(damage_costs_facts_alone)
{
	static const char *const sections[] = { ".debug_info", ".debug_abbrev", ".debug_loclists", ".debug_loc", ".debug_line",
						".debug_rnglists", ".debug_addr", ".text", ".rela.plt", ".dynsym" };

	damage("gcc -O2 -g -w", sections, sizeof(sections) / sizeof(*sections), 60);
	damage("clang -O2 -g -w", sections, sizeof(sections) / sizeof(*sections), 30);
}
END_TEST

UNIT_SUITE("facts", patterns_are_found_in_c, patterns_are_found_in_cxx, symbols_alone_give_sites, damage_costs_facts_alone)
