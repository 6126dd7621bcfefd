/* SPDX-License-Identifier: MIT */
/*
 * Linked into a fixture that is built with LeakSanitizer: SIGUSR2 makes it say what is leaked, and end. The handler runs where the fixture waits, so the
 * stacks are those that heapsnap sees.
 */
#include <signal.h>
#include <unistd.h>

extern void __lsan_do_leak_check(void);

static void report(int number)
{
	(void)number;
	__lsan_do_leak_check();
	_exit(0);
}

__attribute__((constructor)) static void install(void)
{
	struct sigaction action = {.sa_handler = report};

	sigaction(SIGUSR2, &action, NULL);
}
