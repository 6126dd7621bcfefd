/* SPDX-License-Identifier: MIT */
#include "debug/debug_files.h"

#include <elf.h>
#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "debug/elf_file.h"
#include "debug/mini_debug.h"

enum {
	NAME_LENGTH_MAX = 4096,
};

/** Bytes of a file whose CRC is computed. */
#define CRC_LENGTH_MAX (UINT64_C(4) << 30)

static bool elf_has_dwarf(Elf *elf)
{
	GElf_Shdr header;

	return section_named(elf, ".debug_info", &header) || section_named(elf, ".zdebug_info", &header);
}

static bool elf_has_symbols(Elf *elf)
{
	GElf_Shdr header;

	return section_named(elf, ".symtab", &header) != NULL;
}

/* The CRC of .gnu_debuglink: CRC-32 of IEEE 802.3, as zlib has it. Source: gdb manual, «Debug Link». */
static bool file_crc(int fd, uint64_t length, uint32_t *ret)
{
	uint32_t table[256], crc = UINT32_MAX;
	unsigned char buffer[16384];

	if (length > CRC_LENGTH_MAX)
		return false;
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t value = i;

		for (int bit = 0; bit < 8; bit++)
			value = value & 1 ? 0xedb88320 ^ (value >> 1) : value >> 1;
		table[i] = value;
	}
	for (uint64_t at = 0; at < length;) {
		size_t n = length - at < sizeof(buffer) ? (size_t)(length - at) : sizeof(buffer);

		if (!elf_get_file(&fd, at, buffer, n))
			return false;
		for (size_t i = 0; i < n; i++)
			crc = table[(crc ^ buffer[i]) & 0xff] ^ (crc >> 8);
		at += n;
	}
	*ret = ~crc;
	return true;
}

/* Opens what a stranger's path names. The name may be that of a FIFO, which must not make us wait, or of a terminal. */
static int regular_file_open(const char *path, struct stat *ret)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	return fd >= 0 && fstat(fd, ret) == 0 && S_ISREG(ret->st_mode) ? take_fd(&fd) : -1;
}

static bool elf_has_build_id(Elf *elf, const struct build_id *build_id)
{
	const void *bytes;

	// By its sections: the program headers of a debug file may still say where its notes lay in the module.
	return dwelf_elf_gnu_build_id(elf, &bytes) == (ssize_t)build_id->size && memcmp(bytes, build_id->bytes, build_id->size) == 0;
}

/* What identifies the separate debug file of a module. */
struct debug_wanted {
	struct module *module;
	/** Size 0 when the module has none: then the CRC decides. */
	struct build_id build_id;
	/** .gnu_debuglink, NULL for none. */
	const char *link;
	uint32_t crc;
};

static bool debug_file_is_wanted(const struct debug_wanted *wanted, Elf *elf, int fd, uint64_t length)
{
	uint32_t crc;

	if (wanted->build_id.size > 0)
		return elf_has_build_id(elf, &wanted->build_id);
	return wanted->link && file_crc(fd, length, &crc) && crc == wanted->crc;
}

/* Opens a path and makes it the module's debug file if it is the right one. Takes the path. */
static bool debug_file_try(const struct debug_wanted *wanted, char *path_taken)
{
	_cleanup_free_ char *path = path_taken;
	struct module *module = wanted->module;
	struct stat own, other;
	_cleanup_close_ int fd = regular_file_open(path, &other);
	_cleanup_elf_headers_ struct elf_headers headers = {0};

	// A debug link may name the very file it stands in.
	if (fd < 0 || (fstat(module->fd, &own) == 0 && own.st_dev == other.st_dev && own.st_ino == other.st_ino))
		return false;
	if (!elf_headers_loadable(fd, module->machine, &headers))
		return false;
	Elf *elf = elf_file_open(fd, (uint64_t)other.st_size, &headers.ehdr);
	if (!elf)
		return false;
	if (!debug_file_is_wanted(wanted, elf, fd, (uint64_t)other.st_size) || (!elf_has_dwarf(elf) && !elf_has_symbols(elf))) {
		elf_end(elf);
		return false;
	}
	module->debug_elf = elf;
	module->debug_path = take_pointer(path);
	module->debug_fd = take_fd(&fd);
	return true;
}

typedef ARRAY(char *) string_array;

static void string_array_deinit(string_array *strings)
{
	for (size_t i = 0; i < strings->n; i++)
		free(strings->v[i]);
	array_deinit(strings);
}

