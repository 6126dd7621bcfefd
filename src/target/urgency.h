/* SPDX-License-Identifier: MIT */
/*
 * Urgency: on a busy machine most of a pause is waiting for a processor, ours and the target's. Threads of the stop window ask to come first.
 *
 * Only where the system lets us (CAP_SYS_NICE); a refusal costs time and nothing else. A thread sets it for itself and ends with the window. Measured
 * with seven threads in malloc on two processors that nine others want: the pause falls from 150 ms to 10 ms.
 */
#ifndef HEAPSNAP_TARGET_URGENCY_H
#define HEAPSNAP_TARGET_URGENCY_H

/** For stopping, stepping and releasing, and for small copies: the calling thread runs as soon as what it waits for has happened. Nobody else gets its
    processor until it sleeps, so what it does must be short. */
void urgency_trace(void);

/** For large copies: the calling thread is preferred, but leaves the others their share: a large copy takes seconds. */
void urgency_copy(void);

#endif
