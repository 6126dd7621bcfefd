/* SPDX-License-Identifier: MIT */
/*
 * What src/types makes of a process or a core without any inference: vtables and content, for tests.
 *
 *	types_driver PID|CORE [-d DEBUG_PATH] [-t]
 *	types_driver -k
 *
 * -k: reads names of types, one a line, and prints what makes them the same.
 *
 * Reads addresses (0x…), one a line, and prints for each «vptr ADDRESS OFFSET CLASS» of the word there, or «vptr ADDRESS none»; with -t «typed SIZE CLASS» instead,
 * by debug information, or «untyped CLASS»; then what it cost.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "debug/modules.h"
#include "target/core.h"
#include "target/live.h"
#include "types/class_names.h"
#include "types/type_table.h"
#include "types/vtables.h"

static struct error *target_open(const char *operand, struct target **ret)
{
	const struct live_options live = {0};
	const struct core_options core = {0};
	struct error *error;

	if (operand[strspn(operand, "0123456789")])
		return core_open(operand, &core, ret);
	error = live_open((pid_t)atoi(operand), ret);
	return error ? error : live_capture(*ret, &live, NULL, NULL);
}

static double cpu_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void print_keys(void)
{
	_cleanup_free_ char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, stdin) > 0) {
		line[strcspn(line, "\n")] = '\0';
		_cleanup_free_ char *name = class_name_short(line), *key = class_name_key(name);

		printf("%s\n", key);
	}
}

int main(int argc, char **argv)
{
	_cleanup_target_ struct target *target = NULL;
	struct debug_options debug = {0};
	struct modules modules;
	struct vtables vtables;
	struct type_table table;
	type_id *types = NULL;
	bool with_types = false;
	char line[256];

	for (int option; (option = getopt(argc, argv, "d:tk")) != -1;) {
		if (option == 'd')
			debug.debug_path = optarg;
		else if (option == 't')
			with_types = true;
		else if (option == 'k')
			return print_keys(), 0;
		else
			return 2;
	}
	if (optind + 1 != argc)
		return 2;
	struct error *error = target_open(argv[optind], &target);
	if (error) {
		fprintf(stderr, "%s\n", error->message);
		error_destroy(error);
		return 3;
	}
	modules_init(&modules, target, &debug);
	double before = cpu_ms();
	vtables_build(&modules, &target->image, &vtables);
	double after = cpu_ms();
	type_table_init(&table);
	for (size_t i = 0; with_types && i < modules.v.n; i++)
		type_table_read(&table, &modules, i);
	type_table_seal(&table);
	if (with_types)
		types = class_types_find(&table, &vtables);
	while (fgets(line, sizeof(line), stdin)) {
		uint64_t word, address = strtoull(line, NULL, 0);
		const struct vtable *vtable = image_get_word(&target->image, address, &word) ? vtables_at(&vtables, word) : NULL;

		if (vtable && with_types && types[vtable->class] != TYPE_NONE)
			printf("typed %" PRIu64 " %s\n", type_at(&table, types[vtable->class])->size, vtables.classes.v[vtable->class].name);
		else if (vtable && with_types)
			printf("untyped %s\n", vtables.classes.v[vtable->class].name);
		else if (vtable)
			printf("vptr 0x%" PRIx64 " %u %s\n", address, vtable->offset, vtables.classes.v[vtable->class].name);
		else
			printf("vptr 0x%" PRIx64 " none\n", address);
	}
	printf("classes %zu\naddress points %zu\nrefused %" PRIu64 "\nms %.1f\n", vtables.classes.n, vtables.v.n, vtables.refused, after - before);
	free(types);
	type_table_deinit(&table);
	vtables_deinit(&vtables);
	modules_deinit(&modules);
	return 0;
}
