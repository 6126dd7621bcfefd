/* SPDX-License-Identifier: MIT */
#include "debug/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/cursor.h"

enum {
	MAGIC_SIZE = 8,
	/** Magic and checksum. */
	HEAD_SIZE = MAGIC_SIZE + 8,
	/** The most that is got for a little of time. */
	LEVEL = 1,
	NAME_MAX_ = 64,
	/** Files of the directory that are looked at. */
	FILES_MAX = 1 << 14,
	/** From then on a file that is being written belongs to a run that died. Units: s. */
	LEFT_BEHIND = 3600,
};

static const char magic[MAGIC_SIZE + 1] = "hscache1";
static const char temporary_prefix[] = "new-";

struct cache_column {
	uint32_t tag, element_size;
	uint64_t n;
	/** Owned while it is being written, else in the bytes of the entry. */
	uint8_t *packed;
	size_t packed_size, capacity;
	ZSTD_CStream *stream;
};

/* Four streams of multiplications, that the processor does side by side. Not against an adversary: files that others may write are not read at all. */
static uint64_t checksum_of(const uint8_t *bytes, size_t size)
{
	uint64_t sums[4] = { size, 1, 2, 3 }, words[4], sum = 0;

	for (; size >= sizeof(words); bytes += sizeof(words), size -= sizeof(words)) {
		memcpy(words, bytes, sizeof(words));
		for (int i = 0; i < 4; i++)
			sums[i] = (sums[i] ^ words[i]) * UINT64_C(0x9e3779b97f4a7c15) ^ sums[i] >> 31;
	}
	memset(words, 0, sizeof(words));
	memcpy(words, bytes, size);
	for (int i = 0; i < 4; i++) {
		sums[i] = (sums[i] ^ words[i]) * UINT64_C(0x9e3779b97f4a7c15);
		sum = (sum ^ sums[i] ^ sums[i] >> 29) * UINT64_C(0xff51afd7ed558ccd);
	}
	return sum ^ sum >> 32;
}

/* ---- columns ---- */

static void column_end(struct cache_column *column)
{
	size_t left = 1;

	while (column->stream && left && !ZSTD_isError(left)) {
		ZSTD_outBuffer out;

		if (column->capacity - column->packed_size < 4096)
			column->packed = xreallocarray(column->packed, column->capacity += column->capacity / 2 + 8192, 1);
		out = (ZSTD_outBuffer){ column->packed, column->capacity, column->packed_size };
		left = ZSTD_endStream(column->stream, &out);
		column->packed_size = out.pos;
	}
	ZSTD_freeCStream(take_pointer(column->stream));
}

void cache_column_begin(struct cache_entry *entry, uint32_t tag, size_t element_size)
{
	struct cache_column column = { .tag = tag, .element_size = (uint32_t)element_size, .stream = ZSTD_createCStream() };

	if (!column.stream)
		out_of_memory();
	ZSTD_initCStream(column.stream, LEVEL);
	if (entry->columns.n)
		column_end(&entry->columns.v[entry->columns.n - 1]);
	array_append(&entry->columns, column);
}

void cache_column_add(struct cache_entry *entry, const void *elements, size_t n)
{
	struct cache_column *column = &entry->columns.v[entry->columns.n - 1];
	ZSTD_inBuffer in = { elements, n * column->element_size, 0 };

	column->n += n;
	while (in.pos < in.size) {
		ZSTD_outBuffer out;

		if (column->capacity - column->packed_size < 4096)
			column->packed = xreallocarray(column->packed, column->capacity += column->capacity / 2 + 8192, 1);
		out = (ZSTD_outBuffer){ column->packed, column->capacity, column->packed_size };
		if (ZSTD_isError(ZSTD_compressStream(column->stream, &out, &in)))
			out_of_memory();
		column->packed_size = out.pos;
	}
}

void *cache_column_get(const struct cache_entry *entry, uint32_t tag, size_t element_size, size_t *n_ret)
{
	const struct cache_column *column = NULL;
	uint64_t size;
	void *bytes;
	size_t got;

	for (size_t i = 0; i < entry->columns.n && !column; i++)
		column = entry->columns.v[i].tag == tag ? &entry->columns.v[i] : NULL;
	if (!column || column->element_size != element_size || __builtin_mul_overflow(column->n, element_size, &size) || size > CACHE_ENTRY_MAX)
		return NULL;
	bytes = xmalloc((size_t)size + 1);
	got = ZSTD_decompress(bytes, (size_t)size, column->packed, column->packed_size);
	if (ZSTD_isError(got) || got != size) {
		free(bytes);
		return NULL;
	}
	*n_ret = (size_t)column->n;
	return bytes;
}

void cache_entry_deinit(struct cache_entry *entry)
{
	for (size_t i = 0; i < entry->columns.n; i++) {
		struct cache_column *column = &entry->columns.v[i];

		ZSTD_freeCStream(column->stream);
		if (!entry->bytes)
			free(column->packed);
	}
	array_deinit(&entry->columns);
	free(entry->bytes);
	*entry = (struct cache_entry){ .bytes = NULL };
}

