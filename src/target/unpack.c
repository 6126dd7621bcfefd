/* SPDX-License-Identifier: MIT */
#include "target/unpack.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zstd.h>

#include "base/alloc.h"
#include "base/text.h"
#include "target/available.h"
#include "target/spool.h"

enum {
	/* What is tested for zeros and left out as a whole. */
	PAGE = 4096,
	BUFFER = 1 << 20,
	/* How often the free space is asked for again: others write there too. */
	SPACE_CHECK = 64 << 20,
};

/* A result this long is unpacked whatever its source was, and further in proportion to that. (A gcore of 529 MB with little in it packed
   to 0.2 MB, 2600 : 1; zeros alone pack 32000 : 1.) */
static const uint64_t length_always = UINT64_C(256) << 30;
static const uint64_t length_ratio = 64;

struct sink {
	int fd;
	const char *dir;
	/* Position behind what was written or skipped. */
	uint64_t length, stored;
	uint64_t stored_limit;
	/* Where the free space is looked at next. */
	uint64_t next_check;
};

bool unpack_recognise(const uint8_t *bytes, size_t size)
{
	uint32_t magic;

	if (size < sizeof(magic))
		return false;
	memcpy(&magic, bytes, sizeof(magic));
	return magic == ZSTD_MAGICNUMBER || (magic & ZSTD_MAGIC_SKIPPABLE_MASK) == ZSTD_MAGIC_SKIPPABLE_START;
}

/* What may be stored without filling the directory: a sixteenth of what is free, at most 1 GiB, is left to the others. */
static uint64_t space_left(const char *dir)
{
	uint64_t left, memory;
	bool in_memory;

	if (!available_room(dir, &left, &in_memory))
		return UINT64_MAX;
	memory = available_memory();
	if (in_memory && memory < left)
		left = memory;
	return left - (left / 16 < UINT64_C(1) << 30 ? left / 16 : UINT64_C(1) << 30);
}

static struct error *no_room(const struct sink *sink)
{
	char stored[TEXT_NUMBER_MAX], left[TEXT_NUMBER_MAX];

	return error_create(ERROR_FORMAT,
			    "not enough room in %s to unpack the core: %s are written, %s more could be, and it goes on "
			    "(--spool DIR names another directory)",
			    sink->dir, text_bytes(stored, sink->stored, false),
			    text_bytes(left, space_left(sink->dir), false));
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
	uint64_t any = 0;
	size_t i = 0;

	for (; i + sizeof(any) <= size; i += sizeof(any)) {
		uint64_t word;

		memcpy(&word, bytes + i, sizeof(word));
		any |= word;
	}
	for (; i < size; i++)
		any |= bytes[i];
	return !any;
}

static struct error *sink_store(struct sink *sink, const uint8_t *bytes, size_t size, uint64_t offset)
{
	if (size > sink->stored_limit || sink->stored > sink->stored_limit - size)
		return no_room(sink);
	if (sink->stored >= sink->next_check) {
		if (space_left(sink->dir) < SPACE_CHECK)
			return no_room(sink);
		sink->next_check += SPACE_CHECK;
	}
	for (size_t done = 0; done < size;) {
		ssize_t put = pwrite(sink->fd, bytes + done, size - done, (off_t)(offset + done));

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0 && (errno == ENOSPC || errno == EDQUOT))
			return no_room(sink);
		if (put < 0)
			return error_os(errno, "the unpacked core cannot be written to %s", sink->dir);
		done += (size_t)put;
	}
	sink->stored += size;
	return NULL;
}

/* Takes the next bytes; each call but the last brings whole pages. Runs of zero pages are skipped. */
static struct error *sink_put(struct sink *sink, const uint8_t *bytes, size_t size)
{
	size_t run = 0;

	for (size_t at = 0; at < size;) {
		size_t page = size - at < PAGE ? size - at : PAGE;
		bool zero = is_zero(bytes + at, page);

		if (zero && run < at) {
			struct error *error = sink_store(sink, bytes + run, at - run, sink->length + run);

			if (error)
				return error;
		}
		at += page;
		if (zero)
			run = at;
	}
	if (run < size) {
		struct error *error = sink_store(sink, bytes + run, size - run, sink->length + run);

		if (error)
			return error;
	}
	sink->length += size;
	return NULL;
}

static struct error *too_long(const char *path, uint64_t limit)
{
	return error_create(ERROR_FORMAT, "%s: unpacks to more than %" PRIu64 " bytes, which no core of its size does", path, limit);
}

static void decoder_free(ZSTD_DStream **decoder)
{
	ZSTD_freeDStream(*decoder);
}

