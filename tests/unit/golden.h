/* SPDX-License-Identifier: MIT */
/*
 * Whole reports of hand-made snapshots, compared with tests/golden/NAME.out byte for byte. UPDATE_GOLDEN=1 in the environment (or 'make
 * update-golden') writes these files anew; the difference is then for the reviewer. Include it before unit.h.
 */
#ifndef TESTS_UNIT_GOLDEN_H
#define TESTS_UNIT_GOLDEN_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "heap/heap.h"
#include "report/writer.h"
#include "snapshot/snapshot.h"
#include "written.h"

static inline char *read_file(const char *path)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t length = 0;

	if (!file)
		return NULL;
	if (getdelim(&text, &length, '\0', file) < 0) {
		free(text);
		return xstrdup("");
	}
	return text;
}

static inline void is_golden(const char *name, const char *text)
{
	const char *top = getenv("top_srcdir"), *update = getenv("UPDATE_GOLDEN");
	_cleanup_free_ char *path = xasprintf("%s/tests/golden/%s.out", top ? top : ".", name);

	if (update && *update) {
		_cleanup_fclose_ FILE *file = fopen(path, "we");

		ck_assert_ptr_nonnull(file);
		ck_assert_int_ge(fputs(text, file), 0);
		return;
	}

	_cleanup_free_ char *expected = read_file(path);

	ck_assert_msg(expected != NULL, "%s is not there", path);
	if (!strcmp(text, expected))
		return;

	_cleanup_free_ char *got = xasprintf("%s.got", name);
	_cleanup_fclose_ FILE *file = fopen(got, "we");

	if (file)
		fputs(text, file);
	ck_abort_msg("%s differs: diff -u %s %s", name, path, got);
}

typedef void print_function(struct writer *writer, const struct snapshot *snapshot);

static inline void prints(const char *name, void (*build)(struct snapshot *), print_function *print,
		   struct writer_options options)
{
	struct snapshot snapshot;
	struct writer *writer = write_in_memory(options);

	build(&snapshot);
	if (snapshot.heap.chunks.n) {
		_cleanup_free_ char *wrong = heap_verify(&snapshot.heap);

		ck_assert_msg(wrong == NULL, "%s", wrong);
	}
	writer_begin(writer, "test");
	print(writer, &snapshot);

	_cleanup_free_ char *text = written(writer);

	is_golden(name, text);
	snapshot_deinit(&snapshot);
}

#endif
