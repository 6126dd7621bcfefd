/* SPDX-License-Identifier: MIT */
#include "debug/mini_debug.h"

#include <lzma.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "debug/elf_file.h"

enum {
	/** Far more than the symbols of any program; and what xz -9 needs to unpack, twice. Units: bytes. */
	UNPACKED_MAX = 64 << 20,
	MEMORY_MAX = 128 << 20,
	BUFFER = 64 << 10,
};

static bool write_all(int fd, const uint8_t *bytes, size_t size)
{
	while (size) {
		ssize_t written = write(fd, bytes, size);

		if (written <= 0)
			return false;
		bytes += written;
		size -= (size_t)written;
	}
	return true;
}

/* Unpacks one .xz stream; false when it is none, is not whole, or is too large. */
static bool unpack(const Elf_Data *packed, int fd)
{
	lzma_stream stream = LZMA_STREAM_INIT;
	uint8_t buffer[BUFFER];
	lzma_ret status = lzma_stream_decoder(&stream, MEMORY_MAX, 0);

	stream.next_in = packed->d_buf;
	stream.avail_in = packed->d_size;
	while (status == LZMA_OK) {
		stream.next_out = buffer;
		stream.avail_out = sizeof(buffer);
		status = lzma_code(&stream, LZMA_FINISH);
		if (stream.total_out > UNPACKED_MAX || !write_all(fd, buffer, sizeof(buffer) - stream.avail_out))
			break;
	}
	lzma_end(&stream);
	return status == LZMA_STREAM_END;
}

int mini_debug_unpack(Elf *elf)
{
	GElf_Shdr header;
	const Elf_Data *packed = section_bytes(section_named(elf, ".gnu_debugdata", &header));
	_cleanup_close_ int fd = packed ? memfd_create("heapsnap-debugdata", MFD_CLOEXEC) : -1;

	return fd >= 0 && unpack(packed, fd) ? take_fd(&fd) : -1;
}
