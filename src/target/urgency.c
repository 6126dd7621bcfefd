/* SPDX-License-Identifier: MIT */
#include "target/urgency.h"

#include <sched.h>
#include <sys/resource.h>

void urgency_trace(void)
{
	struct sched_param lowest = { .sched_priority = sched_get_priority_min(SCHED_FIFO) };

	(void)!sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &lowest);
}

void urgency_copy(void)
{
	struct sched_param none = { 0 };

	(void)!sched_setscheduler(0, SCHED_OTHER, &none);
	// Per thread on Linux, whatever POSIX says.
	(void)!setpriority(PRIO_PROCESS, 0, -20);
}
