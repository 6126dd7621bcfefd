/* SPDX-License-Identifier: MIT */
#include "target/mapped_file.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

static int file_of(size_t size)
{
	int fd = memfd_create("mapped", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	ck_assert_int_eq(pwrite(fd, "begin", 5, 0), 5);
	return fd;
}

/* Runs in a child: what it writes to stderr, and how it ends. */
static int child_run(void (*run)(void), char *message, size_t size)
{
	int ends[2], status;

	ck_assert_int_eq(pipe(ends), 0);

	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		dup2(ends[1], STDERR_FILENO);
		close(ends[0]);
		close(ends[1]);
		run();
		_exit(0);
	}
	close(ends[1]);

	size_t n = 0;

	for (ssize_t got; n + 1 < size && (got = read(ends[0], message + n, size - 1 - n)) > 0;)
		n += (size_t)got;
	message[n] = '\0';
	close(ends[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}

static void cut_short(void)
{
	int fd = file_of(1 << 20);
	struct mapped_file file;
	struct error *error = mapped_file_init(&file, fd, 1 << 20, "some.core");

	if (error || ftruncate(fd, 4096) != 0)
		_exit(1);
	if (file.bytes[0] != 'b')
		_exit(1);
	_exit(file.bytes[8192] ? 1 : 2); // not reached
}

START_TEST(a_file_cut_short_ends_the_program_with_a_message)
{
	char message[4096];
	int status = child_run(cut_short, message, sizeof(message));

	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 3);
	ck_assert_str_eq(message,
			 "heapsnap: some.core: a part of the file is gone (it was cut short while it was read, or its disk failed)\n");
}
END_TEST

static void on_bus_error(int number)
{
	(void)number;
	_exit(77);
}

static void another_bus_error(void)
{
	int fd = file_of(4096);
	struct mapped_file file;

	signal(SIGBUS, on_bus_error);

	struct error *error = mapped_file_init(&file, fd, 4096, "some.core");
	char *other = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, file_of(4096), 0);
	int empty = memfd_create("empty", MFD_CLOEXEC);

	if (error || other == MAP_FAILED || mmap(other, 4096, PROT_READ, MAP_PRIVATE | MAP_FIXED, empty, 0) != other)
		_exit(1);
	_exit(*(volatile char *)other ? 1 : 2); // not reached
}

START_TEST(a_bus_error_elsewhere_goes_where_it_went_before)
{
	char message[4096];
	int status = child_run(another_bus_error, message, sizeof(message));

	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 77);
	ck_assert_str_eq(message, "");
}
END_TEST

START_TEST(more_files_than_there_are_guards)
{
	struct mapped_file files[40];

	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < 40; i++) {
			int fd = file_of(4096);

			ck_assert_ptr_null(mapped_file_init(&files[i], fd, 4096, "core"));
			close(fd);
		}
		for (size_t i = 0; i < 40; i++) {
			ck_assert_int_eq(memcmp(files[i].bytes, "begin", 5), 0);
			mapped_file_deinit(&files[i]);
			ck_assert_ptr_null(files[i].bytes);
			mapped_file_deinit(&files[i]);
		}
	}
}
END_TEST

START_TEST(what_cannot_be_mapped_is_an_error)
{
	int ends[2];
	struct mapped_file file;

	ck_assert_int_eq(pipe(ends), 0);

	struct error *error = mapped_file_init(&file, ends[0], 4096, "a pipe");

	ck_assert_ptr_nonnull(error);
	ck_assert_int_eq(error->code, ERROR_OS);
	ck_assert_ptr_nonnull(strstr(error->message, "a pipe: cannot be mapped"));
	error_destroy(error);
}
END_TEST

UNIT_SUITE("mapped_file", a_file_cut_short_ends_the_program_with_a_message, a_bus_error_elsewhere_goes_where_it_went_before,
	   more_files_than_there_are_guards, what_cannot_be_mapped_is_an_error)
