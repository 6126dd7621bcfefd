/* SPDX-License-Identifier: MIT */
/*
 * Progress: shown on a terminal, after a second, and gone in the end; never anywhere else.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/progress.h"
#include "unit.h"

static void wait_ms(long milliseconds)
{
	nanosleep(&(struct timespec){ milliseconds / 1000, milliseconds % 1000 * 1000000 }, NULL);
}

/* A terminal as stderr; gives its other end. */
static int terminal_as_stderr(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY);

	ck_assert_int_ge(master, 0);
	ck_assert_int_eq(grantpt(master), 0);
	ck_assert_int_eq(unlockpt(master), 0);

	int slave = open(ptsname(master), O_RDWR | O_NOCTTY);

	ck_assert_int_ge(slave, 0);
	ck_assert_int_eq(dup2(slave, STDERR_FILENO), STDERR_FILENO);
	close(slave);
	setenv("TERM", "xterm", 1);
	return master;
}

/* What was written to it so far. */
static const char *shown(int master)
{
	static char text[4096];
	size_t n = 0;
	struct pollfd ready = { .fd = master, .events = POLLIN };

	while (n < sizeof(text) - 1 && poll(&ready, 1, 0) > 0 && (ready.revents & POLLIN)) {
		ssize_t got = read(master, text + n, sizeof(text) - 1 - n);

		if (got <= 0)
			break;
		n += (size_t)got;
	}
	text[n] = '\0';
	return text;
}

START_TEST(long_work_is_shown)
{
	int master = terminal_as_stderr();

	progress_begin(true);
	progress_phase("walking the heap");
	wait_ms(1600);

	const char *text = shown(master);

	ck_assert_msg(strstr(text, "heapsnap: walking the heap, 1 s") != NULL, "%s", text);
	progress_hide();
	ck_assert_str_eq(shown(master), "\r\033[K");
	progress_phase("copying");
	wait_ms(600);
	ck_assert_ptr_nonnull(strstr(shown(master), "heapsnap: copying, "));
	progress_end();
	text = shown(master);
	ck_assert_uint_ge(strlen(text), 4);
	ck_assert_str_eq(text + strlen(text) - 4, "\r\033[K");
	// Once more: it begins anew.
	progress_begin(true);
	progress_phase("again");
	progress_end();
	ck_assert_str_eq(shown(master), "");
}
END_TEST

START_TEST(nothing_else_is_shown)
{
	int master = terminal_as_stderr();

	// Short work.
	progress_begin(true);
	progress_phase("walking the heap");
	wait_ms(100);
	progress_end();
	ck_assert_str_eq(shown(master), "");
	// Not wanted; and ending what was not begun.
	progress_begin(false);
	progress_phase("walking the heap");
	progress_hide();
	wait_ms(1300);
	progress_end();
	ck_assert_str_eq(shown(master), "");
	setenv("TERM", "dumb", 1);
	progress_begin(true);
	progress_phase("walking the heap");
	wait_ms(1300);
	progress_end();
	ck_assert_str_eq(shown(master), "");
}
END_TEST

START_TEST(a_file_sees_nothing)
{
	char name[] = "progress.XXXXXX";
	int fd = mkstemp(name);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	progress_begin(true);
	progress_phase("walking the heap");
	wait_ms(1300);
	progress_end();
	ck_assert_int_eq(lseek(fd, 0, SEEK_END), 0);
	unlink(name);
}
END_TEST

UNIT_SUITE("progress", long_work_is_shown, nothing_else_is_shown, a_file_sees_nothing)