/* ---- the file ---- */

typedef ARRAY(uint8_t) byte_array;

static void bytes_add(byte_array *bytes, const void *more, size_t size)
{
	array_reserve(bytes, size);
	memcpy(bytes->v + bytes->n, more, size);
	bytes->n += size;
}

static void number_add(byte_array *bytes, uint64_t number, size_t size)
{
	bytes_add(bytes, &number, size);
}

uint8_t *cache_store_bytes(const char *identity, struct cache_entry *entry, size_t *size_ret)
{
	byte_array bytes = { .v = NULL };
	size_t length = strlen(identity);

	if (entry->columns.n)
		column_end(&entry->columns.v[entry->columns.n - 1]);
	bytes_add(&bytes, magic, MAGIC_SIZE);
	number_add(&bytes, 0, 8);
	number_add(&bytes, CACHE_VERSION, 4);
	number_add(&bytes, entry->columns.n, 4);
	number_add(&bytes, length, 8);
	bytes_add(&bytes, identity, length);
	for (size_t i = 0; i < entry->columns.n; i++) {
		const struct cache_column *column = &entry->columns.v[i];

		number_add(&bytes, column->tag, 4);
		number_add(&bytes, column->element_size, 4);
		number_add(&bytes, column->n, 8);
		number_add(&bytes, column->packed_size, 8);
		bytes_add(&bytes, column->packed, column->packed_size);
	}

	uint64_t checksum = checksum_of(bytes.v + HEAD_SIZE, bytes.n - HEAD_SIZE);

	memcpy(bytes.v + MAGIC_SIZE, &checksum, sizeof(checksum));
	*size_ret = bytes.n;
	return bytes.v;
}

/* Finds the columns in the bytes. */
static bool columns_read(struct cache_entry *entry, const char *identity)
{
	struct cursor at = cursor_of(entry->bytes, entry->size, HEAD_SIZE);
	uint64_t version = cursor_number(&at, 4), n = cursor_number(&at, 4), length = cursor_number(&at, 8);
	const uint8_t *known = at.at;

	if (at.failed || version != CACHE_VERSION || n > CACHE_COLUMNS_MAX || length != strlen(identity))
		return false;
	cursor_skip(&at, length);
	if (at.failed || memcmp(known, identity, length) != 0)
		return false;
	for (uint64_t i = 0; i < n; i++) {
		struct cache_column column = { .tag = (uint32_t)cursor_number(&at, 4), .element_size = (uint32_t)cursor_number(&at, 4) };

		column.n = cursor_number(&at, 8);
		column.packed_size = cursor_number(&at, 8);
		column.packed = (uint8_t *)at.at;
		cursor_skip(&at, column.packed_size);
		if (at.failed)
			return false;
		array_append(&entry->columns, column);
	}
	return cursor_left(&at) == 0;
}

bool cache_load_bytes(uint8_t *bytes, size_t size, const char *identity, bool repair, struct cache_entry *ret)
{
	struct cache_entry entry = { .bytes = bytes, .size = size };
	uint64_t checksum;

	if (size >= HEAD_SIZE && memcmp(bytes, magic, MAGIC_SIZE) == 0) {
		memcpy(&checksum, bytes + MAGIC_SIZE, sizeof(checksum));
		if ((repair || checksum == checksum_of(bytes + HEAD_SIZE, size - HEAD_SIZE)) && columns_read(&entry, identity)) {
			*ret = entry;
			return true;
		}
	}
	cache_entry_deinit(&entry);
	return false;
}

/* ---- the directory ---- */

char *cache_directory(void)
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");

	// The specification wants a relative path to be ignored.
	if (cache && cache[0] == '/')
		return xasprintf("%s/heapsnap", cache);
	return home && home[0] == '/' ? xasprintf("%s/.cache/heapsnap", home) : NULL;
}

/* Whether nobody else can have written it. */
static bool is_ours(const struct stat *status)
{
	return status->st_uid == geteuid() && !(status->st_mode & (S_IWGRP | S_IWOTH));
}

/* Opens the directory, made when it is not there and is wanted; -1 when it is none, or not ours alone. */
static int directory_open(const char *directory, bool make)
{
	const char *slash = strrchr(directory, '/');
	struct stat status;

	if (make && slash && slash != directory) {
		_cleanup_free_ char *parent = xstrndup(directory, (size_t)(slash - directory));

		if (mkdir(parent, 0700) != 0 && errno != EEXIST)
			return -1;
		if (mkdir(directory, 0700) != 0 && errno != EEXIST)
			return -1;
	}

	_cleanup_close_ int fd = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &status) != 0)
		return -1;
	if (!is_ours(&status)) {
		errno = EPERM;
		return -1;
	}
	return take_fd(&fd);
}

