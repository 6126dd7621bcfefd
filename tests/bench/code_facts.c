/* SPDX-License-Identifier: MIT */
/*
 * What the code of programs says about types, as tables: code_facts [-a] [-c CACHE] FILE…
 *
 * The files are taken as if they were mapped into one process. Prints how many sites there are of each form, how many of them have a type, and what it cost;
 * with -a the sites, wrappers and candidates as well. With -c they are taken from a cache, or put there.
 */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "code/facts.h"
#include "debug/dwarf.h"

#include "file_target.h"

static const char *type_name(const struct code_facts *facts, int32_t type)
{
	static char text[4][128];
	static unsigned next;
	char *at = text[next++ % 4];
	const struct code_type *one = &facts->types.v[type];

	snprintf(at, sizeof(text[0]), "%s#%x", one->name ? one->name : one->tag == 0x0f ? "(pointer)" : "(unnamed)", (unsigned)one->die);
	return at;
}

static void sites_print(const struct code_facts *facts)
{
	static const char *const forms[] = { "c", "either", "x+c", "kx+c", "opaque" };

	for (size_t i = 0; i < facts->sites.n; i++) {
		const struct code_site *site = &facts->sites.v[i];

		printf("site %llx %s%s%s %s: %s(%s k=%lld c=%lld)", (unsigned long long)site->pc, facts->functions.v[site->function].name, site->inlined ? "/" : "",
		       site->inlined ? site->inlined : "", site->source,
		       facts->functions.v[site->callee].name, forms[site->form], (long long)site->k, (long long)site->c);
		for (uint32_t k = 0; k < site->types; k++) {
			const struct code_site_type *type = &facts->site_types.v[site->first_type + k];

			printf(" %s[%llu]%+d:%.2f", type_name(facts, type->type), (unsigned long long)facts->types.v[type->type].size, (int)type->offset,
			       (double)type->weight);
		}
		putchar('\n');
	}
	for (size_t i = 0; i < facts->wrappers.n; i++) {
		const struct code_wrapper *wrapper = &facts->wrappers.v[i];

		printf("wrapper %s %s size=%d count=%d extra=%lld shift=%lld%s%s%s\n", facts->functions.v[wrapper->function].name,
		       wrapper->allocator == CODE_WRAPPER ? "proven" : "statistical", (int)wrapper->size, (int)wrapper->count, (long long)wrapper->extra,
		       (long long)wrapper->shift, wrapper->is_rounded ? " rounded" : "", wrapper->is_partial ? " partial" : "", wrapper->is_stride ? " stride" : "");
	}
}

static void node_print(const struct code_facts *facts, int32_t index)
{
	const struct code_node *node = &facts->nodes.v[index];

	switch (node->kind) {
	case CODE_NODE_MEMBER:
		printf("%s+%llu", type_name(facts, node->type), (unsigned long long)node->offset);
		break;
	case CODE_NODE_GLOBAL:
		printf("global#%llx", (unsigned long long)node->die);
		break;
	case CODE_NODE_PARAMETER:
		printf("%s(%llu)", facts->functions.v[node->function].name, (unsigned long long)node->offset);
		break;
	case CODE_NODE_RESULT:
		printf("%s()", facts->functions.v[node->function].name);
		break;
	case CODE_NODE_LOCAL:
		printf("local#%llx", (unsigned long long)node->die);
		break;
	}
	if (node->is_hub)
		printf(" (hub)");
}

static void candidates_print(const struct code_facts *facts)
{
	for (size_t i = 0; i < facts->candidates.n; i++) {
		const struct code_candidate *candidate = &facts->candidates.v[i];

		if (i == 0 || facts->candidates.v[i - 1].node != candidate->node) {
			printf("%snode ", i ? "\n" : "");
			node_print(facts, candidate->node);
			printf(" =");
		}
		printf(" %s%+d:%.2f", type_name(facts, candidate->type), (int)candidate->offset, (double)candidate->weight);
	}
	putchar('\n');
}

static void table_print(const struct code_facts *facts)
{
	static const char *const forms[] = { "constant", "either", "x + c", "k * x + c", "opaque" };
	size_t n[5] = { 0 }, typed[5] = { 0 }, several[5] = { 0 }, equal[5] = { 0 }, by[3] = { 0 };

	for (size_t i = 0; i < facts->sites.n; i++) {
		const struct code_site *site = &facts->sites.v[i];
		bool is_equal = false;

		n[site->form]++;
		typed[site->form] += site->types != 0;
		several[site->form] += site->types > 1;
		for (uint32_t k = 0; k < site->types; k++) {
			uint64_t size = facts->types.v[facts->site_types.v[site->first_type + k].type].size;

			is_equal |= site->form == CODE_SIZE_CONSTANT ? size == (uint64_t)site->c : site->form == CODE_SIZE_SCALED && size == (uint64_t)site->k;
		}
		equal[site->form] += is_equal;
		by[site->allocator == CODE_STATISTICAL ? 2 : site->allocator == CODE_WRAPPER]++;
	}
	printf("%-12s %6s %6s %6s %8s %6s\n", "form", "sites", "share", "typed", "several", "equal");
	for (int i = 0; i < 5; i++) {
		if (n[i])
			printf("%-12s %6zu %5.0f%% %5.0f%% %7.0f%% %5.0f%%\n", forms[i], n[i], 100.0 * (double)n[i] / (double)facts->sites.n,
			       100.0 * (double)typed[i] / (double)n[i], 100.0 * (double)several[i] / (double)n[i], 100.0 * (double)equal[i] / (double)n[i]);
	}
	printf("callee: libc %zu, proven %zu, statistical %zu; wrappers %zu\n", by[0], by[1], by[2], facts->wrappers.n);
}

int main(int argc, char **argv)
{
	struct debug_options options = { .debug_path = NULL };
	struct target *target = target_create(TARGET_CORE);
	bool all = false;
	struct modules modules;
	struct code_facts facts;
	struct rusage usage;

	target->page_size = 4096;
	for (int option; (option = getopt(argc, argv, "ac:")) != -1;) {
		if (option == 'a')
			all = true;
		else if (option == 'c')
			options.cache_dir = optarg;
		else
			return 2;
	}
	for (int i = optind; i < argc; i++) {
		if (!target_add(target, argv[i], UINT64_C(0x10000000) * (uint64_t)(i + 1))) {
			fprintf(stderr, "code_facts: %s is no ELF file\n", argv[i]);
			return 1;
		}
	}
	modules_init(&modules, target, &options);

	double start = cpu_seconds();

	for (size_t i = 0; i < modules.v.n && !options.cache_dir; i++)
		module_dwarf(&modules, &modules.v.v[i]);

	double opened = cpu_seconds();

	code_facts_read(&modules, &facts);

	double end = cpu_seconds();

	getrusage(RUSAGE_SELF, &usage);
	if (all) {
		sites_print(&facts);
		candidates_print(&facts);
	}
	table_print(&facts);
	printf("%llu instructions of %llu functions, %zu types, %zu nodes, %zu facts, %zu flows, %zu candidates%s\n", (unsigned long long)facts.instructions,
	       (unsigned long long)facts.functions_read, facts.types.n, facts.nodes.n, facts.facts.n, facts.flows.n, facts.candidates.n,
	       facts.truncated ? ", truncated" : "");
	printf("%.3f s to open, %.3f s to read, %ld MB\n", opened - start, end - opened, usage.ru_maxrss / 1024);
	code_facts_deinit(&facts);
	modules_deinit(&modules);
	target_destroy(target);
	return 0;
}
