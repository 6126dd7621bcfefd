/* SPDX-License-Identifier: MIT */
#include "target/unpack.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zstd.h>

#include "base/alloc.h"
#include "unit.h"

enum {
	SIZE = (3 << 20) + 1234,
};

/* Bytes that do not pack well but for two long runs of zeros. */
static uint8_t *content_create(void)
{
	uint8_t *content = xmalloc(SIZE);
	uint32_t state = 1;

	for (size_t i = 0; i < SIZE; i++) {
		state = state * 1664525 + 1013904223;
		content[i] = (uint8_t)(state >> 24) | 1;
	}
	memset(content + 4096, 0, 1 << 20);
	memset(content + (2 << 20) + 100, 0, 500000);
	return content;
}

/* A file in memory that holds the bytes. */
static int file_with(const void *bytes, size_t size)
{
	int fd = memfd_create("packed", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, size), (ssize_t)size);
	return fd;
}

static uint8_t *pack(const uint8_t *content, size_t size, size_t *packed_size_ret)
{
	size_t bound = ZSTD_compressBound(size);
	uint8_t *packed = xmalloc(bound);

	*packed_size_ret = ZSTD_compress(packed, bound, content, size, 1);
	ck_assert(!ZSTD_isError(*packed_size_ret));
	return packed;
}

static void assert_content(const struct unpacked *unpacked, const uint8_t *content)
{
	uint8_t *got = xmalloc(unpacked->length + 1);

	ck_assert_int_eq(pread(unpacked->fd, got, unpacked->length + 1, 0), (ssize_t)unpacked->length);
	ck_assert_int_eq(memcmp(got, content, unpacked->length), 0);
	free(got);
}

START_TEST(what_was_packed_comes_back_with_its_zeros_as_holes)
{
	uint8_t *content = content_create();
	size_t size;
	uint8_t *packed = pack(content, SIZE, &size);
	int fd = file_with(packed, size);
	struct unpacked unpacked;
	struct stat status;

	ck_assert(unpack_recognise(packed, size));
	ck_assert_ptr_null(unpack_zstd(fd, "core.zst", NULL, NULL, &unpacked));
	ck_assert_uint_eq(unpacked.length, SIZE);
	ck_assert_ptr_null(unpacked.incomplete);
	assert_content(&unpacked, content);
	// All whole pages of zeros: 256 of the first run, 121 of the second.
	ck_assert_uint_eq(unpacked.stored, SIZE - 4096 * (256 + 121));
	ck_assert_int_eq(fstat(unpacked.fd, &status), 0);
	ck_assert_uint_eq(status.st_nlink, 0);
	ck_assert_uint_eq(status.st_mode & 0777, 0600);
	unpacked_deinit(&unpacked);
	close(fd);
	free(packed);
	free(content);
}
END_TEST

START_TEST(several_frames_and_skippable_ones_are_one_file)
{
	static const uint8_t skippable[] = { 0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3 };
	uint8_t *content = content_create();
	size_t one_size, two_size, half = 1 << 20;
	uint8_t *one = pack(content, half, &one_size), *two = pack(content + half, SIZE - half, &two_size);
	int fd = file_with(skippable, sizeof(skippable));
	struct unpacked unpacked;

	ck_assert(unpack_recognise(skippable, sizeof(skippable)));
	ck_assert_int_eq(write(fd, one, one_size), (ssize_t)one_size);
	ck_assert_int_eq(write(fd, two, two_size), (ssize_t)two_size);
	ck_assert_ptr_null(unpack_zstd(fd, "core.zst", NULL, NULL, &unpacked));
	ck_assert_uint_eq(unpacked.length, SIZE);
	ck_assert_ptr_null(unpacked.incomplete);
	assert_content(&unpacked, content);
	unpacked_deinit(&unpacked);
	close(fd);
	free(one);
	free(two);
	free(content);
}
END_TEST

START_TEST(a_length_that_fills_the_buffer_exactly_is_complete)
{
	// The decoder's output buffer is 1 MiB.
	for (size_t size = (1 << 20) - 1; size <= (1 << 20) + 1; size++) {
		uint8_t *content = content_create();
		size_t packed_size;
		uint8_t *packed = pack(content, size, &packed_size);
		int fd = file_with(packed, packed_size);
		struct unpacked unpacked;

		ck_assert_ptr_null(unpack_zstd(fd, "core.zst", NULL, NULL, &unpacked));
		ck_assert_uint_eq(unpacked.length, size);
		ck_assert_ptr_null(unpacked.incomplete);
		assert_content(&unpacked, content);
		unpacked_deinit(&unpacked);
		close(fd);
		free(packed);
		free(content);
	}
}
END_TEST

START_TEST(what_precedes_a_cut_is_kept)
{
	uint8_t *content = content_create();
	size_t size;
	uint8_t *packed = pack(content, SIZE, &size);
	uint64_t longest = 0;

	for (size_t cut = 0; cut < size; cut += cut < 64 ? 1 : 65537) {
		int fd = file_with(packed, cut);
		struct unpacked unpacked;
		struct error *error = unpack_zstd(fd, "core.zst", NULL, NULL, &unpacked);

		if (error) {
			ck_assert_int_eq(error->code, ERROR_FORMAT);
			ck_assert_ptr_nonnull(strstr(error->message, "core.zst: cannot be unpacked: it is cut off"));
			error_destroy(error);
		} else {
			ck_assert_str_eq(unpacked.incomplete, "it is cut off");
			ck_assert_uint_ge(unpacked.length, longest);
			longest = unpacked.length;
			assert_content(&unpacked, content);
			unpacked_deinit(&unpacked);
		}
		close(fd);
	}
	ck_assert_uint_gt(longest, SIZE / 2);
	free(packed);
	free(content);
}
END_TEST

