/* SPDX-License-Identifier: MIT */
/*
 * What heapsnap reads of glibc's malloc, by name: the structs, their members, and which of them a given libc has.
 *
 * Offsets come from libc's DWARF, or from structure found in the file (locate.c), and are cross-checked. No other chapter writes a number: it
 * asks for a member, and a member that is absent decides behaviour (no `fastbinsY`: no fast bins), never a version.
 *
 * Facts: glibc 2.23–2.44 malloc/malloc.c and malloc/arena.c, LP64; tried on the libcs of four Debian releases (tests/live/matrix.t).
 */
#ifndef HEAPSNAP_GLIBC_STRUCTS_H
#define HEAPSNAP_GLIBC_STRUCTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "debug/layout.h"

enum {
	/** malloc_chunk: sizes of its header and of the part before `size`; the same in every glibc since 2.0. Units: bytes. */
	CHUNK_HEADER = 16,
	CHUNK_MINIMUM = 32,
	/** Low bits of malloc_chunk.size. */
	CHUNK_PREV_INUSE = 1,
	CHUNK_IS_MMAPPED = 2,
	CHUNK_NON_MAIN = 4,
	CHUNK_FLAGS = 7,
	/** Bins 1..126: 1 unsorted, 2..63 small, 64..126 large. */
	BIN_UNSORTED = 1,
	BIN_LARGE = 64,
	BIN_END = 127,
	/** malloc_state.flags: brk did not continue where it ended. */
	ARENA_NONCONTIGUOUS = 2,
};

/** Offsets in bytes; MEMBER_ABSENT where this libc has no such member. */
struct glibc_layout {
	struct {
		uint32_t mutex, flags, fastbins, top, bins, next, system_mem, max_system_mem, attached_threads;
		uint32_t n_fastbins;
		uint32_t size;
	} arena;
	struct {
		uint32_t ar_ptr, prev, size_member;
		uint32_t size;
	} heap_info;
	struct {
		uint32_t n_mmaps, mmapped_mem, sbrk_base, hp_pagesize, tcache_count;
		uint32_t size;
	} mp;
	struct {
		/** Bytes per counter: 1 up to 2.29, 2 since. */
		uint32_t counter_size;
		uint32_t n_bins;
		/** Since 2.42 the counters are free slots, counting down from mp_.tcache_count. */
		bool counts_down;
		uint32_t counters, entries;
		/** 0: this libc has no tcache. */
		uint32_t size;
	} tcache;
	/** Free-list links are stored XOR (address of the link >> 12), since 2.32. */
	bool safe_linking;
	/** Bytes of a mmapped chunk's mapping behind the end that its size gives: 0, or 16 since 2.43. */
	uint32_t mmapped_tail;
};

/** The layout for what structure tells: next_offset is the offset of malloc_state.next (2072, 2152 or 2160), n_mmaps_max that of malloc_par.n_mmaps_max (44,
    64, 68 + 4); safe_linking and large_tcache («2.42») from strings of the file. False for a combination that no glibc has. `tcache` is the best
    reading; 2.26–2.29 and 2.30–2.31 differ by the size of the tcache chunk alone (glibc_layout_small_counters()). */
bool glibc_layout_by_structure(uint32_t next_offset, uint32_t n_mmaps_max, bool safe_linking, bool large_tcache, bool has_tcache,
			       struct glibc_layout *ret);

/** Turns the tcache of a layout into that of 2.26–2.29: counters of one byte. */
void glibc_layout_small_counters(struct glibc_layout *layout);

/** The releases that this layout fits, for people («2.35–2.41»). Borrowed: for ever. */
const char *glibc_layout_releases(const struct glibc_layout *layout);

struct glibc_variables {
	/** File addresses; VADDR_NONE when not known. */
	vaddr main_arena, mp;
	/** Offset of `tcache` in libc's TLS segment; VADDR_NONE when not known. */
	vaddr tcache;
	/** Code of malloc.o, as file addresses; 0, 0 when not known. */
	vaddr code_start, code_end;
};

/** Layout and variables from the DWARF of a module; false when it has none or lacks a member that every glibc has. */
bool glibc_layout_from_dwarf(struct modules *modules, struct module *module, struct glibc_layout *layout, struct glibc_variables *variables);

/** True when two layouts agree in all that the walk reads. */
bool glibc_layout_agrees(const struct glibc_layout *a, const struct glibc_layout *b);

#endif