static void file_name(char name[NAME_MAX_], const char *kind, const char *identity)
{
	size_t length = strlen(identity);

	snprintf(name, NAME_MAX_, "%.16s-%016" PRIx64, kind, checksum_of((const uint8_t *)identity, length));
}

bool cache_load(const char *directory, const char *kind, const char *identity, struct cache_entry *ret)
{
	_cleanup_close_ int dir = directory_open(directory, false);
	char name[NAME_MAX_];
	struct stat status;

	if (dir < 0)
		return false;
	file_name(name, kind, identity);

	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || !is_ours(&status) || status.st_size < HEAD_SIZE ||
	    (uint64_t)status.st_size > CACHE_SIZE_MAX)
		return false;

	size_t size = (size_t)status.st_size, at = 0;
	uint8_t *bytes = xmalloc(size);

	while (at < size) {
		ssize_t n = read(fd, bytes + at, size - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		at += (size_t)n;
	}
	if (!cache_load_bytes(bytes, at, identity, false, ret))
		return false;
	// When it was used last.
	futimens(fd, NULL);
	return true;
}

struct kept_file {
	char name[NAME_MAX_];
	struct timespec used;
	uint64_t size;
};

static int kept_compare(const void *a, const void *b)
{
	const struct kept_file *left = a, *right = b;

	if (left->used.tv_sec != right->used.tv_sec)
		return left->used.tv_sec < right->used.tv_sec ? -1 : 1;
	if (left->used.tv_nsec != right->used.tv_nsec)
		return left->used.tv_nsec < right->used.tv_nsec ? -1 : 1;
	return strcmp(left->name, right->name);
}

/* Removes what was used longest ago, until so many bytes are left at most. Only files are touched that are named as ours are. */
static void directory_trim(int dir, uint64_t room)
{
	_cleanup_closedir_ DIR *stream = fdopendir(fcntl(dir, F_DUPFD_CLOEXEC, 0));
	ARRAY(struct kept_file) files = { .v = NULL };
	time_t now = time(NULL);
	uint64_t total = 0;

	for (struct dirent *entry; stream && files.n < FILES_MAX && (entry = readdir(stream)) != NULL;) {
		bool is_temporary = strncmp(entry->d_name, temporary_prefix, strlen(temporary_prefix)) == 0;
		struct kept_file file;
		struct stat status;

		if ((!is_temporary && strncmp(entry->d_name, "types-", 6) != 0 && strncmp(entry->d_name, "code-", 5) != 0) ||
		    strlen(entry->d_name) >= sizeof(file.name) || fstatat(dir, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(status.st_mode))
			continue;
		if (is_temporary) {
			if (now - status.st_mtime > LEFT_BEHIND)
				unlinkat(dir, entry->d_name, 0);
			continue;
		}
		strcpy(file.name, entry->d_name);
		file.used = status.st_mtim;
		file.size = (uint64_t)status.st_size;
		total += file.size;
		array_append(&files, file);
	}
	if (files.n)
		qsort(files.v, files.n, sizeof(*files.v), kept_compare);
	for (size_t i = 0; i < files.n && total > room; i++) {
		unlinkat(dir, files.v[i].name, 0);
		total -= files.v[i].size;
	}
	array_deinit(&files);
}

static struct error *file_write(int dir, const char *name, const uint8_t *bytes, size_t size)
{
	char temporary[NAME_MAX_];
	int errnum = 0;

	snprintf(temporary, sizeof(temporary), "%s%d-%.40s", temporary_prefix, (int)getpid(), name);

	int fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return error_os(errno, "%s", temporary);
	for (size_t at = 0; at < size && !errnum;) {
		ssize_t n = write(fd, bytes + at, size - at);

		if (n < 0 && errno != EINTR)
			errnum = errno;
		else if (n > 0)
			at += (size_t)n;
	}
	if (close(fd) != 0 && !errnum)
		errnum = errno;
	if (!errnum && renameat(dir, temporary, dir, name) != 0)
		errnum = errno;
	if (errnum) {
		unlinkat(dir, temporary, 0);
		return error_os(errnum, "%s", name);
	}
	return NULL;
}

struct error *cache_store(const char *directory, const char *kind, const char *identity, struct cache_entry *entry)
{
	_cleanup_close_ int dir = directory_open(directory, true);
	char name[NAME_MAX_];
	size_t size;

	if (dir < 0)
		return error_os(errno, "%s", directory);
	if (strlen(identity) > CACHE_IDENTITY_MAX)
		return error_create(ERROR_UNSUPPORTED, "too many modules to be told by");

	_cleanup_free_ uint8_t *bytes = cache_store_bytes(identity, entry, &size);

	if (size > CACHE_SIZE_MAX / 4)
		return error_create(ERROR_UNSUPPORTED, "%zu bytes are too much to keep", size);
	file_name(name, kind, identity);
	directory_trim(dir, CACHE_SIZE_MAX - size);
	return file_write(dir, name, bytes, size);
}
