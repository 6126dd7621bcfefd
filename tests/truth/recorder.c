/* SPDX-License-Identifier: MIT */
/*
 * The recorder: an interposed malloc that keeps books of its own, so that any program gives a truth
 * to compare with.
 *
 *   HEAPSNAP_TRUTH=/dir/prefix LD_PRELOAD=recorder.so program      ->  /dir/prefix.<pid>
 * (truth_file.h)
 *
 * It never allocates from the heap it watches, takes no lock, and is right for a reader who stops
 * the target at any instruction. Method:
 *
 *   - A call first claims a slot and says what it is about to do, then changes the table, then
 * enters libc. A pointer leaves the table *before* libc may hand it to another thread, and enters
 * it after libc has given it to us, so that no pointer is ever in the table twice and none needs a
 * lock.
 *   - A fork is exact too: the prepare handler closes a gate, waits until no call is under way, and
 * copies the file; the child maps the copy over the original at the same address. Children made
 * behind our back (clone, _Fork) are told by a page that the kernel wipes in the child; their truth
 * is marked.
 *   - One object serves every glibc from 2.14: it calls the __libc_ names of the allocator, which
 * are as old as x86-64, instead of dlsym; it has no thread-local storage and no threads library.
 *
 * With -DRECORDER_WRAP it is linked into a static program instead, with --wrap=malloc and so on.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE // SEEK_DATA
#endif
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "truth_file.h"

#ifdef RECORDER_WRAP
#define ENTRY(name) __wrap_##name
#define LIBC(name) __real_##name
#else
#define ENTRY(name) name
#define LIBC(name) __libc_##name
#endif

void *LIBC(malloc)(size_t size);
void *LIBC(calloc)(size_t count, size_t size);
void *LIBC(realloc)(void *ptr, size_t size);
void *LIBC(memalign)(size_t align, size_t size);
void *LIBC(valloc)(size_t size);
void *LIBC(pvalloc)(size_t size);
void LIBC(free)(void *ptr);

void *ENTRY(malloc)(size_t size);
void *ENTRY(calloc)(size_t count, size_t size);
void *ENTRY(realloc)(void *ptr, size_t size);
void *ENTRY(reallocarray)(void *ptr, size_t count, size_t size);
void *ENTRY(memalign)(size_t align, size_t size);
void *ENTRY(aligned_alloc)(size_t align, size_t size);
int ENTRY(posix_memalign)(void **ret, size_t align, size_t size);
void *ENTRY(valloc)(size_t size);
void *ENTRY(pvalloc)(size_t size);
void ENTRY(free)(void *ptr);
void ENTRY(free_sized)(void *ptr, size_t size);
void ENTRY(free_aligned_sized)(void *ptr, size_t align, size_t size);

extern int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void),
			     void *dso);
extern void *__dso_handle;

enum {
	PAGE = 4096,
	PATH_SIZE = 4096,
};

enum recorder_state {
	RECORDER_UNSET = 0,
	RECORDER_OPENING = 1,
	RECORDER_ON = 2,
	RECORDER_OFF = 3, /* no $HEAPSNAP_TRUTH, or the file cannot be made: plain forwarding */
};

static int recorder_state;
static struct truth_header *file;
static struct truth_call *calls;
static struct truth_entry *table;
static uint64_t table_mask;
static uint32_t *same_process; /* 1 here, wiped to 0 by the kernel in a forked child */
static char path_prefix[PATH_SIZE];
static char fork_path[PATH_SIZE + 32];

#define load(p) __atomic_load_n((p), __ATOMIC_SEQ_CST)
#define store(p, v) __atomic_store_n((p), (v), __ATOMIC_SEQ_CST)
#define swap_if(p, old, new)                                                                       \
	__atomic_compare_exchange_n((p), (old), (new), 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)

static void complain(const char *what)
{
	static const char head[] = "recorder: ";
	(void)!write(2, head, sizeof(head) - 1);
	(void)!write(2, what, strlen(what));
	(void)!write(2, "\n", 1);
}

static void relax(void)
{
	syscall(SYS_sched_yield);
}

// ---- the file ----

// Reads a whole file of /proc into a buffer of ours. -1 if it cannot be read.
static ssize_t read_small(const char *path, char *buffer, size_t size)
{
	int fd = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	size_t have = 0;
	while (have < size) {
		ssize_t got = read(fd, buffer + have, size - have);
		if (got <= 0)
			break;
		have += got;
	}
	close(fd);
	return have;
}