/* Feeds the whole file through the decoder. */
static struct error *decode(int fd, const char *path, struct sink *sink, uint64_t length_limit, char **incomplete_ret)
{
	_cleanup_free_ uint8_t *in = xmalloc(BUFFER);
	_cleanup_free_ uint8_t *out = xmalloc(BUFFER);
	_cleanup_(decoder_free) ZSTD_DStream *decoder = ZSTD_createDStream();
	ZSTD_bounds window = ZSTD_dParam_getBounds(ZSTD_d_windowLogMax);
	ZSTD_outBuffer output = { out, BUFFER, 0 };
	uint64_t offset = 0;
	size_t expected = 1;
	_cleanup_free_ char *incomplete = NULL;
	bool at_end = false;

	if (!decoder)
		return error_create(ERROR_FORMAT, "%s: cannot be unpacked: no memory for the decoder", path);
	// `zstd --long` asks for more than the default 128 MiB.
	if (!ZSTD_isError(window.error))
		ZSTD_DCtx_setParameter(decoder, ZSTD_d_windowLogMax, window.upperBound);

	while (!at_end && !incomplete) {
		ssize_t got = pread(fd, in, BUFFER, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_os(errno, "%s: cannot be read", path);

		ZSTD_inBuffer input = { in, (size_t)got, 0 };
		bool more = true;

		if (!offset) {
			unsigned long long announced = ZSTD_getFrameContentSize(in, (size_t)got);

			if (announced != ZSTD_CONTENTSIZE_UNKNOWN && announced != ZSTD_CONTENTSIZE_ERROR &&
			    announced > length_limit)
				return too_long(path, length_limit);
		}
		at_end = got == 0;
		while (more) {
			size_t before_in = input.pos, before_out = output.pos;

			expected = at_end && expected == 0 ? 0 : ZSTD_decompressStream(decoder, &output, &input);
			if (ZSTD_isError(expected)) {
				incomplete = xasprintf("it is damaged near byte %" PRIu64 " (%s)", offset + input.pos,
						       ZSTD_getErrorName(expected));
				break;
			}
			if (output.pos > length_limit || sink->length > length_limit - output.pos)
				return too_long(path, length_limit);

			bool full = output.pos == BUFFER;
			bool moved = input.pos != before_in || output.pos != before_out;

			if (full) {
				struct error *error = sink_put(sink, out, BUFFER);

				if (error)
					return error;
				output.pos = 0;
			}
			// What did not fit is still in the decoder, unless the frame ended just there.
			more = input.pos < input.size ? moved : full && expected != 0;
		}
		offset += (uint64_t)got;
	}
	if (!incomplete && expected != 0)
		incomplete = xstrdup("it is cut off");

	struct error *error = sink_put(sink, out, output.pos);

	if (error)
		return error;
	if (incomplete && !sink->length)
		return error_create(ERROR_FORMAT, "%s: cannot be unpacked: %s", path, incomplete);
	*incomplete_ret = take_pointer(incomplete);
	return NULL;
}

struct error *unpack_zstd(int fd, const char *path, const char *dir, const struct unpack_limits *limits,
			  struct unpacked *ret)
{
	struct sink sink = { 0 };
	struct stat source;
	_cleanup_close_ int to = -1;

	if (!dir)
		dir = getenv("TMPDIR");
	if (!dir || !*dir)
		dir = "/tmp";
	if (fstat(fd, &source) != 0)
		return error_os(errno, "%s: cannot be examined", path);

	struct error *error = spool_open(dir, &to);

	if (error)
		return error_context(error, "%s cannot be unpacked (--spool DIR names another directory)", path);

	uint64_t size = (uint64_t)source.st_size;
	uint64_t length_limit;

	if (__builtin_mul_overflow(size, length_ratio, &length_limit) || length_limit > INT64_MAX - length_always)
		length_limit = INT64_MAX - length_always;
	length_limit += length_always;

	sink.fd = to;
	sink.dir = dir;
	sink.next_check = SPACE_CHECK;
	sink.stored_limit = limits ? limits->stored : space_left(dir);
	if (limits)
		length_limit = limits->length;

	struct unpacked unpacked = { .fd = -1 };

	error = decode(fd, path, &sink, length_limit, &unpacked.incomplete);
	if (error)
		return error;
	if (ftruncate(to, (off_t)sink.length) != 0) {
		unpacked_deinit(&unpacked);
		return error_os(errno, "the unpacked core cannot be written to %s", dir);
	}
	unpacked.fd = take_fd(&to);
	unpacked.length = sink.length;
	unpacked.stored = sink.stored;
	*ret = unpacked;
	return NULL;
}

void unpacked_deinit(struct unpacked *unpacked)
{
	if (unpacked->fd >= 0)
		close(unpacked->fd);
	unpacked->fd = -1;
	free(unpacked->incomplete);
	unpacked->incomplete = NULL;
}
