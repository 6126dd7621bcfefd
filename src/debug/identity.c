/* SPDX-License-Identifier: MIT */
#include "debug/identity.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "debug/cache.h"
#include "debug/dwarf.h"
#include "debug/modules.h"
#include "target/elf_headers.h"

static void file_print(FILE *stream, const char *what, int fd)
{
	struct stat status;

	if (fd >= 0 && fstat(fd, &status) == 0)
		fprintf(stream, " %s %" PRIx64 ":%" PRIx64 ":%" PRIx64 ":%" PRIx64 ".%lx", what, (uint64_t)status.st_dev, (uint64_t)status.st_ino,
			(uint64_t)status.st_size, (uint64_t)status.st_mtim.tv_sec, (unsigned long)status.st_mtim.tv_nsec);
}

char *modules_identity(struct modules *modules)
{
	char *text = NULL, id[BUILD_ID_TEXT_MAX];
	size_t size;
	FILE *stream = open_memstream(&text, &size);
	bool is_known = stream != NULL;
	int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	// Another build may read the same files in another way.
	if (stream)
		file_print(stream, "reader", self);
	cleanup_close(&self);
	for (size_t i = 0; stream && i < modules->v.n; i++) {
		struct module *module = &modules->v.v[i];
		struct build_id build_id;

		if (!module->elf) {
			fprintf(stream, "none\n");
			continue;
		}
		is_known = module_build_id(modules, module, &build_id);
		if (!is_known)
			break;
		build_id_text(id, &build_id);
		fputs(id, stream);
		file_print(stream, "file", module->fd);

		const struct dwarf_file *file = module_dwarf_found(modules, module);

		file_print(stream, "debug", module->debug_fd);
		if (file)
			file_print(stream, "shared", file->shared_fd);
		fprintf(stream, file ? "\n" : " undescribed\n");
	}
	if (stream && fclose(stream) == 0 && is_known)
		return text;
	free(text);
	return NULL;
}

void modules_keep(struct modules *modules, const char *kind, const char *identity, struct cache_entry *entry)
{
	_cleanup_error_ struct error *error = cache_store(modules->options.cache_dir, kind, identity, entry);

	if (error && !modules->cache_trouble)
		modules->cache_trouble = xstrdup(error->message);
}
