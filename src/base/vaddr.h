/* SPDX-License-Identifier: MIT */
/*
 * An address in the target.
 *
 * It is a number, never a C pointer: a pointer means memory of our own. The only way from one to the other is
 * a read through target/image.h.
 */
#ifndef HEAPSNAP_BASE_VADDR_H
#define HEAPSNAP_BASE_VADDR_H

#include <inttypes.h>
#include <stdint.h>

/** An address in the address space of the target. Units: bytes. */
typedef uint64_t vaddr;

/** The address that means «none»; no mapping can hold it. */
#define VADDR_NONE UINT64_MAX

/** printf conversion for a vaddr, to be used as "0x%" PRIxVADDR. */
#define PRIxVADDR PRIx64

#endif
