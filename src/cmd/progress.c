/* SPDX-License-Identifier: MIT */
#include "cmd/progress.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	/** Before this nothing is shown. Units: ns. */
	PATIENCE = 1000000000,
	/** Between two drawings. */
	PACE = 250000000,
};

static struct {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool is_begun, is_ended, is_shown;
	const char *what;
	struct timespec begin;
} progress = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void erase(void)
{
	static const char line[] = "\r\033[K";

	if (progress.is_shown)
		(void)!write(STDERR_FILENO, line, sizeof(line) - 1);
	progress.is_shown = false;
}

static void draw(void)
{
	struct timespec now;
	char line[160];

	clock_gettime(CLOCK_MONOTONIC, &now);

	int length = snprintf(line, sizeof(line), "\r\033[Kheapsnap: %s, %lld s", progress.what,
			      (long long)(now.tv_sec - progress.begin.tv_sec));

	if (length > 0)
		(void)!write(STDERR_FILENO, line, (size_t)length);
	progress.is_shown = true;
}

static struct timespec after(struct timespec time, long nanoseconds)
{
	time.tv_nsec += nanoseconds;
	time.tv_sec += time.tv_nsec / 1000000000;
	time.tv_nsec %= 1000000000;
	return time;
}

static void *run(void *context)
{
	struct timespec next = after(progress.begin, PATIENCE);

	(void)context;
	pthread_mutex_lock(&progress.lock);
	while (!progress.is_ended) {
		// Woken only by the end, so anything else is the clock.
		if (!pthread_cond_timedwait(&progress.wake, &progress.lock, &next) ||
		    progress.is_ended)
			continue;
		if (progress.what)
			draw();
		clock_gettime(CLOCK_MONOTONIC, &next);
		next = after(next, PACE);
	}
	erase();
	pthread_mutex_unlock(&progress.lock);
	return NULL;
}

void progress_begin(bool is_wanted)
{
	const char *term = getenv("TERM");
	pthread_condattr_t clock;
	sigset_t all, before;

	if (!is_wanted || progress.is_begun || isatty(STDERR_FILENO) != 1 ||
	    (term && !strcmp(term, "dumb")))
		return;
	clock_gettime(CLOCK_MONOTONIC, &progress.begin);
	progress.is_ended = false;
	progress.what = NULL;
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&progress.wake, &clock);
	pthread_condattr_destroy(&clock);
	// Signals are for the thread that works.
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	progress.is_begun = pthread_create(&progress.thread, NULL, run, NULL) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void progress_phase(const char *what)
{
	pthread_mutex_lock(&progress.lock);
	progress.what = what;
	pthread_mutex_unlock(&progress.lock);
}

void progress_hide(void)
{
	pthread_mutex_lock(&progress.lock);
	erase();
	pthread_mutex_unlock(&progress.lock);
}

void progress_end(void)
{
	if (!progress.is_begun)
		return;
	pthread_mutex_lock(&progress.lock);
	progress.is_ended = true;
	pthread_cond_signal(&progress.wake);
	pthread_mutex_unlock(&progress.lock);
	pthread_join(progress.thread, NULL);
	pthread_cond_destroy(&progress.wake);
	progress.is_begun = false;
}
