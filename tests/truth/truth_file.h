/* SPDX-License-Identifier: MIT */
/*
 * The truth file: what a program really holds, written by the recorder from inside, read by a test
 * from outside.
 *
 * One file per process, `$HEAPSNAP_TRUTH.<pid>`, mapped shared, so that it can be read while the
 * target is stopped and after it has died. It has three parts:
 *
 *   header    one page: who this is, how large the parts are, and whether the truth can be trusted
 *   calls     one slot per call of malloc, realloc or free that is under way at this moment
 *   table     a hash table with open addressing: user pointer -> usable bytes
 *
 * Invariants, at every single instruction of the target, so that it may be stopped anywhere:
 *   - a pointer in the table belongs to the program: the allocator returned it and was not yet
 *     asked to take it back;
 *   - a pointer that is in no slot and not in the table is not in use;
 *   - a slot of kind free or realloc without an entry for `old` in the table: `old` may be in use
 *     or free;
 *   - a slot of kind malloc or realloc with `fresh` 0: one chunk that fits `request` may be in use
 *     beside the table; with `fresh` set, that pointer is in use, with `fresh_usable` bytes, in
 *     the table or about to be.
 *
 * What it is not: a log. Nothing says who allocated or when.
 */
#ifndef TRUTH_FILE_H
#define TRUTH_FILE_H

#include <stdint.h>

enum {
	TRUTH_MAGIC_LENGTH = 8,
	TRUTH_CALL_SLOTS = 1024, /* power of two; calls under way at one moment, over all threads */
	TRUTH_DEFAULT_LOG2 = 20, /* entries of the table, as a power of two; $HEAPSNAP_TRUTH_LOG2 */
	TRUTH_MIN_LOG2 = 8,
	TRUTH_MAX_LOG2 = 28,
};

#define TRUTH_MAGIC "HSTRUTH1"

enum truth_call_kind {
	TRUTH_CALL_NONE = 0,
	TRUTH_CALL_CLAIMED = 1, /* being filled in: the allocator has not been entered */
	TRUTH_CALL_MALLOC = 2,
	TRUTH_CALL_FREE = 3,
	TRUTH_CALL_REALLOC = 4,
};

enum truth_flag {
	TRUTH_FLAG_FULL = 1,	/* the table had no room for an entry */
	TRUTH_FLAG_RACED = 2,	/* forked behind the recorder's back: the table may be torn */
	TRUTH_FLAG_UNKNOWN = 4, /* a pointer was freed that was never recorded */
};

struct truth_header {
	char magic[TRUTH_MAGIC_LENGTH];
	uint32_t ready;	    /* 1 once the rest may be read */
	uint32_t pid;	    /* the process this is about */
	uint8_t random[16]; /* AT_RANDOM: another one after an exec */
	uint32_t log2;	    /* entries of the table */
	uint32_t call_slots;
	uint32_t gate;	       /* 1 while a fork is being prepared: calls wait outside */
	uint32_t flags;	       /* enum truth_flag */
	uint64_t unknown;      /* last pointer freed that was never recorded */
	uint64_t calls_offset; /* bytes from the start of the file */
	uint64_t table_offset;
	uint64_t file_size;
};

struct truth_call {
	uint32_t kind;	  /* enum truth_call_kind */
	uint32_t align;	  /* alignment asked for, 0 if none */
	uint64_t request; /* bytes asked for */
	uint64_t old;	  /* pointer handed back, 0 if none */
	uint64_t old_usable;
	uint64_t fresh; /* pointer obtained, 0 while unknown */
	uint64_t fresh_usable;
	uint64_t unused[2]; /* one slot per cache line */
};

enum {
	TRUTH_ENTRY_EMPTY = 0,	 /* never held a pointer: a search ends here */
	TRUTH_ENTRY_REMOVED = 1, /* held one: a search goes on, an insertion may take it */
};

struct truth_entry {
	uint64_t ptr;
	uint64_t usable;
};

#endif
