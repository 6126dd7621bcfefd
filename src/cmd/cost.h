/* SPDX-License-Identifier: MIT */
/*
 * What a stop would cost, before it is made.
 */
#ifndef HEAPSNAP_CMD_COST_H
#define HEAPSNAP_CMD_COST_H

#include <stdint.h>
#include <sys/types.h>

/** Private memory of a process that exists, in memory or in swap: what the copy will take. UINT64_MAX when the kernel does not say. */
uint64_t cost_bytes(pid_t pid);

/** How long the copy of so many bytes keeps the process standing, as measured on other machines. Units: ns. */
uint64_t cost_pause(uint64_t bytes);

#endif