// getenv may not work yet when the dynamic linker makes its first allocation, so the environment is
// read from /proc, which is also what the program was really started with.
static bool read_environment(uint32_t *log2_ret)
{
	static const char name[] = "HEAPSNAP_TRUTH=";
	static const char log2_name[] = "HEAPSNAP_TRUTH_LOG2=";
	enum { ENVIRONMENT_SIZE = 1 << 21 };
	char *text = mmap(NULL, ENVIRONMENT_SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (text == MAP_FAILED)
		return false;
	ssize_t size = read_small("/proc/self/environ", text, ENVIRONMENT_SIZE - 1);
	bool found = false;
	for (ssize_t at = 0; at < size; at += strlen(text + at) + 1) {
		const char *value = text + at;
		if (!strncmp(value, name, sizeof(name) - 1)) {
			value += sizeof(name) - 1;
			size_t length = strlen(value);
			if (length && length < sizeof(path_prefix)) {
				memcpy(path_prefix, value, length + 1);
				found = true;
			}
		} else if (!strncmp(value, log2_name, sizeof(log2_name) - 1)) {
			uint32_t log2 = 0;
			for (value += sizeof(log2_name) - 1; *value >= '0' && *value <= '9';
			     value++)
				log2 = log2 * 10 + (*value - '0');
			if (log2 >= TRUTH_MIN_LOG2 && log2 <= TRUTH_MAX_LOG2)
				*log2_ret = log2;
		}
	}
	munmap(text, ENVIRONMENT_SIZE);
	return found;
}

// The 16 bytes that the kernel gave this program image: they differ after an exec and are the same
// after a fork.
static void read_random(uint8_t random[16])
{
	uint64_t auxv[128];
	ssize_t size = read_small("/proc/self/auxv", (char *)auxv, sizeof(auxv));
	memset(random, 0, 16);
	for (ssize_t i = 0; (i + 2) * (ssize_t)sizeof(uint64_t) <= size; i += 2) {
		if (auxv[i] == 25 /* AT_RANDOM */)
			memcpy(random, (const void *)(uintptr_t)auxv[i + 1], 16);
	}
}

static void append_number(char *text, uint64_t value)
{
	char digits[24];
	size_t n = sizeof(digits);
	digits[--n] = 0;
	do {
		digits[--n] = '0' + value % 10;
		value /= 10;
	} while (value);
	memcpy(text + strlen(text), digits + n, sizeof(digits) - n);
}

static void path_of_process(char *path, uint64_t pid)
{
	size_t length = strlen(path_prefix);
	memcpy(path, path_prefix, length);
	path[length] = '.';
	path[length + 1] = 0;
	append_number(path, pid);
}

static void adopt(void *map)
{
	file = map;
	calls = (void *)((char *)map + file->calls_offset);
	table = (void *)((char *)map + file->table_offset);
	table_mask = (UINT64_C(1) << file->log2) - 1;
}

// Another copy of the recorder, in another namespace of the dynamic linker, may have made the file
// already: the table is then shared, as the process is.
static bool attach_existing(const char *path, uint32_t pid, const uint8_t random[16])
{
	int fd = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return false;
	struct truth_header header;
	bool same = pread(fd, &header, sizeof(header), 0) == sizeof(header) &&
		    !memcmp(header.magic, TRUTH_MAGIC, TRUTH_MAGIC_LENGTH) && header.ready == 1 &&
		    header.pid == pid && !memcmp(header.random, random, 16);
	void *map = MAP_FAILED;
	if (same)
		map = mmap(NULL, header.file_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		return false;
	adopt(map);
	return true;
}

static bool create_file(const char *path, uint32_t pid, const uint8_t random[16], uint32_t log2)
{
	unlink(path);
	int fd = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	uint64_t calls_offset = PAGE;
	uint64_t table_offset = calls_offset + TRUTH_CALL_SLOTS * sizeof(struct truth_call);
	uint64_t size = table_offset + (sizeof(struct truth_entry) << log2);
	void *map = MAP_FAILED;
	if (!ftruncate(fd, size))
		map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (map == MAP_FAILED) {
		unlink(path);
		return false;
	}
	struct truth_header *header = map;
	memcpy(header->magic, TRUTH_MAGIC, TRUTH_MAGIC_LENGTH);
	header->pid = pid;
	memcpy(header->random, random, 16);
	header->log2 = log2;
	header->call_slots = TRUTH_CALL_SLOTS;
	header->calls_offset = calls_offset;
	header->table_offset = table_offset;
	header->file_size = size;
	store(&header->ready, 1);
	adopt(map);
	return true;
}

static void fork_prepare(void);
static void fork_parent(void);
static void fork_child(void);

static void recorder_open(void)
{
	int expected = RECORDER_UNSET;
	if (!swap_if(&recorder_state, &expected, RECORDER_OPENING)) {
		while (load(&recorder_state) == RECORDER_OPENING)
			relax();
		return;
	}
	int saved_errno = errno;
	uint32_t log2 = TRUTH_DEFAULT_LOG2;
	int next = RECORDER_OFF;
	if (read_environment(&log2)) {
		char path[PATH_SIZE + 32];
		uint8_t random[16];
		uint32_t pid = syscall(SYS_getpid);
		path_of_process(path, pid);
		read_random(random);
		if (attach_existing(path, pid, random) || create_file(path, pid, random, log2))
			next = RECORDER_ON;
		else
			complain("the truth file cannot be created");
	}
	if (next == RECORDER_ON) {
		same_process = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				    -1, 0);
		if (same_process == MAP_FAILED || madvise(same_process, PAGE, MADV_WIPEONFORK)) {
			complain("the kernel cannot wipe a page on fork");
			next = RECORDER_OFF;
		} else {
			*same_process = 1;
		}
	}
	errno = saved_errno;
	store(&recorder_state, next);
}

// The handlers are registered by a constructor, not at the first call: that one may come before
// libc can take them.
__attribute__((constructor)) static void recorder_start(void)
{
	if (load(&recorder_state) == RECORDER_UNSET)
		recorder_open();
	if (load(&recorder_state) == RECORDER_ON)
		__register_atfork(fork_prepare, fork_parent, fork_child, __dso_handle);
}

// ---- fork ----

// Copies what the file holds to another one, holes left out. Nobody may be changing it.
static bool copy_file(const char *from, const char *to)
{
	int in = syscall(SYS_openat, AT_FDCWD, from, O_RDONLY | O_CLOEXEC);
	if (in < 0)
		return false;
	int out = syscall(SYS_openat, AT_FDCWD, to, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	bool done = out >= 0 && !ftruncate(out, file->file_size);
	off_t at = 0;
	while (done && at < (off_t)file->file_size) {
		off_t data = lseek(in, at, SEEK_DATA);
		if (data < 0)
			break; // ENXIO: only a hole is left
		off_t end = lseek(in, data, SEEK_HOLE);
		while (done && data < end) {
			ssize_t written = pwrite(out, (const char *)file + data, end - data, data);
			done = written > 0;
			data += written > 0 ? written : 0;
		}
		at = end;
	}
	close(in);
	if (out >= 0)
		close(out);
	return done;
}

static void fork_prepare(void)
{
	int saved_errno = errno;
	char path[PATH_SIZE + 32];
	store(&file->gate, 1);
	for (unsigned int i = 0; i < TRUTH_CALL_SLOTS; i++) {
		while (load(&calls[i].kind) != TRUTH_CALL_NONE)
			relax();
	}
	// A name of its own for each fork: the child may open it long after the parent forks again.
	static unsigned int forks;
	path_of_process(path, file->pid);
	path_of_process(fork_path, file->pid);
	strcat(fork_path, ".fork");
	append_number(fork_path, ++forks);
	if (!copy_file(path, fork_path)) {
		complain("the truth file cannot be copied for a fork");
		fork_path[0] = 0;
	}
	errno = saved_errno;
}

static void fork_parent(void)
{
	// Where no child came about, the copy is left over: whether it did, the handler is not
	// told.
	store(&file->gate, 0);
}

// Maps `path` over the mapping of the parent's file, so that every pointer of ours stays as it is.
static bool take_over(const char *path)
{
	int fd = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return false;
	void *map = mmap(file, file->file_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
			 0);
	close(fd);
	return map != MAP_FAILED;
}

static void become_child(uint32_t flags)
{
	char path[PATH_SIZE + 32];
	uint32_t pid = syscall(SYS_getpid);
	memset(calls, 0, TRUTH_CALL_SLOTS * sizeof(*calls));
	file->pid = pid;
	file->flags |= flags;
	store(&file->gate, 0);
	path_of_process(path, pid);
	if (rename(fork_path, path))
		complain("the truth file of a child cannot be renamed");
	*same_process = 1;
}

static void fork_child(void)
{
	int saved_errno = errno;
	if (fork_path[0] && take_over(fork_path)) {
		become_child(0);
	} else {
		complain("the child has no truth");
		store(&recorder_state, RECORDER_OFF);
	}
	errno = saved_errno;
}

// A child whose making ran no handlers: copy the parent's file as it is now, which is only right if
// the parent stands still, and say so.
static void notice_child(void)
{
	int saved_errno = errno;
	char path[PATH_SIZE + 32];
	uint32_t pid = syscall(SYS_getpid);
	uint8_t random[16];
	memcpy(random, file->random, sizeof(random));
	path_of_process(path, pid);
	if (attach_existing(path, pid, random)) {
		*same_process = 1;
		errno = saved_errno;
		return;
	}
	path_of_process(path, file->pid);
	path_of_process(fork_path, pid);
	strcat(fork_path, ".fork");
	if (copy_file(path, fork_path) && take_over(fork_path)) {
		become_child(TRUTH_FLAG_RACED);
	} else {
		complain("the child has no truth");
		store(&recorder_state, RECORDER_OFF);
	}
	errno = saved_errno;
}

// ---- calls under way ----

static bool recording(void)
{
	if (__builtin_expect(load(&recorder_state) != RECORDER_ON, 0)) {
		if (load(&recorder_state) == RECORDER_UNSET ||
		    load(&recorder_state) == RECORDER_OPENING)
			recorder_open();
		if (load(&recorder_state) != RECORDER_ON)
			return false;
	}
	if (__builtin_expect(!load(same_process), 0))
		notice_child();
	return load(&recorder_state) == RECORDER_ON;
}

static uint64_t thread_pointer(void)
{
	uint64_t value;
#if defined(__x86_64__)
	__asm__("mov %%fs:0, %0" : "=r"(value));
#elif defined(__aarch64__)
	__asm__("mrs %0, tpidr_el0" : "=r"(value));
#else
#error "the recorder knows x86-64 and aarch64"
#endif
	return value;
}

static struct truth_call *call_begin(enum truth_call_kind kind, void *old, size_t request,
				     size_t align)
{
	unsigned int start = (thread_pointer() >> 6) * UINT64_C(0x9E3779B97F4A7C15) >> 48;
	struct truth_call *call;
	for (;;) {
		while (load(&file->gate))
			relax();
		call = NULL;
		for (unsigned int i = 0; !call && i < TRUTH_CALL_SLOTS; i++) {
			struct truth_call *candidate = &calls[(start + i) & (TRUTH_CALL_SLOTS - 1)];
			uint32_t none = TRUTH_CALL_NONE;
			if (swap_if(&candidate->kind, &none, TRUTH_CALL_CLAIMED))
				call = candidate;
		}
		if (!call) {
			relax();
			continue;
		}
		// Either the one who prepares a fork sees our slot, or we see the gate.
		if (!load(&file->gate))
			break;
		store(&call->kind, TRUTH_CALL_NONE);
	}
	call->align = align > UINT32_MAX ? UINT32_MAX : align;
	call->request = request;
	call->old = (uintptr_t)old;
	call->old_usable = old ? malloc_usable_size(old) : 0;
	call->fresh = 0;
	call->fresh_usable = 0;
	store(&call->kind, kind);
	return call;
}

static void call_end(struct truth_call *call)
{
	store(&call->kind, TRUTH_CALL_NONE);
}

// ---- the table ----

// Neighbours in the heap are neighbours in the table, which is kind to the cache; heaps, which
// start at equal low bits, are spread.
static uint64_t table_start(uint64_t ptr)
{
	return (ptr >> 4) + (ptr >> 26) * UINT64_C(0x9E3779B1);
}

static void table_insert(uint64_t ptr, uint64_t usable)
{
	uint64_t at = table_start(ptr);
	for (uint64_t i = 0; i <= table_mask; i++) {
		struct truth_entry *entry = &table[(at + i) & table_mask];
		uint64_t seen = load(&entry->ptr);
		if (seen > TRUTH_ENTRY_REMOVED)
			continue;
		if (swap_if(&entry->ptr, &seen, ptr)) {
			// A reader takes the size from the call's slot until the call ends.
			store(&entry->usable, usable);
			return;
		}
	}
	__atomic_fetch_or(&file->flags, TRUTH_FLAG_FULL, __ATOMIC_SEQ_CST);
}

static bool table_remove(uint64_t ptr)
{
	uint64_t at = table_start(ptr);
	for (uint64_t i = 0; i <= table_mask; i++) {
		struct truth_entry *entry = &table[(at + i) & table_mask];
		uint64_t seen = load(&entry->ptr);
		if (seen == ptr) {
			store(&entry->ptr, TRUTH_ENTRY_REMOVED);
			return true;
		}
		if (seen == TRUTH_ENTRY_EMPTY)
			break;
	}
	store(&file->unknown, ptr);
	__atomic_fetch_or(&file->flags, TRUTH_FLAG_UNKNOWN, __ATOMIC_SEQ_CST);
	return false;
}

static void call_obtained(struct truth_call *call, void *ptr)
{
	if (ptr) {
		uint64_t usable = malloc_usable_size(ptr);
		call->fresh_usable = usable;
		store(&call->fresh, (uint64_t)(uintptr_t)ptr);
		table_insert((uintptr_t)ptr, usable);
	}
	call_end(call);
}

// ---- the interposed functions ----

void *ENTRY(malloc)(size_t size)
{
	if (!recording())
		return LIBC(malloc)(size);
	struct truth_call *call = call_begin(TRUTH_CALL_MALLOC, NULL, size, 0);
	void *ptr = LIBC(malloc)(size);
	call_obtained(call, ptr);
	return ptr;
}

void *ENTRY(calloc)(size_t count, size_t size)
{
	size_t bytes;
	if (__builtin_mul_overflow(count, size, &bytes) || !recording())
		return LIBC(calloc)(count, size);
	struct truth_call *call = call_begin(TRUTH_CALL_MALLOC, NULL, bytes, 0);
	void *ptr = LIBC(calloc)(count, size);
	call_obtained(call, ptr);
	return ptr;
}

void *ENTRY(realloc)(void *ptr, size_t size)
{
	if (!recording())
		return LIBC(realloc)(ptr, size);
	if (!ptr)
		return ENTRY(malloc)(size);
	struct truth_call *call = call_begin(TRUTH_CALL_REALLOC, ptr, size, 0);
	uint64_t usable = call->old_usable;
	bool known = table_remove((uintptr_t)ptr);
	void *fresh = LIBC(realloc)(ptr, size);
	// A failed realloc leaves the old one as it was; realloc to nothing has freed it.
	if (!fresh && size && known)
		table_insert((uintptr_t)ptr, usable);
	call_obtained(call, fresh);
	return fresh;
}

void *ENTRY(reallocarray)(void *ptr, size_t count, size_t size)
{
	size_t bytes;
	if (__builtin_mul_overflow(count, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return ENTRY(realloc)(ptr, bytes);
}

void *ENTRY(memalign)(size_t align, size_t size)
{
	if (!recording())
		return LIBC(memalign)(align, size);
	struct truth_call *call = call_begin(TRUTH_CALL_MALLOC, NULL, size, align);
	void *ptr = LIBC(memalign)(align, size);
	call_obtained(call, ptr);
	return ptr;
}

void *ENTRY(aligned_alloc)(size_t align, size_t size)
{
	return ENTRY(memalign)(align, size);
}

int ENTRY(posix_memalign)(void **ret, size_t align, size_t size)
{
	if (align % sizeof(void *) || (align & (align - 1)) || !align)
		return EINVAL;
	int saved_errno = errno;
	void *ptr = ENTRY(memalign)(align, size);
	errno = saved_errno;
	if (!ptr)
		return ENOMEM;
	*ret = ptr;
	return 0;
}

void *ENTRY(valloc)(size_t size)
{
	if (!recording())
		return LIBC(valloc)(size);
	struct truth_call *call = call_begin(TRUTH_CALL_MALLOC, NULL, size, PAGE);
	void *ptr = LIBC(valloc)(size);
	call_obtained(call, ptr);
	return ptr;
}

void *ENTRY(pvalloc)(size_t size)
{
	if (!recording())
		return LIBC(pvalloc)(size);
	size_t whole = (size + PAGE - 1) & ~(size_t)(PAGE - 1);
	struct truth_call *call = call_begin(TRUTH_CALL_MALLOC, NULL, whole, PAGE);
	void *ptr = LIBC(pvalloc)(size);
	call_obtained(call, ptr);
	return ptr;
}

void ENTRY(free)(void *ptr)
{
	if (!ptr)
		return;
	if (!recording()) {
		LIBC(free)(ptr);
		return;
	}
	struct truth_call *call = call_begin(TRUTH_CALL_FREE, ptr, 0, 0);
	table_remove((uintptr_t)ptr);
	LIBC(free)(ptr);
	call_end(call);
}

// New in C23; a libc that has them would otherwise free behind our back.
void ENTRY(free_sized)(void *ptr, size_t size)
{
	(void)size;
	ENTRY(free)(ptr);
}

void ENTRY(free_aligned_sized)(void *ptr, size_t align, size_t size)
{
	(void)align;
	(void)size;
	ENTRY(free)(ptr);
}
