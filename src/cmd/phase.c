/* SPDX-License-Identifier: MIT */
#include "cmd/phase.h"

#include <stdio.h>
#include <sys/resource.h>

#include "base/text.h"

uint64_t nanoseconds_since(clockid_t clock, const struct timespec *start)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)((now.tv_sec - start->tv_sec) * 1000000000 +
			  (now.tv_nsec - start->tv_nsec));
}

static void begin(struct phase *phase)
{
	clock_gettime(CLOCK_MONOTONIC, &phase->wall);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &phase->cpu);
}

struct phase phase_start(bool is_told)
{
	struct phase phase = { .is_told = is_told };

	begin(&phase);
	return phase;
}

void phase_next(struct phase *phase, const char *name)
{
	if (phase->is_told)
		fprintf(stderr, "heapsnap: %-8s %9.3f ms, %9.3f ms CPU\n", name,
			(double)nanoseconds_since(CLOCK_MONOTONIC, &phase->wall) / 1e6,
			(double)nanoseconds_since(CLOCK_PROCESS_CPUTIME_ID, &phase->cpu) / 1e6);
	begin(phase);
}

void phase_tell_peak(const struct phase *phase)
{
	struct rusage usage;
	char bytes[TEXT_NUMBER_MAX];

	if (phase->is_told && !getrusage(RUSAGE_SELF, &usage))
		fprintf(stderr, "heapsnap: peak memory %s\n",
			text_bytes(bytes, (uint64_t)usage.ru_maxrss * 1024, false));
}
