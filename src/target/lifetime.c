/* SPDX-License-Identifier: MIT */
#include "target/lifetime.h"

#include <errno.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "target/proc.h"

enum {
	/** How often a process is looked at that cannot be waited for. Units: ms. */
	LOOK_EVERY = 500,
};

struct error *lifetime_init(struct lifetime *lifetime, pid_t pid)
{
	int proc = proc_open(pid);

	if (proc < 0)
		return error_os(ESRCH, "process %d cannot be followed", (int)pid);
	*lifetime = (struct lifetime){ proc, (int)syscall(SYS_pidfd_open, pid, 0) };
	// Between the two calls the number may have been given to another process: then the first one is over.
	if (lifetime_is_over(lifetime)) {
		lifetime_deinit(lifetime);
		return error_os(ESRCH, "process %d cannot be followed", (int)pid);
	}
	return NULL;
}

void lifetime_deinit(struct lifetime *lifetime)
{
	close(lifetime->proc);
	if (lifetime->end >= 0)
		close(lifetime->end);
	*lifetime = (struct lifetime){ -1, -1 };
}

bool lifetime_is_over(const struct lifetime *lifetime)
{
	struct proc_status status;

	return !proc_status(lifetime->proc, "status", &status) || status.state == 'Z' ||
	       status.state == 'X';
}

char *lifetime_name(const struct lifetime *lifetime)
{
	struct proc_status status;

	return proc_status(lifetime->proc, "status", &status) ? xstrdup(status.name) : NULL;
}

static struct timespec left_until(const struct timespec *until)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);

	struct timespec left = { until->tv_sec - now.tv_sec, until->tv_nsec - now.tv_nsec };

	if (left.tv_nsec < 0) {
		left.tv_sec--;
		left.tv_nsec += 1000000000;
	}
	return left.tv_sec < 0 ? (struct timespec){ 0 } : left;
}

void lifetime_wait(const struct lifetime *lifetime, const struct timespec *until,
		   const sigset_t *mask)
{
	for (;;) {
		struct pollfd end = { .fd = lifetime->end, .events = POLLIN };
		struct timespec left = left_until(until),
				look = { .tv_nsec = LOOK_EVERY * 1000000 };
		bool is_last = lifetime->end >= 0 || left.tv_sec == 0;

		// A negative descriptor is passed over.
		if (ppoll(&end, 1, is_last ? &left : &look, mask) || is_last ||
		    lifetime_is_over(lifetime))
			return;
	}
}
