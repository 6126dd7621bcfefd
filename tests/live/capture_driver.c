/* SPDX-License-Identifier: MIT */
/*
 * The live target alone, for tests: opens a process, captures it, prints what was captured and lets go. No allocator, no report.
 *
 *	capture_driver [-s] [-d DIR] [-o] [-j N] [-r N] [-w] [-p] [-m] [-g] [-l ADDRESS] [-x START-END]... PID
 *
 *	-s        spool even when memory would do        -d DIR  spool there
 *	-o        as on Linux before 6.7                 -j N    copy with N threads
 *	-r N      capture N times                        -w      let each thread run for a moment in the quiesce step
 *	-p        between opening and capturing, print «opened» and read a line; one with a range is as -x, and another follows
 *	-l ADDRESS  three words there are the start, size and sum of a mapping: «latest right», «latest wrong», or «latest none» for start 0
 *	-x RANGE  print the sum of the 64-bit words in it
 *	-m        list the mappings                      -g      list the segments
 *
 * Lines: «key value…»; errors «error CODE message» and exit 1.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "target/live.h"

struct range {
	vaddr start, end;
};

static struct error *let_all_run(struct stopped *stopped, void *context)
{
	(void)context;
	for (size_t i = 0; i < stopped_threads(stopped); i++)
		stopped_run(stopped, i, 500);
	return NULL;
}

static int report(struct error *error)
{
	static const char *const codes[] = { "os",	"fault", "format",
					     "nodebug", "usage", "unsupported" };

	printf("error %s %s\n", codes[error->code], error->message);
	error_destroy(error);
	return 1;
}

static bool sum_is(const struct image *image, vaddr start, uint64_t size, uint64_t wanted)
{
	uint64_t word;

	for (vaddr at = start; at < start + size; at += sizeof(word)) {
		if (!image_get_word(image, at, &word))
			return false;
		wanted -= word;
	}
	return !wanted;
}

static void print_latest(const struct image *image, vaddr address)
{
	uint64_t words[3];

	if (!image_get(image, address, words, sizeof(words)))
		puts("latest absent");
	else if (!words[0])
		puts("latest none");
	else
		printf("latest %s\n", sum_is(image, words[0], words[1], words[2]) ? "right" : "wrong");
}

static void print_sum(const struct image *image, struct range range)
{
	enum { AT_ONCE = 512 };
	uint64_t sum = 0, absent = 0;

	for (vaddr at = range.start; at < range.end;) {
		uint64_t words[AT_ONCE], left = range.end - at;
		size_t size = left < sizeof(words) ? left : sizeof(words);

		if (image_get(image, at, words, size)) {
			for (size_t i = 0; i < size / sizeof(words[0]); i++)
				sum += words[i];
		} else if (size > sizeof(words[0])) {
			// Word by word up to the next page.
			size = sizeof(words[0]);
			for (size_t i = 0; i < AT_ONCE && at < range.end; i++, at += size) {
				if (image_get_word(image, at, &words[0]))
					sum += words[0];
				else
					absent += size;
			}
			continue;
		} else {
			absent += size;
		}
		at += size;
	}
	printf("sum 0x%" PRIxVADDR "-0x%" PRIxVADDR " %" PRIu64 " absent %" PRIu64 "\n",
	       range.start, range.end, sum, absent);
}

int main(int argc, char **argv)
{
	struct live_options options = { 0 };
	ARRAY(struct range) ranges = { 0 };
	bool list_mappings = false, list_segments = false, pause_between = false, run = false;
	unsigned repeat = 1;
	vaddr latest = 0;

	for (int option; (option = getopt(argc, argv, "sd:oj:r:wpl:x:mg")) != -1;) {
		struct range range;

		switch (option) {
		case 's':
			options.force_spool = true;
			break;
		case 'd':
			options.spool_dir = optarg;
			break;
		case 'o':
			options.old_pagemap = true;
			break;
		case 'j':
			options.copy_threads = (unsigned)atoi(optarg);
			break;
		case 'r':
			repeat = (unsigned)atoi(optarg);
			break;
		case 'w':
			run = true;
			break;
		case 'p':
			pause_between = true;
			break;
		case 'l':
			latest = strtoull(optarg, NULL, 0);
			break;
		case 'x':
			if (sscanf(optarg, "%" SCNx64 "-%" SCNx64, &range.start, &range.end) != 2)
				return 2;
			array_append(&ranges, range);
			break;
		case 'm':
			list_mappings = true;
			break;
		case 'g':
			list_segments = true;
			break;
		default:
			return 2;
		}
	}
	if (optind + 1 != argc)
		return 2;

	_cleanup_target_ struct target *target = NULL;
	struct error *error = live_open((pid_t)atoi(argv[optind]), &target);

	if (error)
		return report(error);
	if (pause_between) {
		puts("opened");
		fflush(stdout);

		char line[128];
		struct range range;

		while (fgets(line, sizeof(line), stdin) &&
		       sscanf(line, "%" SCNx64 "-%" SCNx64, &range.start, &range.end) == 2)
			array_append(&ranges, range);
	}
	for (unsigned i = 0; i < repeat; i++) {
		error = live_capture(target, &options, run ? let_all_run : NULL, NULL);
		if (error)
			return report(error);
	}
	printf("name %s\nexe %s\nexe_file %d\ncommand %s\n", target->name, target->exe_path,
	       target->exe_file, target->command ? target->command : "");
	printf("pause_us %" PRIu64 "\ncopy_us %" PRIu64 "\nbytes %" PRIu64 "\nruns %" PRIu64
	       "\nspooled %d\nheld %d\n",
	       target->capture.pause_ns / 1000, target->capture.copy_ns / 1000,
	       target->capture.bytes, target->capture.steps, target->capture.spooled,
	       target->capture.held_by_debugger);
	for (size_t i = 0; i < target->threads.n; i++) {
		const struct thread *thread = &target->threads.v[i];

		printf("thread %d %s registers %d pc 0x%" PRIxVADDR " sp 0x%" PRIxVADDR
		       " tp 0x%" PRIxVADDR " syscall %ld 0x%" PRIx64 "\n",
		       (int)thread->tid, thread->name, thread->has_registers, thread->pc,
		       thread->sp, thread->tp, thread->syscall, thread->syscall_argument);
	}
	for (size_t i = 0; i < target->files.n; i++) {
		const struct target_file *file = &target->files.v[i];

		printf("file %s %s replaced %d%s%s\n", file->path,
		       file->fd >= 0 ? file->opened_as : "-", file->replaced,
		       file->why_absent ? " why " : "", file->why_absent ? file->why_absent : "");
	}
	for (size_t i = 0; list_mappings && i < target->mappings.n; i++) {
		const struct mapping *mapping = &target->mappings.v[i];

		printf("mapping 0x%" PRIxVADDR "-0x%" PRIxVADDR " prot %u shared %d rss %" PRIu64
		       " file %d %s\n",
		       mapping->start, mapping->end, mapping->prot, mapping->shared, mapping->rss,
		       mapping->file, mapping->path ? mapping->path : "");
	}
	for (size_t i = 0; list_segments && i < target->image.segments.n; i++) {
		const struct segment *segment = &target->image.segments.v[i];

		printf("segment 0x%" PRIxVADDR "-0x%" PRIxVADDR " %s\n", segment->start,
		       segment->end,
		       segment->fd >= 0	    ? "file"
		       : segment->untouched ? "untouched"
					    : "bytes");
	}
	if (latest)
		print_latest(&target->image, latest);
	for (size_t i = 0; i < ranges.n; i++)
		print_sum(&target->image, ranges.v[i]);
	for (size_t i = 0; i < target->notices.n; i++)
		printf("notice %s\n", target->notices.v[i]);
	array_deinit(&ranges);
	return 0;
}