START_TEST(damage_is_told_with_its_place)
{
	uint8_t *content = content_create();
	size_t size;
	uint8_t *packed = pack(content, SIZE, &size);
	struct unpacked unpacked;
	int fd;

	// Garbage after a whole frame.
	fd = file_with(packed, size);
	ck_assert_int_eq(write(fd, "garbage, and more of it", 23), 23);
	ck_assert_ptr_null(unpack_zstd(fd, "core.zst", NULL, NULL, &unpacked));
	ck_assert_uint_eq(unpacked.length, SIZE);
	ck_assert_ptr_nonnull(strstr(unpacked.incomplete, "it is damaged near byte "));
	assert_content(&unpacked, content);
	unpacked_deinit(&unpacked);
	close(fd);

	// A block type that does not exist, in the first block.
	packed[size / 2] ^= 0xff;
	memset(packed + 8, 0xff, 16);
	fd = file_with(packed, size);

	struct error *error = unpack_zstd(fd, "core.zst", NULL, NULL, &unpacked);

	ck_assert_ptr_nonnull(error);
	ck_assert_ptr_nonnull(strstr(error->message, "core.zst: cannot be unpacked: it is damaged near byte "));
	error_destroy(error);
	close(fd);
	free(packed);
	free(content);
}
END_TEST

START_TEST(limits_are_kept)
{
	uint8_t *content = content_create();
	size_t size;
	uint8_t *packed = pack(content, SIZE, &size);
	int fd = file_with(packed, size);
	struct unpack_limits short_length = { SIZE - 1, UINT64_MAX }, little_room = { UINT64_MAX, SIZE / 2 },
			     enough = { SIZE, SIZE - 4096 * (256 + 121) };
	struct unpacked unpacked;
	struct error *error = unpack_zstd(fd, "core.zst", NULL, &short_length, &unpacked);

	ck_assert_ptr_nonnull(error);
	ck_assert_ptr_nonnull(strstr(error->message, "core.zst: unpacks to more than 3146961 bytes"));
	error_destroy(error);

	error = unpack_zstd(fd, "core.zst", NULL, &little_room, &unpacked);
	ck_assert_ptr_nonnull(error);
	ck_assert_ptr_nonnull(strstr(error->message, "not enough room in "));
	ck_assert_ptr_nonnull(strstr(error->message, "--spool DIR"));
	error_destroy(error);

	ck_assert_ptr_null(unpack_zstd(fd, "core.zst", NULL, &enough, &unpacked));
	unpacked_deinit(&unpacked);
	close(fd);
	free(packed);
	free(content);
}
END_TEST

START_TEST(a_frame_that_claims_petabytes_is_refused_at_once)
{
	// Magic; frame header: 8-byte content size, single segment; 2^52 bytes.
	static const uint8_t bomb[] = { 0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 0, 0x10, 0, 1, 0, 0 };
	int fd = file_with(bomb, sizeof(bomb));
	struct unpacked unpacked;
	struct error *error = unpack_zstd(fd, "core.zst", NULL, NULL, &unpacked);

	ck_assert_ptr_nonnull(error);
	ck_assert_ptr_nonnull(strstr(error->message, "core.zst: unpacks to more than "));
	error_destroy(error);
	close(fd);
}
END_TEST

START_TEST(a_directory_that_is_not_there_is_named)
{
	uint8_t *content = content_create();
	size_t size;
	uint8_t *packed = pack(content, SIZE, &size);
	int fd = file_with(packed, size);
	struct unpacked unpacked;
	struct error *error = unpack_zstd(fd, "core.zst", "/nonexistent/spool", NULL, &unpacked);

	ck_assert_ptr_nonnull(error);
	ck_assert_int_eq(error->code, ERROR_OS);
	ck_assert_ptr_nonnull(strstr(error->message, "/nonexistent/spool"));
	error_destroy(error);
	close(fd);
	free(packed);
	free(content);
}
END_TEST

START_TEST(other_bytes_are_not_recognised)
{
	ck_assert(!unpack_recognise((const uint8_t *)"\x7f"
						     "ELF",
				    4));
	ck_assert(!unpack_recognise((const uint8_t *)"\x28\xb5\x2f", 3));
	ck_assert(!unpack_recognise((const uint8_t *)"", 0));
}
END_TEST

UNIT_SUITE("unpack", what_was_packed_comes_back_with_its_zeros_as_holes, several_frames_and_skippable_ones_are_one_file,
	   a_length_that_fills_the_buffer_exactly_is_complete, what_precedes_a_cut_is_kept, damage_is_told_with_its_place, limits_are_kept,
	   a_frame_that_claims_petabytes_is_refused_at_once, a_directory_that_is_not_there_is_named, other_bytes_are_not_recognised)
