/* SPDX-License-Identifier: MIT */
/*
 * The recorder of call stacks: an interposed malloc that keeps, for each chunk the program holds,
 * the size asked for and who asked, so that a table made by hand can say what type it is.
 *
 *   HEAPSNAP_STACKS=/dir/prefix LD_PRELOAD=stacks.so program     ->  /dir/prefix.<pid>
 *
 * The file (struct stack_header, then a hash table of struct stack_entry) is mapped shared and can be
 * read at any time, which a signal handler would not be needed for and could not do better. Unlike
 * recorder.c it is not exact to the instruction: it is for programs at rest. A forked child is not
 * recorded, and leaves its parent's file alone; what it executes then gets a file of its own.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <unwind.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *ptr, size_t size);
void *__libc_memalign(size_t align, size_t size);
void __libc_free(void *ptr);

extern int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void),
			     void *dso);
extern void *__dso_handle;

enum {
	DEPTH = 22,
	DEFAULT_LOG2 = 20,
	ENTRY_EMPTY = 0,
	ENTRY_REMOVED = 1,
	ENTRY_CLAIMED = 2, // being filled in, or in the hands of realloc
};

struct stack_header {
	char magic[8];
	uint64_t log2;	// entries
	uint64_t depth; // addresses of each
	uint64_t lost;	// chunks that found no room
	uint64_t unused[20];
};

struct stack_entry {
	uint64_t ptr;
	uint64_t size;
	uint64_t return_addresses[DEPTH]; // innermost first, 0 where there are no more
};

static struct stack_header *header;
static struct stack_entry *table;
static uint64_t table_mask;
static int recording;
static __thread bool inside __attribute__((tls_model("initial-exec")));

#define load(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define store(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)

// What the linker says of this object: its own frames are left out.
extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char _end[] __attribute__((visibility("hidden")));

struct walk {
	uint64_t *addresses;
	unsigned int count;
};

static _Unwind_Reason_Code note_frame(struct _Unwind_Context *context, void *data)
{
	struct walk *walk = data;
	uintptr_t pc = _Unwind_GetIP(context);

	if (!pc || walk->count == DEPTH)
		return _URC_END_OF_STACK;
	if (pc < (uintptr_t)__ehdr_start || pc >= (uintptr_t)_end)
		walk->addresses[walk->count++] = pc;
	return _URC_NO_REASON;
}

static struct stack_entry *entry_at(uint64_t ptr, uint64_t i)
{
	return &table[((ptr >> 4) + (ptr >> 26) * UINT64_C(0x9E3779B1) + i) & table_mask];
}

static void *noted(void *ptr, size_t size)
{
	struct stack_entry *entry = NULL;

	if (!ptr || !load(&recording) || inside)
		return ptr;
	inside = true;
	int saved_errno = errno;
	for (uint64_t i = 0; i <= table_mask; i++) {
		struct stack_entry *candidate = entry_at((uintptr_t)ptr, i);
		uint64_t seen = load(&candidate->ptr);
		if (seen > ENTRY_REMOVED)
			continue;
		if (__atomic_compare_exchange_n(&candidate->ptr, &seen, ENTRY_CLAIMED, 0,
						__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
			entry = candidate;
			break;
		}
	}
	if (entry) {
		struct walk walk = {.addresses = entry->return_addresses};
		_Unwind_Backtrace(note_frame, &walk);
		while (walk.count < DEPTH)
			entry->return_addresses[walk.count++] = 0;
		entry->size = size;
		store(&entry->ptr, (uintptr_t)ptr);
	} else {
		__atomic_fetch_add(&header->lost, 1, __ATOMIC_RELAXED);
	}
	errno = saved_errno;
	inside = false;
	return ptr;
}

static struct stack_entry *forgotten(void *ptr, uint64_t mark)
{
	if (!ptr || !load(&recording) || inside)
		return NULL;
	for (uint64_t i = 0; i <= table_mask; i++) {
		struct stack_entry *entry = entry_at((uintptr_t)ptr, i);
		uint64_t seen = load(&entry->ptr);
		if (seen == (uintptr_t)ptr) {
			store(&entry->ptr, mark);
			return entry;
		}
		if (seen == ENTRY_EMPTY)
			return NULL;
	}
	return NULL;
}

static void stop_in_child(void)
{
	store(&recording, 0);
}

// What was allocated before this has no stack: the dynamic linker's own, mostly.
__attribute__((constructor)) static void start(void)
{
	const char *prefix = getenv("HEAPSNAP_STACKS");
	const char *log2_text = getenv("HEAPSNAP_STACKS_LOG2");
	uint64_t log2 = log2_text ? strtoull(log2_text, NULL, 10) : DEFAULT_LOG2;
	char path[4096];

	if (!prefix || log2 < 8 || log2 > 28)
		return;
	snprintf(path, sizeof(path), "%s.%d", prefix, (int)getpid());
	uint64_t size = sizeof(*header) + (sizeof(*table) << log2);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	void *map = MAP_FAILED;
	if (fd >= 0 && !ftruncate(fd, (off_t)size))
		map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd >= 0)
		close(fd);
	if (map == MAP_FAILED) {
		static const char complaint[] = "stacks: the file cannot be created\n";
		(void)!write(2, complaint, sizeof(complaint) - 1);
		return;
	}
	header = map;
	table = (void *)(header + 1);
	table_mask = (UINT64_C(1) << log2) - 1;
	memcpy(header->magic, "HSSTACK1", sizeof(header->magic));
	header->log2 = log2;
	header->depth = DEPTH;
	// Whatever the unwinder sets up once, it shall have done.
	inside = true;
	uint64_t addresses[DEPTH];
	_Unwind_Backtrace(note_frame, &(struct walk){.addresses = addresses});
	inside = false;
	__register_atfork(NULL, NULL, stop_in_child, __dso_handle);
	store(&recording, 1);
}

void *malloc(size_t size)
{
	return noted(__libc_malloc(size), size);
}

void *calloc(size_t count, size_t size)
{
	return noted(__libc_calloc(count, size), count * size);
}

void *realloc(void *ptr, size_t size)
{
	struct stack_entry *old = forgotten(ptr, ENTRY_CLAIMED);
	void *fresh = __libc_realloc(ptr, size);

	if (old)
		store(&old->ptr, fresh || !size ? ENTRY_REMOVED : (uintptr_t)ptr);
	return noted(fresh, size);
}

void *reallocarray(void *ptr, size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(ptr, bytes);
}

void *memalign(size_t align, size_t size)
{
	return noted(__libc_memalign(align, size), size);
}

void *aligned_alloc(size_t align, size_t size)
{
	return noted(__libc_memalign(align, size), size);
}

int posix_memalign(void **ret, size_t align, size_t size)
{
	if (align % sizeof(void *) || (align & (align - 1)) || !align)
		return EINVAL;
	void *ptr = noted(__libc_memalign(align, size), size);
	if (!ptr)
		return ENOMEM;
	*ret = ptr;
	return 0;
}

void free(void *ptr)
{
	forgotten(ptr, ENTRY_REMOVED);
	__libc_free(ptr);
}
