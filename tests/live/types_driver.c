/* SPDX-License-Identifier: MIT */
/*
 * What src/types makes of a process or a core without any inference: vtables and content, for tests.
 *
 *	types_driver PID|CORE [-d DEBUG_PATH]
 *
 * Reads addresses (0x…), one a line, and prints for each «vptr ADDRESS OFFSET CLASS» of the word there, or «vptr ADDRESS none»; then what it cost.
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

int main(int argc, char **argv)
{
	_cleanup_target_ struct target *target = NULL;
	struct debug_options debug = {0};
	struct modules modules;
	struct vtables vtables;
	char line[256];

	for (int option; (option = getopt(argc, argv, "d:")) != -1;) {
		if (option != 'd')
			return 2;
		debug.debug_path = optarg;
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
	while (fgets(line, sizeof(line), stdin)) {
		uint64_t word, address = strtoull(line, NULL, 0);
		const struct vtable *vtable = image_get_word(&target->image, address, &word) ? vtables_at(&vtables, word) : NULL;

		if (vtable)
			printf("vptr 0x%" PRIx64 " %u %s\n", address, vtable->offset, vtables.classes.v[vtable->class].name);
		else
			printf("vptr 0x%" PRIx64 " none\n", address);
	}
	printf("classes %zu\naddress points %zu\nrefused %" PRIu64 "\nms %.1f\n", vtables.classes.n, vtables.v.n, vtables.refused, after - before);
	vtables_deinit(&vtables);
	modules_deinit(&modules);
	return 0;
}
