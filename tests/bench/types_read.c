/* SPDX-License-Identifier: MIT */
/*
 * What it costs to read the types of files: types_read [-l] [-d DEBUG_PATH] [-c CACHE] FILE…
 *
 * With -c they are taken from a cache, or put there. With -l lists them first, each with its members; and the variables. Prints CPU seconds (of opening, which inflates, and of reading), bytes of .debug_info and of all sections that were read, what the process held at most beyond what it held before, and how much
 * was found.
 */
#include <stdio.h>
#include <sys/resource.h>

#include "base/cleanup.h"
#include "debug/dwarf.h"
#include "types/type_table.h"

#include "file_target.h"

static long peak_kib(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_maxrss;
}

static void types_list(const struct type_table *table)
{
	for (size_t i = 0; i < table->v.n; i++) {
		const struct type *type = &table->v.v[i];
		_cleanup_free_ char *label = type_label(table, (type_id)i);

		printf("%s kind %u size %llu count %llu flags %x\n", label, (unsigned)type->kind, (unsigned long long)type->size, (unsigned long long)type->count,
		       (unsigned)type->flags);
		for (uint32_t j = 0; j < type->n; j++) {
			const struct type_member *member = &table->members.v[type->first + j];
			_cleanup_free_ char *of = type_label(table, member->type);

			printf("\t%llx:%u %u %s: %s (%u)\n", (unsigned long long)member->offset, (unsigned)member->bit_offset, (unsigned)member->bit_size, member->name, of,
			       (unsigned)member->kind);
		}
	}
	for (size_t i = 0; i < table->variables.n; i++) {
		const struct type_variable *variable = &table->variables.v[i];
		_cleanup_free_ char *of = type_label(table, variable->type);

		printf("%u:%llx %llx: %s\n", (unsigned)variable->module, (unsigned long long)variable->start, (unsigned long long)variable->die, of);
	}
}

int main(int argc, char **argv)
{
	struct debug_options options = { .debug_path = NULL };
	struct target *target = target_create(TARGET_CORE);
	struct type_table table;
	struct modules modules;
	bool with_list = false;
	uint64_t sections = 0;

	target->page_size = 4096;
	for (int option; (option = getopt(argc, argv, "c:d:l")) != -1;) {
		if (option == 'd')
			options.debug_path = optarg;
		else if (option == 'c')
			options.cache_dir = optarg;
		else if (option == 'l')
			with_list = true;
		else
			return 2;
	}
	for (int i = optind; i < argc; i++) {
		if (!target_add(target, argv[i], UINT64_C(0x10000000) * (uint64_t)(i + 1))) {
			fprintf(stderr, "types_read: %s is no ELF file\n", argv[i]);
			return 1;
		}
	}
	modules_init(&modules, target, &options);

	long before = peak_kib();
	double start = cpu_seconds();

	for (size_t i = 0; i < modules.v.n && !options.cache_dir; i++) {
		struct dwarf_file *file = module_dwarf_sections(&modules, &modules.v.v[i]);

		sections += file ? debug_image_bytes_read(&file->image) + debug_image_bytes_read(&file->shared_image) : 0;
	}

	double opened = cpu_seconds();

	type_table_init(&table);
	if (options.cache_dir)
		free(type_table_read_all(&table, &modules));
	for (size_t i = 0; i < modules.v.n && !options.cache_dir; i++)
		type_table_read(&table, &modules, i);

	double read = cpu_seconds();

	if (!options.cache_dir)
		type_table_seal(&table);
	if (modules.cache_trouble)
		fprintf(stderr, "types_read: %s\n", modules.cache_trouble);

	double end = cpu_seconds();
	long peak = peak_kib() - before;

	if (with_list)
		types_list(&table);
	printf("open %.3f read %.3f seal %.3f info %llu sections %llu peak %ld types %zu members %zu variables %zu\n", opened - start, read - opened, end - read,
	       (unsigned long long)table.bytes_read, (unsigned long long)sections, peak, table.v.n, table.members.n, table.variables.n);
	type_table_deinit(&table);
	modules_deinit(&modules);
	target_destroy(target);
	return 0;
}
