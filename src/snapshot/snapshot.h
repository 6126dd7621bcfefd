/* SPDX-License-Identifier: MIT */
/*
 * A snapshot: everything a report needs, as tables in memory. Every report is a function of one (or of two).
 *
 * cmd/open.c fills it from a target; nothing in it points into the target or its image, so these are released first. Strings that
 * came from the target are unescaped: report/ escapes them.
 */
#ifndef HEAPSNAP_SNAPSHOT_SNAPSHOT_H
#define HEAPSNAP_SNAPSHOT_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/vaddr.h"
#include "cpython/python.h"
#include "graph/graph.h"
#include "heap/heap.h"
#include "types/types.h"

/** What a snapshot may have besides chunks and books, as bits. Edges, dominators and owners are nothing without the graph. */
enum snapshot_part {
	/** Roots, and what they reach. */
	SNAPSHOT_GRAPH = 1,
	SNAPSHOT_EDGES = 2,
	SNAPSHOT_DOMINATORS = 4,
	SNAPSHOT_OWNERS = 8,
	/** What each chunk is. Apart from the graph: names of chunks need nothing else. */
	SNAPSHOT_TYPES = 32,
	SNAPSHOT_EVERYTHING = 47,
};

enum snapshot_kind {
	SNAPSHOT_LIVE,
	SNAPSHOT_CORE,
};

struct snapshot_module {
	/** Owned. */
	char *path;
	vaddr start, end;
	/** Lower-case hexadecimal, NULL when there is none. Owned. */
	char *build_id;
	/** Why its file could not be read, NULL when it was. Owned. */
	char *why_absent;
	/** Where its debug information was found: a path, «inside», or NULL when not found or not looked for. Owned. */
	char *debug;
	/** The path on disk is not what is mapped any more (upgraded or deleted). */
	bool replaced;
};

struct snapshot_thread {
	pid_t tid;
	char name[16];
	vaddr pc, sp;
	/** Inside malloc when the copy was made. */
	bool in_malloc;
};

/** What a mapping is for, for the account beside the heap's own. */
enum memory_kind {
	/** Memory of the walked malloc: brk, arena heaps, mmapped chunks. */
	MEMORY_HEAP,
	/** Anonymous memory of somebody else. */
	MEMORY_ANONYMOUS,
	MEMORY_STACK,
	/** Private and shared mappings of files. */
	MEMORY_FILE,
	/** Shared memory without a file in a file system (memfd, shm, /dev/zero). */
	MEMORY_SHARED,
	/** vdso, vvar, vsyscall and the like. */
	MEMORY_KERNEL,
	MEMORY_KINDS,
};

struct snapshot_memory {
	/** Address space with any access right (what is merely reserved is left out), and resident bytes. rss is UINT64_MAX when unknown
	    (cores). */
	uint64_t mapped, rss;
	uint64_t n_mappings;
};

/** Bytes of a chunk that were asked for. */
struct snapshot_content {
	chunk_id chunk;
	/** How many, from the start of the chunk; and where in content_bytes they are. */
	size_t length, at;
};

/** What lies in a module at an address that some of the contents lead to. */
struct snapshot_symbol {
	vaddr address;
	/** «conn_closed», «defaults+0x10»; NULL where there is no symbol. Owned, unescaped. */
	char *name;
	/** Its file's last component. Owned, unescaped. */
	char *module;
};

struct snapshot {
	enum snapshot_kind kind;
	pid_t pid;
	/** Program name, path of its executable, command line (NULL when unknown), path of the core file (NULL when live). Owned. */
	char *name, *exe, *command, *core;
	/** When the process began, in clock ticks since the machine did, and which start of the machine that was: 0 and NULL when unknown, as for a core. Owned. */
	uint64_t start_ticks;
	char *boot_id;
	/** What ended the process of a core: the signal (0: none), and of a fault the address. */
	int signal;
	vaddr fault_address;
	/** Of the stop. Units: seconds since 1970. */
	int64_t time;
	/** «x86-64», «aarch64». Borrowed: for ever. */
	const char *machine;
	uint32_t page_size;
	/** As struct capture in target/target.h. steps: how often a thread was let run on to get it out of malloc. */
	uint64_t pause_ns, copy_ns, quiesce_ns, copied_bytes, steps, threads_stepped;
	bool spooled, held_by_debugger;
	/** CPU time heapsnap itself used after the capture. Units: ns. */
	uint64_t analysis_ns;
	ARRAY(struct snapshot_module) modules;
	ARRAY(struct snapshot_thread) threads;
	struct snapshot_memory memory[MEMORY_KINDS];
	/** Pages (as addresses) of the heap that are resident are not kept; this is how many bytes of free chunks lie on whole free pages that are
	    resident, UINT64_MAX when unknown. */
	uint64_t trimmable_resident;
	/** Another allocator serves this program («jemalloc»), NULL when glibc does. Owned. */
	char *foreign_allocator;
	/** How that was told: a sentence. Owned; NULL when it was not looked for. */
	char *allocator_evidence;
	/** A managed runtime whose own heap is beside malloc's («JVM»), NULL when there is none. Owned. */
	char *runtime;
	/** What is missing or was not possible, one line each. Owned. */
	ARRAY(char *) notices;
	struct heap heap;
	/** What chunks are to Python; empty where there is none. */
	struct python python;
	/** Roots, edges and what follows from them; not built unless a report needs it. */
	struct graph graph;
	/** What each chunk is; not built unless a report needs it. */
	struct types types;
	/** Ascending by chunk; empty unless the contents were asked for. */
	ARRAY(struct snapshot_content) contents;
	ARRAY(uint8_t) content_bytes;
	/** Ascending by address: where the contents lead outside of the heap. */
	ARRAY(struct snapshot_symbol) symbols;
};

/** Starts an empty snapshot. */
void snapshot_init(struct snapshot *snapshot);

/** Frees it. */
void snapshot_deinit(struct snapshot *snapshot);

static inline void snapshot_deinit_p(struct snapshot *snapshot)
{
	snapshot_deinit(snapshot);
}
#define _cleanup_snapshot_ _cleanup_(snapshot_deinit_p)

/** «heap», «anonymous» …: the word of a memory kind in JSON. Borrowed: for ever. */
const char *memory_kind_name(enum memory_kind kind);

/** All kinds together; rss is UINT64_MAX when any of them is unknown. */
struct snapshot_memory snapshot_memory_total(const struct snapshot *snapshot);

/** The first bytes of a chunk and how many they are; NULL when the snapshot has none. Borrowed: as long as the snapshot. */
const uint8_t *snapshot_contents(const struct snapshot *snapshot, chunk_id chunk, size_t *length_ret);

/** What the contents lead to at an address outside of the heap, NULL when that is not known. Borrowed: as long as the snapshot. Cost: logarithmic. */
const struct snapshot_symbol *snapshot_symbol_at(const struct snapshot *snapshot, vaddr address);

/** The name of a thread, or NULL when there is none of that tid or it has no name. Borrowed: as long as the snapshot. */
const char *snapshot_thread_name(const struct snapshot *snapshot, pid_t tid);

#endif
