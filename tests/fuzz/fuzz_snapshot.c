/* SPDX-License-Identifier: MIT */
/*
 * A snapshot file, through snapshot_read() and on into the reports. The checksums of its pages are set right first: they keep accidents out, not people.
 */
#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "graph_snapshot.h"
#include "snapshot/descriptor.h"
#include "snapshot/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void print_all(const struct snapshot *snapshot)
{
	for (enum format format = FORMAT_TEXT; format <= FORMAT_CSV; format++) {
		struct writer_options options = { .format = format,
						  .fd = open("/dev/null", O_WRONLY | O_CLOEXEC),
						  .width = 80 };
		struct writer *writer = writer_create(&options);

		writer_begin(writer, "fuzz");
		print_everything(writer, snapshot);
		error_destroy(writer_finish(writer));
		writer_destroy(writer);
		close(options.fd);
	}
}

/* Reads it with some of its parts, and prints what came of it. */
static void read_parts(const char *name, unsigned parts)
{
	enum { MEMORY = 64 << 20 };
	struct snapshot snapshot;
	struct error *error = snapshot_read(name, parts, MEMORY, &snapshot);

	if (error) {
		assert(error->message[0]);
		error_destroy(error);
		return;
	}
	assert(snapshot_recognise(name));

	char *complaint = chunks_verify(&snapshot.heap.chunks);

	assert(!complaint);
	print_all(&snapshot);
	snapshot_deinit(&snapshot);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *bytes = malloc(size + 1);
	char name[64];
	int fd = memfd_create("snapshot", MFD_CLOEXEC);

	if (!bytes || fd < 0)
		abort();
	if (size)
		memcpy(bytes, data, size);
	for (size_t i = 0; i + DESCRIPTOR_PAGE <= size; i += DESCRIPTOR_PAGE)
		descriptor_seal_page(bytes + i);
	if (write(fd, bytes, size) != (ssize_t)size)
		abort();
	free(bytes);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);

	read_parts(name, 0);
	read_parts(name, SNAPSHOT_EVERYTHING);
	close(fd);
	return 0;
}
