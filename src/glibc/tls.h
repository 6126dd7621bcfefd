/* SPDX-License-Identifier: MIT */
/*
 * From a thread pointer to libc's thread-local variables. Private to glibc/.
 *
 * libc's TLS block lies at a fixed distance from every thread pointer (initial-exec). The GOT says so: a slot with a TLS relocation holds
 * (block + offset of the variable) - thread pointer. A static executable has no such slots, but its block has a fixed place by the ABI: right below
 * the thread pointer on x86-64, 16 bytes (rounded up to the alignment) above it on aarch64.
 */
#ifndef HEAPSNAP_GLIBC_TLS_H
#define HEAPSNAP_GLIBC_TLS_H

#include <stdbool.h>

#include "glibc/instance.h"
#include "target/target.h"

/** The distance from a thread pointer to the start of the instance's TLS block; false when the image lacks the slots or they contradict each
    other. */
bool tls_distance(const struct instance *instance, const struct target *target, int64_t *ret);

/** The dynamic thread vector of a thread: address of its first element (generation counter), and how many modules it has room for. False when it is not there. */
bool tls_dtv(const struct target *target, const struct thread *thread, vaddr *dtv_ret, uint64_t *n_ret);

#endif
