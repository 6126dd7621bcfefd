/* SPDX-License-Identifier: MIT */
/*
 * A target: a process or a core, reduced to what everything after it needs. This is the seam.
 *
 *   live_open(pid)      maps, files, auxv; the process runs on       core_open(path)    everything at once
 *   …find the allocator, from files alone…                           …the same…
 *   live_capture()      the stop window: fills threads and image     (nothing to do)
 *
 * After that, live and core are the same case: mappings, files, threads with registers, and an immutable image. Nothing
 * outside this folder knows that a process can run. The quiesce step (target/stopped.h) is the only call that crosses the
 * layers while the target waits.
 */
#ifndef HEAPSNAP_TARGET_TARGET_H
#define HEAPSNAP_TARGET_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/array.h"
#include "base/error.h"
#include "base/vaddr.h"
#include "target/image.h"
#include "target/maps.h"

enum target_kind {
	TARGET_LIVE,
	TARGET_CORE,
};

/** Architectures that are read; any other is refused by name. */
enum machine {
	MACHINE_X86_64,
	MACHINE_AARCH64,
};

enum {
	/** Registers in DWARF numbering: x86-64 has 0..16 (rax rdx rcx rbx rsi rdi rbp rsp r8..r15 rip), aarch64 0..32 (x0..x30, sp, pc). */
	THREAD_REGISTERS_MAX = 33,
	BUILD_ID_MAX = 32,
};

struct thread {
	pid_t tid;
	/** comm, as the target wrote it; empty when unknown. */
	char name[16];
	/** False when neither ptrace nor the core gave them; pc, sp and tp are then 0 (what /proc shows may still fill pc and sp). */
	bool has_registers;
	uint64_t registers[THREAD_REGISTERS_MAX];
	vaddr pc, sp;
	/** Thread pointer: fs_base on x86-64, tpidr_el0 on aarch64. 0 when unknown. */
	vaddr tp;
	/** The system call the thread waits in, -1 when in none or unknown. */
	long syscall;
	/** First argument of that call (a futex address). */
	uint64_t syscall_argument;
};

struct build_id {
	/** 0 when there is none. Units: bytes. */
	size_t size;
	uint8_t bytes[BUILD_ID_MAX];
};

/** A file that is mapped, found and held open, or not. */
struct target_file {
	/** As the target names it; owned, unescaped. */
	char *path;
	/** Open for reading, or -1. Owned. */
	int fd;
	/** Where it was really opened (map_files, sysroot, debug directory), for -v; NULL when it was not. Owned. */
	char *opened_as;
	/** Why fd is -1 («is not on this machine», «has another build ID: …»); NULL when it is open. Owned. */
	char *why_absent;
	/** The path now names another file or none (upgraded package, deleted binary). */
	bool replaced;
	/** Build ID of what is *mapped*: from the note in memory (core) or in the open file (live). */
	struct build_id build_id;
};

struct capture {
	/** How long the target stood still, 0 for a core. Units: ns. */
	uint64_t pause_ns;
	/** Of which: the copy alone, and quiescing (stepping out of malloc). Units: ns. */
	uint64_t copy_ns, quiesce_ns;
	/** Bytes that were copied. */
	uint64_t bytes;
	/** How often the quiesce step let a thread run for a moment, and how many threads. */
	uint64_t steps, threads_stepped;
	/** The copy lies in an unlinked file, not in memory. */
	bool spooled;
	/** It was read without attaching, since a debugger holds it stopped. */
	bool held_by_debugger;
	/** CLOCK_REALTIME of the stop, or the core's mtime. Units: seconds. */
	int64_t time;
};

struct target {
	enum target_kind kind;
	enum machine machine;
	/** 0 when a core does not say. */
	pid_t pid;
	/** Name of the program: comm, or pr_fname of a core. Owned, unescaped. */
	char *name;
	/** The executable as the target names it, and its index in files (-1: none). Owned, unescaped. */
	char *exe_path;
	int exe_file;
	/** The command line, arguments separated by a space; NULL when unknown. Owned, unescaped. */
	char *command;
	/** When the process began (proc_start_ticks()) on which start of the machine: together they tell it from all others. 0 and NULL when unknown, as for
	    a core. Owned. */
	uint64_t start_ticks;
	char *boot_id;
	/** What ended the process of a core: the signal (0: none, or a core of a process that ran on), and of a fault the address. */
	int signal;
	vaddr fault_address;
	uint32_t page_size;
	mapping_array mappings;
	ARRAY(struct target_file) files;
	ARRAY(struct thread) threads;
	/** A core lost its notes, or a part of them: there may have been more threads, so nothing that each thread keeps for itself is known to be
	    complete. */
	bool threads_incomplete;
	/** Pairs of AT_… and value as the kernel wrote them. */
	ARRAY(uint64_t) auxv;
	struct image image;
	struct capture capture;
	/** What is missing or was not possible, one line each (not dumped segments, files not found). Owned strings, unescaped. */
	ARRAY(char *) notices;
	/** Private to live.c or core.c: buffers, descriptors of /proc. */
	void *backend;
	void (*backend_destroy)(void *backend);
};

/** An empty target of a kind, for live.c, core.c and tests. Owner: the caller, target_destroy(). */
struct target *target_create(enum target_kind kind);

/** Releases everything; NULL is accepted. A live target was detached before. */
void target_destroy(struct target *target);

static inline void target_destroy_p(struct target **target)
{
	target_destroy(*target);
}
#define _cleanup_target_ _cleanup_(target_destroy_p)

/** The value of an AT_… entry, or 0. */
uint64_t target_auxv(const struct target *target, uint64_t type);

/** Records a notice: formatted text, one line. */
void target_notice(struct target *target, const char *format, ...) _printf_(2, 3);

/** The name of an architecture by ELF e_machine for messages («ARM», «RISC-V», «machine 123»), for refusals. Borrowed: for ever or until
    the next call. */
const char *machine_name(unsigned e_machine);

#endif