/* Where the target's own paths may start, best first: «/proc/4711/root», the sysroot, «». */
static void roots_list(const struct modules *modules, string_array *ret)
{
	const struct target *target = modules->target;

	if (target->kind == TARGET_LIVE && target->pid > 0)
		array_append(ret, xasprintf("/proc/%d/root", (int)target->pid));
	if (modules->options.sysroot)
		array_append(ret, xstrdup(modules->options.sysroot));
	array_append(ret, xstrdup(""));
}

/* The debug directories, best first. */
static void debug_dirs_list(const struct modules *modules, const string_array *roots, string_array *ret)
{
	const char *from = modules->options.debug_path;

	if (!from) {
		for (size_t i = 0; i < roots->n; i++)
			array_append(ret, xasprintf("%s/usr/lib/debug", roots->v[i]));
		return;
	}
	while (*from) {
		size_t length = strcspn(from, ":");

		if (length > 0)
			array_append(ret, xstrndup(from, length));
		from += length;
		from += *from == ':';
	}
}

/* Where a debug directory has the file with a build ID. Owner: the caller. */
static char *build_id_path(const char *dir, const struct build_id *build_id)
{
	char text[BUILD_ID_TEXT_MAX];

	build_id_text(text, build_id);
	return xasprintf("%s/.build-id/%.2s/%s.debug", dir, text, text + 2);
}

static bool debug_file_by_build_id(const struct debug_wanted *wanted, const string_array *dirs)
{
	if (wanted->build_id.size < 2)
		return false;
	for (size_t i = 0; i < dirs->n; i++) {
		if (debug_file_try(wanted, build_id_path(dirs->v[i], &wanted->build_id)))
			return true;
	}
	return false;
}

/* Reads .gnu_debuglink: a name, padding to four bytes, the CRC. */
static bool debug_link_read(Elf *elf, const char **name_ret, uint32_t *crc_ret)
{
	GElf_Shdr header;
	const Elf_Data *data = section_bytes(section_named(elf, ".gnu_debuglink", &header));

	if (!data || data->d_size > NAME_LENGTH_MAX)
		return false;
	const char *name = data->d_buf;
	size_t length = strnlen(name, data->d_size);
	size_t at = (length + 4) & ~(size_t)3;
	if (length == 0 || at + 4 > data->d_size || strchr(name, '/'))
		return false;
	memcpy(crc_ret, name + at, 4);
	*name_ret = name;
	return true;
}

static bool debug_file_by_link(const struct debug_wanted *wanted, const string_array *roots, const string_array *dirs)
{
	const char *path = wanted->module->path;
	const char *slash = strrchr(path, '/');

	if (!wanted->link || !slash || path[0] != '/')
		return false;
	int length = slash - path < NAME_LENGTH_MAX ? (int)(slash - path) : NAME_LENGTH_MAX;
	for (size_t i = 0; i < roots->n; i++) {
		if (debug_file_try(wanted, xasprintf("%s%.*s/%s", roots->v[i], length, path, wanted->link)) ||
		    debug_file_try(wanted, xasprintf("%s%.*s/.debug/%s", roots->v[i], length, path, wanted->link)))
			return true;
	}
	for (size_t i = 0; i < dirs->n; i++) {
		if (debug_file_try(wanted, xasprintf("%s%.*s/%s", dirs->v[i], length, path, wanted->link)))
			return true;
	}
	return false;
}

/* What debuginfod-find, gdb and others have downloaded for this user: CACHE/BUILDID/debuginfo. Source: debuginfod_find_debuginfo(3), «CACHE». */
static bool debug_file_downloaded(const struct debug_wanted *wanted)
{
	const char *cache = getenv("DEBUGINFOD_CACHE_PATH"), *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	char id[BUILD_ID_TEXT_MAX];

	if (wanted->build_id.size < 2)
		return false;
	build_id_text(id, &wanted->build_id);
	if (cache && cache[0] == '/')
		return debug_file_try(wanted, xasprintf("%s/%s/debuginfo", cache, id));
	if (base && base[0] == '/' && debug_file_try(wanted, xasprintf("%s/debuginfod_client/%s/debuginfo", base, id)))
		return true;
	// The last was the place of the first versions, and still is where it is there.
	return home && home[0] == '/' && (debug_file_try(wanted, xasprintf("%s/.cache/debuginfod_client/%s/debuginfo", home, id)) ||
					  debug_file_try(wanted, xasprintf("%s/.debuginfod_client_cache/%s/debuginfo", home, id)));
}

