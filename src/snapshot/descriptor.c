/* SPDX-License-Identifier: MIT */
#include "snapshot/descriptor.h"

#include <errno.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"

enum {
	/** Pages that one read fetches: what is read is nearly always the next page. */
	AHEAD = 64,
};

struct file {
	/** SQLite's part comes first. */
	sqlite3_file base;
	int fd;
	bool writable;
	/** Of the first failure; 0 when there was none. A page whose sum was wrong counts from 1. */
	int errnum;
	uint64_t damaged;
	/** Pages [ahead_first, ahead_first + ahead_n) as they were read. Owned; NULL when writing. */
	uint8_t *ahead;
	uint64_t ahead_first, ahead_n;
};

static struct file *file_of(sqlite3_file *file)
{
	return (struct file *)file;
}

/* Two sums, each of which takes in the other, of words in the order of this machine: x86-64 and aarch64 are both little-endian. */
static void page_sum(const uint8_t *page, uint8_t sum[DESCRIPTOR_SUM])
{
	uint32_t a = 0, b = 0, words[2];

	for (size_t i = 0; i < DESCRIPTOR_PAGE - DESCRIPTOR_SUM; i += sizeof(words)) {
		memcpy(words, page + i, sizeof(words));
		a += words[0] + b;
		b += words[1] + a;
	}
	memcpy(sum, &a, sizeof(a));
	memcpy(sum + sizeof(a), &b, sizeof(b));
}

void descriptor_seal_page(uint8_t page[DESCRIPTOR_PAGE])
{
	page_sum(page, page + DESCRIPTOR_PAGE - DESCRIPTOR_SUM);
}

static bool is_sealed(const uint8_t *page)
{
	uint8_t sum[DESCRIPTOR_SUM];

	page_sum(page, sum);
	return !memcmp(sum, page + DESCRIPTOR_PAGE - DESCRIPTOR_SUM, sizeof(sum));
}

/* ---- the file, as SQLite wants it ---- */

static int io_close(sqlite3_file *base)
{
	free(file_of(base)->ahead);
	return SQLITE_OK;
}

