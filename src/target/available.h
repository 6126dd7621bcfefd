/* SPDX-License-Identifier: MIT */
/*
 * How much memory, and how much room in a directory, we may use without harm.
 *
 * A copy that does not fit is decided from numbers before the target is stopped; finding out by being killed would take the target
 * along, where both live in one container.
 */
#ifndef HEAPSNAP_TARGET_AVAILABLE_H
#define HEAPSNAP_TARGET_AVAILABLE_H

#include <stdbool.h>
#include <stdint.h>

/** Bytes of memory that can be used without swapping: MemAvailable, or what our control group has left where that is less.
    UINT64_MAX when the system does not say. */
uint64_t available_memory(void);

/** Bytes free in the file system of a directory. `memory_ret` says whether that file system is itself made of memory. False and
    errno when it cannot be asked. */
bool available_room(const char *directory, uint64_t *ret, bool *memory_ret);

#endif
