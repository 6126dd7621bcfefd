/* SPDX-License-Identifier: MIT */
/*
 * What a writer wrote, as a string: it writes to a file in memory, which is then read back.
 */
#ifndef TESTS_UNIT_WRITTEN_H
#define TESTS_UNIT_WRITTEN_H

#include <check.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "report/writer.h"

/* A writer to a file in memory, with the given looks. Owner: the caller, who ends it with written(). */
static inline struct writer *write_in_memory(struct writer_options options)
{
	options.fd = memfd_create("written", 0);
	ck_assert_int_ge(options.fd, 0);
	if (!options.width)
		options.width = 80;
	return writer_create(&options);
}

/* Ends the writer and gives what it wrote. Owner: the caller. */
static inline char *written(struct writer *writer)
{
	int fd = writer_options(writer)->fd;
	struct error *error = writer_finish(writer);

	ck_assert_ptr_null(error);

	off_t length = lseek(fd, 0, SEEK_END);
	char *text = xmalloc((size_t)length + 1);

	ck_assert_int_eq(pread(fd, text, (size_t)length, 0), length);
	text[length] = '\0';
	writer_destroy(writer);
	close(fd);
	return text;
}

#endif