/* How many bytes there were, up to size; -1 and errno on failure. */
static ssize_t read_at(int fd, uint8_t *bytes, size_t size, uint64_t offset)
{
	size_t done = 0;

	while (done < size) {
		ssize_t got = pread(fd, bytes + done, size - done, (off_t)(offset + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (!got)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

static int read_failed(struct file *file)
{
	if (!file->errnum)
		file->errnum = errno;
	return SQLITE_IOERR_READ;
}

static int read_piece(struct file *file, uint8_t *bytes, size_t size, uint64_t offset)
{
	ssize_t got = read_at(file->fd, bytes, size, offset);

	if (got < 0)
		return read_failed(file);
	memset(bytes + got, 0, size - (size_t)got);
	return (size_t)got < size ? SQLITE_IOERR_SHORT_READ : SQLITE_OK;
}

static int read_page(struct file *file, uint8_t *bytes, uint64_t page)
{
	if (page < file->ahead_first || page >= file->ahead_first + file->ahead_n) {
		ssize_t got = read_at(file->fd, file->ahead, AHEAD * DESCRIPTOR_PAGE,
				      page * DESCRIPTOR_PAGE);

		if (got < 0)
			return read_failed(file);
		file->ahead_first = page;
		file->ahead_n = (size_t)got / DESCRIPTOR_PAGE;
		if (!file->ahead_n) {
			memset(bytes, 0, DESCRIPTOR_PAGE);
			return SQLITE_IOERR_SHORT_READ;
		}
	}
	memcpy(bytes, file->ahead + (page - file->ahead_first) * DESCRIPTOR_PAGE, DESCRIPTOR_PAGE);
	if (is_sealed(bytes))
		return SQLITE_OK;
	if (!file->damaged)
		file->damaged = page + 1;
	return SQLITE_IOERR_DATA;
}

static int io_read(sqlite3_file *base, void *bytes, int size, sqlite3_int64 offset)
{
	struct file *file = file_of(base);

	if (offset < 0 || size < 0)
		return SQLITE_IOERR_READ;
	// Pieces of a page are read of the header alone; its page comes as a whole later.
	if (file->writable || size != DESCRIPTOR_PAGE || offset % DESCRIPTOR_PAGE)
		return read_piece(file, bytes, (size_t)size, (uint64_t)offset);
	return read_page(file, bytes, (uint64_t)offset / DESCRIPTOR_PAGE);
}

static int io_write(sqlite3_file *base, const void *bytes, int size, sqlite3_int64 offset)
{
	struct file *file = file_of(base);
	uint8_t page[DESCRIPTOR_PAGE];
	size_t done = 0;

	// Without a journal, SQLite writes whole pages and nothing else.
	if (!file->writable || size != DESCRIPTOR_PAGE || offset < 0 || offset % DESCRIPTOR_PAGE)
		return SQLITE_IOERR_WRITE;
	memcpy(page, bytes, sizeof(page));
	descriptor_seal_page(page);
	while (done < sizeof(page)) {
		ssize_t written = pwrite(file->fd, page + done, sizeof(page) - done,
					 (off_t)offset + (off_t)done);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0) {
			if (!file->errnum)
				file->errnum = written < 0 ? errno : EIO;
			return file->errnum == ENOSPC || file->errnum == EDQUOT
				       ? SQLITE_FULL
				       : SQLITE_IOERR_WRITE;
		}
		done += (size_t)written;
	}
	return SQLITE_OK;
}

static int io_truncate(sqlite3_file *base, sqlite3_int64 size)
{
	struct file *file = file_of(base);

	if (!file->writable || ftruncate(file->fd, (off_t)size))
		return SQLITE_IOERR_TRUNCATE;
	return SQLITE_OK;
}

static int io_sync(sqlite3_file *base, int flags)
{
	(void)base, (void)flags;
	return SQLITE_OK;
}

static int io_size(sqlite3_file *base, sqlite3_int64 *ret)
{
	struct stat status;

	if (fstat(file_of(base)->fd, &status))
		return SQLITE_IOERR_FSTAT;
	*ret = status.st_size;
	return SQLITE_OK;
}

static int io_lock(sqlite3_file *base, int level)
{
	(void)base, (void)level;
	return SQLITE_OK;
}

static int io_check_lock(sqlite3_file *base, int *ret)
{
	(void)base;
	*ret = 0;
	return SQLITE_OK;
}

static int io_control(sqlite3_file *base, int operation, void *argument)
{
	(void)base, (void)operation, (void)argument;
	return SQLITE_NOTFOUND;
}

static int io_sector_size(sqlite3_file *base)
{
	(void)base;
	return DESCRIPTOR_PAGE;
}

static int io_characteristics(sqlite3_file *base)
{
	// Immutable: SQLite looks for no journal and takes no locks.
	return file_of(base)->writable ? SQLITE_IOCAP_POWERSAFE_OVERWRITE : SQLITE_IOCAP_IMMUTABLE;
}

static const sqlite3_io_methods io_methods = {
	.iVersion = 1,
	.xClose = io_close,
	.xRead = io_read,
	.xWrite = io_write,
	.xTruncate = io_truncate,
	.xSync = io_sync,
	.xFileSize = io_size,
	.xLock = io_lock,
	.xUnlock = io_lock,
	.xCheckReservedLock = io_check_lock,
	.xFileControl = io_control,
	.xSectorSize = io_sector_size,
	.xDeviceCharacteristics = io_characteristics,
};

/* ---- the file system, which knows descriptors by their numbers ---- */

static int fs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags,
		   int *flags_ret)
{
	struct file *file = file_of(base);

	(void)vfs;
	base->pMethods = NULL;
	// Temporary files have no name; nothing that is done here needs one.
	if (!name || !(flags & SQLITE_OPEN_MAIN_DB))
		return SQLITE_CANTOPEN;
	*file = (struct file){ .base = { &io_methods },
			       .fd = atoi(name),
			       .writable = flags & SQLITE_OPEN_READWRITE };
	if (!file->writable)
		file->ahead = xmalloc(AHEAD * DESCRIPTOR_PAGE);
	if (flags_ret)
		*flags_ret = flags;
	return SQLITE_OK;
}

static int fs_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
	(void)vfs, (void)name, (void)sync;
	return SQLITE_OK;
}

static int fs_access(sqlite3_vfs *vfs, const char *name, int flags, int *ret)
{
	(void)vfs, (void)name, (void)flags;
	*ret = 0;
	return SQLITE_OK;
}

static int fs_full_name(sqlite3_vfs *vfs, const char *name, int size, char *ret)
{
	(void)vfs;
	snprintf(ret, (size_t)size, "%s", name);
	return SQLITE_OK;
}

static sqlite3_vfs *file_system(void)
{
	static sqlite3_vfs vfs = {
		.iVersion = 1,
		.szOsFile = sizeof(struct file),
		.mxPathname = 32,
		.zName = "heapsnap-descriptor",
		.xOpen = fs_open,
		.xDelete = fs_delete,
		.xAccess = fs_access,
		.xFullPathname = fs_full_name,
	};
	const sqlite3_vfs *host = sqlite3_vfs_find(NULL);

	vfs.xRandomness = host->xRandomness;
	vfs.xSleep = host->xSleep;
	vfs.xCurrentTime = host->xCurrentTime;
	sqlite3_vfs_register(&vfs, 0);
	return &vfs;
}

static struct error *open_database(int fd, int flags, sqlite3 **ret)
{
	sqlite3 *db = NULL;
	char name[16];

	snprintf(name, sizeof(name), "%d", fd);

	int code = sqlite3_open_v2(name, &db, flags | SQLITE_OPEN_PRIVATECACHE,
				   file_system()->zName);

	if (code == SQLITE_OK) {
		*ret = db;
		return NULL;
	}
	sqlite3_close(db);
	return code == SQLITE_NOMEM ? error_os(ENOMEM, "the database")
				    : error_create(ERROR_FORMAT, "%s", sqlite3_errstr(code));
}

struct error *descriptor_create(int fd, struct sqlite3 **ret)
{
	sqlite3 *db;
	struct error *error = open_database(fd, SQLITE_OPEN_READWRITE, &db);
	int sum = DESCRIPTOR_SUM;
	char *settings = xasprintf(
		"PRAGMA page_size = %d; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
		"PRAGMA locking_mode = EXCLUSIVE; PRAGMA temp_store = MEMORY;",
		DESCRIPTOR_PAGE);

	if (!error &&
	    (sqlite3_exec(db, settings, NULL, NULL, NULL) != SQLITE_OK ||
	     sqlite3_file_control(db, "main", SQLITE_FCNTL_RESERVE_BYTES, &sum) != SQLITE_OK)) {
		error = error_create(ERROR_FORMAT, "%s", sqlite3_errmsg(db));
		sqlite3_close(db);
	}
	free(settings);
	if (!error)
		*ret = db;
	return error;
}

struct error *descriptor_open(int fd, struct sqlite3 **ret)
{
	return open_database(fd, SQLITE_OPEN_READONLY, ret);
}

int descriptor_failure(struct sqlite3 *db, uint64_t *damaged_ret)
{
	sqlite3_file *base = NULL;

	*damaged_ret = 0;
	if (sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &base) != SQLITE_OK ||
	    !base || base->pMethods != &io_methods)
		return 0;
	*damaged_ret = file_of(base)->damaged;
	return file_of(base)->errnum;
}
