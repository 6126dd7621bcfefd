/* SPDX-License-Identifier: MIT */
#include "target/mapped_file.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	/* Cores open at one time; one is usual, two when they are compared. */
	GUARDS_MAX = 16,
	NAME_MAX_SHOWN = 512,
};

/* What the handler looks at. It may run in any thread at any moment, so entries are static and published by their start. */
struct guard {
	_Atomic uintptr_t start, end;
	/* Composed beforehand: a signal handler may not format. */
	char message[NAME_MAX_SHOWN + 128];
	atomic_size_t length;
};

static struct guard guards[GUARDS_MAX];
static struct sigaction previous;

static void on_bus_error(int number, siginfo_t *info, void *context)
{
	uintptr_t address = (uintptr_t)info->si_addr;

	(void)number;
	(void)context;
	for (size_t i = 0; i < GUARDS_MAX; i++) {
		uintptr_t start = atomic_load(&guards[i].start);

		if (!start || address < start || address >= atomic_load(&guards[i].end))
			continue;
		if (write(STDERR_FILENO, guards[i].message, atomic_load(&guards[i].length)) < 0)
			_exit(3);
		_exit(3);
	}
	// Not ours: the access is repeated under whatever was there before us.
	sigaction(SIGBUS, &previous, NULL);
}

static void handler_install(void)
{
	struct sigaction action = { .sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO }, old;

	sigemptyset(&action.sa_mask);
	if (sigaction(SIGBUS, &action, &old) == 0 && old.sa_sigaction != on_bus_error)
		previous = old;
}

/* Takes a free entry; -1 when all are taken (the file is then read without a guard). */
static int guard_take(const uint8_t *bytes, uint64_t size, const char *name)
{
	for (int i = 0; i < GUARDS_MAX; i++) {
		struct guard *guard = &guards[i];

		if (atomic_load(&guard->start))
			continue;

		int length = snprintf(guard->message, sizeof(guard->message),
				      "heapsnap: %.*s: a part of the file is gone (it was cut short while it was read, or its disk failed)\n",
				      NAME_MAX_SHOWN, name);

		atomic_store(&guard->length, length > 0 ? (size_t)length : 0);
		atomic_store(&guard->end, (uintptr_t)bytes + size);
		atomic_store(&guard->start, (uintptr_t)bytes);
		handler_install();
		return i;
	}
	return -1;
}

struct error *mapped_file_init(struct mapped_file *file, int fd, uint64_t size, const char *name)
{
	if (size > SIZE_MAX)
		return error_create(ERROR_FORMAT, "%s: too long to be mapped", name);

	void *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_NORESERVE, fd, 0);

	if (bytes == MAP_FAILED)
		return error_os(errno, "%s: cannot be mapped", name);
	file->bytes = bytes;
	file->size = size;
	file->guard = guard_take(bytes, size, name);
	return NULL;
}

void mapped_file_deinit(struct mapped_file *file)
{
	if (!file->bytes)
		return;
	if (file->guard >= 0)
		atomic_store(&guards[file->guard].start, 0);
	munmap((void *)(uintptr_t)file->bytes, file->size);
	memset(file, 0, sizeof(*file));
}