/* Symbols that the module has packed inside. */
static void mini_debug_open(struct module *module)
{
	_cleanup_close_ int fd = mini_debug_unpack(module->elf);
	_cleanup_elf_headers_ struct elf_headers headers = {0};
	struct stat status;

	if (fd < 0 || fstat(fd, &status) != 0 || !elf_headers_loadable(fd, module->machine, &headers))
		return;
	module->debug_elf = elf_file_open(fd, (uint64_t)status.st_size, &headers.ehdr);
	if (!module->debug_elf)
		return;
	module->debug_path = xasprintf("%s (.gnu_debugdata)", module->path);
	module->debug_fd = take_fd(&fd);
}

Elf *module_debug_file(struct modules *modules, struct module *module)
{
	const char *debug_path = modules->options.debug_path;

	if (module->debug_looked_for || !module->elf)
		return module->debug_elf;
	module->debug_looked_for = true;
	if (elf_has_dwarf(module->elf)) {
		module->debug_elf = module->elf;
		return module->debug_elf;
	}
	if (!debug_path || *debug_path) {
		struct debug_wanted wanted = {.module = module};
		string_array roots = {0}, dirs = {0};

		module_build_id(modules, module, &wanted.build_id);
		debug_link_read(module->elf, &wanted.link, &wanted.crc);
		roots_list(modules, &roots);
		debug_dirs_list(modules, &roots, &dirs);
		if (!debug_file_by_build_id(&wanted, &dirs) && !debug_file_by_link(&wanted, &roots, &dirs) && !debug_path)
			debug_file_downloaded(&wanted);
		string_array_deinit(&dirs);
		string_array_deinit(&roots);
	}
	if (!module->debug_elf && elf_has_symbols(module->elf))
		module->debug_elf = module->elf;
	if (!module->debug_elf)
		mini_debug_open(module);
	return module->debug_elf;
}

/* Opens a path as a debug file, if it has the build ID (NULL: whatever it has). Takes the path. */
static Elf *other_debug_try(char *path_taken, const struct build_id *build_id, int *fd_ret)
{
	_cleanup_free_ char *path = path_taken;
	struct stat status;
	_cleanup_close_ int fd = regular_file_open(path, &status);
	_cleanup_elf_headers_ struct elf_headers headers = {0};

	// It was never linked or loaded, so its type and architecture are no matter.
	if (fd < 0 || !elf_headers_read(elf_get_file, &fd, &headers))
		return NULL;
	Elf *elf = elf_file_open(fd, (uint64_t)status.st_size, &headers.ehdr);
	if (elf && build_id && !elf_has_build_id(elf, build_id)) {
		elf_end(elf);
		elf = NULL;
	}
	if (elf)
		*fd_ret = take_fd(&fd);
	return elf;
}

Elf *module_shared_debug_file(const struct modules *modules, const struct module *module, const char *name, const struct build_id *build_id,
			      int *fd_ret)
{
	const char *beside = module->debug_path ? module->debug_path : module->path, *slash = strrchr(beside, '/');
	string_array roots = {0}, dirs = {0};
	Elf *elf = NULL;

	if (build_id->size < 2)
		return NULL;
	roots_list(modules, &roots);
	debug_dirs_list(modules, &roots, &dirs);
	for (size_t i = 0; i < dirs.n && !elf; i++)
		elf = other_debug_try(build_id_path(dirs.v[i], build_id), build_id, fd_ret);
	// The name is relative to the debug file, or a path of the machine that it was installed on.
	for (size_t i = 0; i < roots.n && !elf && name[0] == '/'; i++)
		elf = other_debug_try(xasprintf("%s%s", roots.v[i], name), build_id, fd_ret);
	if (!elf && name[0] != '/' && slash)
		elf = other_debug_try(xasprintf("%.*s/%s", (int)(slash - beside), beside, name), build_id, fd_ret);
	string_array_deinit(&dirs);
	string_array_deinit(&roots);
	return elf;
}

Elf *module_split_file(const struct modules *modules, const char *path, int *fd_ret)
{
	string_array roots = {0};
	Elf *elf = NULL;

	roots_list(modules, &roots);
	for (size_t i = 0; i < roots.n && !elf && path[0] == '/'; i++)
		elf = other_debug_try(xasprintf("%s%s", roots.v[i], path), NULL, fd_ret);
	string_array_deinit(&roots);
	return elf;
}
