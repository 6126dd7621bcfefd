/* SPDX-License-Identifier: MIT */
/*
 * The notes of a core: threads with their registers, the mapped files, the auxiliary vector, the process.
 *
 * Parsed from (pointer, size), so no file is involved. A note that is damaged or cut off ends the parsing there; what came
 * before it stays. Strings are copied, so nothing refers to the bytes afterwards.
 *
 *	kernel	PRSTATUS PRPSINFO SIGINFO AUXV FILE FPREGSET … then PRSTATUS … of each further thread
 *	gcore	PRPSINFO, then PRSTATUS FPREGSET … SIGINFO of each thread, AUXV, FILE, and a note of gdb's own
 *
 * Source: Linux fs/binfmt_elf.c (elf_core_dump, fill_files_note), include/linux/elfcore.h, include/uapi/linux/elf.h;
 * gdb 13 linux-tdep.c (linux_make_corefile_notes).
 */
#ifndef HEAPSNAP_TARGET_CORE_NOTES_H
#define HEAPSNAP_TARGET_CORE_NOTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "base/vaddr.h"
#include "target/target.h"

/** One entry of NT_FILE. */
struct core_file_range {
	/** Half-open. Units: bytes. */
	vaddr start, end;
	/** Position of start in the file. Units: bytes. */
	uint64_t offset;
	/** As the kernel wrote it, without « (deleted)»; owned by the notes, unescaped. */
	char *path;
	/** It ended in « (deleted)». */
	bool deleted;
};

struct core_notes {
	/** In the order of the file; the one that died is first in a kernel's core. */
	ARRAY(struct thread) threads;
	/** Pairs of AT_… and value, AT_NULL not among them. */
	ARRAY(uint64_t) auxv;
	/** Sorted by start, without overlap. */
	ARRAY(struct core_file_range) files;
	/** There is an NT_FILE, even if an empty one. */
	bool has_files;
	/** NT_PRPSINFO: name and arguments; empty when there was none. pid 0 when unknown. */
	char name[17];
	char command[81];
	pid_t pid;
	/** NT_SIGINFO of the thread that died: the signal (0: none) and for a fault its address (else 0). */
	int signal;
	vaddr fault_address;
	/** Threads and files beyond what is kept, and entries that contradict themselves (an end before its start, a path
	    without its end). */
	size_t dropped;
};

/** Starts with nothing known. */
void core_notes_init(struct core_notes *notes);

/** Frees everything. */
void core_notes_deinit(struct core_notes *notes);

static inline void core_notes_deinit_p(struct core_notes *notes)
{
	core_notes_deinit(notes);
}
#define _cleanup_core_notes_ _cleanup_(core_notes_deinit_p)

/** Adds the notes of one PT_NOTE segment. False when a note is cut off or makes no sense: `*damage_ret` is then its position in
    bytes, and what came before it was added. Cost: linear. */
bool core_notes_parse(struct core_notes *notes, enum machine machine, const uint8_t *bytes, size_t size, size_t *damage_ret);

/** Leaves notes.files sorted and without overlap: of two that overlap the lower one stays. */
void core_notes_settle(struct core_notes *notes);

#endif
