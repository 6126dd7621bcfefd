/* SPDX-License-Identifier: MIT */
/*
 * Opens a core and prints what target/core.c made of it, one fact per line, for tests/live/core*.t.
 *
 *	core_summary CORE [-e EXE] [-s SYSROOT] [-d DEBUG_PATH] [-t SPOOL_DIR] [-r ADDRESS:SIZE]... [-q]
 *
 * -r prints the bytes there in hexadecimal, or «absent»; -q prints only the counts. Status 0, or 3 with the error on stderr.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/text.h"
#include "target/core.h"
#include "target/elf_headers.h"

static void print_string(const char *label, const char *string)
{
	_cleanup_free_ char *shown = text_escape(string ? string : "-", string ? strlen(string) : 1);

	printf("%s %s\n", label, shown);
}

static void print_threads(const struct target *target)
{
	for (size_t i = 0; i < target->threads.n; i++) {
		const struct thread *thread = &target->threads.v[i];

		printf("thread %d pc=0x%" PRIx64 " sp=0x%" PRIx64 " tp=0x%" PRIx64 " syscall=%ld argument=0x%" PRIx64 " name=%s\n",
		       thread->tid, thread->pc, thread->sp, thread->tp, thread->syscall, thread->syscall_argument, thread->name);
	}
}

static void print_mappings(const struct target *target)
{
	for (size_t i = 0; i < target->mappings.n; i++) {
		const struct mapping *mapping = &target->mappings.v[i];

		printf("mapping %" PRIx64 "-%" PRIx64 " %c%c%c %" PRIx64 " file=%d %s%s\n", mapping->start, mapping->end,
		       mapping->prot & MAPPING_READ ? 'r' : '-', mapping->prot & MAPPING_WRITE ? 'w' : '-',
		       mapping->prot & MAPPING_EXEC ? 'x' : '-', mapping->offset, mapping->file,
		       mapping->path ? mapping->path : "-", mapping->deleted ? " (deleted)" : "");
	}
}

static void print_files(const struct target *target)
{
	for (size_t i = 0; i < target->files.n; i++) {
		const struct target_file *file = &target->files.v[i];
		char text[BUILD_ID_TEXT_MAX];

		printf("file %zu %s build-id=%s %s\n", i, file->path, build_id_text(text, &file->build_id),
		       file->fd >= 0 ? file->opened_as : file->why_absent);
	}
}

static void print_image(const struct target *target)
{
	for (size_t i = 0; i < target->image.segments.n; i++) {
		const struct segment *segment = &target->image.segments.v[i];

		printf("segment %" PRIx64 "-%" PRIx64 " %s\n", segment->start, segment->end,
		       segment->fd >= 0 ? "file" : segment->untouched ? "untouched" : "dumped");
	}
}

static void print_bytes(const struct target *target, const char *where)
{
	char *colon = NULL;
	uint64_t address = strtoull(where, &colon, 0), size = colon && *colon == ':' ? strtoull(colon + 1, NULL, 0) : 8;
	uint8_t bytes[4096];

	printf("bytes 0x%" PRIx64 " ", address);
	if (size > sizeof(bytes) || !image_get(&target->image, address, bytes, size)) {
		printf("absent\n");
		return;
	}
	for (uint64_t i = 0; i < size; i++)
		printf("%02x", bytes[i]);
	printf("\n");
}

int main(int argc, char **argv)
{
	struct core_options options = { 0 };
	_cleanup_target_ struct target *target = NULL;
	const char *reads[64];
	size_t n_reads = 0;
	bool quiet = false;

	for (int option; (option = getopt(argc, argv, "e:s:d:t:r:q")) != -1;) {
		if (option == 'e')
			options.exe = optarg;
		else if (option == 's')
			options.sysroot = optarg;
		else if (option == 'd')
			options.debug_path = optarg;
		else if (option == 't')
			options.spool_dir = optarg;
		else if (option == 'q')
			quiet = true;
		else if (option == 'r' && n_reads < 64)
			reads[n_reads++] = optarg;
		else
			return 2;
	}
	if (optind + 1 != argc)
		return 2;
	printf("recognised %d\n", core_recognise(argv[optind]));

	struct error *error = core_open(argv[optind], &options, &target);

	if (error) {
		fprintf(stderr, "error %d %s\n", error->code, error->message);
		error_destroy(error);
		return 3;
	}
	printf("pid %d\n", target->pid);
	print_string("name", target->name);
	print_string("command", target->command);
	print_string("exe", target->exe_path);
	printf("exe-file %d\nsignal %d 0x%" PRIx64 "\npage-size %u\n", target->exe_file, target->signal, target->fault_address,
	       target->page_size);
	printf("bytes-dumped %" PRIu64 "\nspooled %d\n", target->capture.bytes, target->capture.spooled);
	printf("threads %zu\nmappings %zu\nfiles %zu\nsegments %zu\n", target->threads.n, target->mappings.n, target->files.n,
	       target->image.segments.n);
	if (!quiet) {
		print_threads(target);
		print_mappings(target);
		print_files(target);
		print_image(target);
	}
	for (size_t i = 0; i < target->notices.n; i++)
		print_string("notice", target->notices.v[i]);
	for (size_t i = 0; i < n_reads; i++)
		print_bytes(target, reads[i]);
	return 0;
}
