/* SPDX-License-Identifier: MIT */
/*
 * How mappings become modules.
 *
 * A PT_LOAD that is mapped as the loader maps it ties an address to the file by one number, the bias. A file may be mapped
 * more than once (dlmopen, or a tool that reads a library as data), so the mappings of one file are parted by bias: in the
 * order of addresses, each mapping joins the module that was begun last for its file if one of the PT_LOADs explains it
 * with the same bias, else it begins another. A group counts as loaded when its code is mapped executable (or, where the
 * code was moved to huge pages, when a writable segment and another one are mapped); the rest are files that somebody reads.
 *
 * Program headers are parsed here, from a few hundred bytes that pread gave; libelf is only asked for sections, and only
 * after the section header table was seen to lie inside the file.
 */
#include "debug/modules.h"

#include <elf.h>
#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "debug/dwarf.h"
#include "debug/symbols.h"
#include "target/elf_headers.h"

enum {
	/** Section headers that a file may have. */
	SECTIONS_MAX = 0x10000,
	/** Entries of PT_DYNAMIC that are looked at. */
	DYNAMIC_MAX = 0x10000,
	NAME_LENGTH_MAX = 4096,
	/** Bytes of section names, and of one section of notes. */
	UNASKED_SIZE_MAX = 16 << 20,
};

/** Bytes of one section that are taken into memory. */
#define SECTION_SIZE_MAX (UINT64_C(1) << 30)

/** Bytes of a file whose CRC is computed. */
#define CRC_LENGTH_MAX (UINT64_C(4) << 30)

static bool file_get(int fd, uint64_t offset, void *buffer, size_t size)
{
	return elf_get_file(&fd, offset, buffer, size);
}

static unsigned machine_elf(enum machine machine)
{
	switch (machine) {
	case MACHINE_X86_64:
		return EM_X86_64;
	case MACHINE_AARCH64:
		return EM_AARCH64;
	}
	return EM_NONE;
}

/* The headers of a file that is an executable or a shared object of this architecture. */
static bool headers_read(int fd, enum machine machine, struct elf_headers *ret)
{
	struct elf_headers headers;

	if (!elf_headers_read(elf_get_file, &fd, &headers))
		return false;
	if (headers.ehdr.e_machine != machine_elf(machine) ||
	    (headers.ehdr.e_type != ET_EXEC && headers.ehdr.e_type != ET_DYN)) {
		elf_headers_deinit(&headers);
		return false;
	}
	*ret = headers;
	return true;
}

/* The section header table lies inside the file, and what libelf reads unasked (section names, notes) is small: then it may
   be let at the file. */
static bool sections_are_sane(int fd, uint64_t length, const Elf64_Ehdr *header)
{
	uint64_t count = header->e_shnum, names = header->e_shstrndx;
	Elf64_Shdr sections[64];

	if (header->e_shoff == 0)
		return count == 0;
	if (header->e_shentsize != sizeof(Elf64_Shdr) || header->e_shoff > length)
		return false;
	if (!file_get(fd, header->e_shoff, &sections[0], sizeof(sections[0])))
		return false;
	if (count == 0)
		count = sections[0].sh_size;
	if (names == SHN_XINDEX)
		names = sections[0].sh_link;
	if (count > SECTIONS_MAX || count * sizeof(Elf64_Shdr) > length - header->e_shoff)
		return false;
	for (uint64_t i = 0; i < count; i += 64) {
		size_t n = count - i < 64 ? (size_t)(count - i) : 64;

		if (!file_get(fd, header->e_shoff + i * sizeof(Elf64_Shdr), sections, n * sizeof(Elf64_Shdr)))
			return false;
		for (size_t j = 0; j < n; j++) {
			if ((i + j == names || sections[j].sh_type == SHT_NOTE) && sections[j].sh_size > UNASKED_SIZE_MAX)
				return false;
		}
	}
	return true;
}

static Elf *elf_open(int fd, uint64_t length, const Elf64_Ehdr *header)
{
	if (!sections_are_sane(fd, length, header))
		return NULL;
	elf_version(EV_CURRENT);
	// ELF_C_READ reads by pread; ELF_C_READ_MMAP would turn a file that shrinks into a SIGBUS.
	Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
	if (elf && elf_kind(elf) != ELF_K_ELF) {
		elf_end(elf);
		elf = NULL;
	}
	return elf;
}

static bool file_length(int fd, uint64_t *ret)
{
	struct stat status;

	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
		return false;
	*ret = (uint64_t)status.st_size;
	return true;
}

static void module_read_segment(struct module *module, const Elf64_Phdr *phdr)
{
	uint64_t end, file_end;

	if (phdr->p_memsz == 0 || phdr->p_filesz > phdr->p_memsz ||
	    __builtin_add_overflow(phdr->p_vaddr, phdr->p_memsz, &end) || end > UINT64_MAX >> 8 ||
	    __builtin_add_overflow(phdr->p_offset, phdr->p_filesz, &file_end) || file_end > INT64_MAX >> 8)
		return;
	array_append(&module->segments, (struct module_segment){
						.start = phdr->p_vaddr,
						.end = end,
						.offset = phdr->p_offset,
						.file_size = phdr->p_filesz,
						.flags = phdr->p_flags,
					});
}

/* Fills what the program headers say. False when the file is no ELF file of this architecture that could be mapped. */
static bool module_read_headers(struct module *module, enum machine machine)
{
	_cleanup_elf_headers_ struct elf_headers headers = {0};

	if (!file_length(module->fd, &module->file_length) || !headers_read(module->fd, machine, &headers))
		return false;
	for (size_t i = 0; i < headers.phdrs.n; i++) {
		const Elf64_Phdr *phdr = &headers.phdrs.v[i];

		switch (phdr->p_type) {
		case PT_LOAD:
			module_read_segment(module, phdr);
			break;
		case PT_TLS:
			module->tls_start = phdr->p_vaddr;
			module->tls_file_size = phdr->p_filesz;
			module->tls_size = phdr->p_memsz;
			module->tls_align = phdr->p_align;
			break;
		case PT_DYNAMIC:
			module->dynamic_start = phdr->p_vaddr;
			module->dynamic_size = phdr->p_filesz;
			break;
		case PT_INTERP:
			module->interpreter_start = phdr->p_vaddr;
			module->interpreter_size = phdr->p_filesz;
			break;
		default:
			break;
		}
	}
	if (module->segments.n == 0)
		return false;
	module->type = headers.ehdr.e_type;
	module->elf = elf_open(module->fd, module->file_length, &headers.ehdr);
	return true;
}

static void module_deinit(struct module *module)
{
	symbol_tables_destroy(module->symbols);
	dwarf_file_destroy(module->dwarf);
	if (module->debug_elf && module->debug_elf != module->elf)
		elf_end(module->debug_elf);
	if (module->elf)
		elf_end(module->elf);
	if (module->debug_fd >= 0)
		close(module->debug_fd);
	if (module->fd >= 0)
		close(module->fd);
	free(module->debug_path);
	free(module->path);
	array_deinit(&module->segments);
}

/* A module that one mapping begins. */
static struct module module_begin(const struct target *target, const struct mapping *mapping)
{
	const struct target_file *file = &target->files.v[mapping->file];

	return (struct module){
		.path = xstrdup(file->path ? file->path : ""),
		.file = mapping->file,
		.fd = file->fd >= 0 ? fcntl(file->fd, F_DUPFD_CLOEXEC, 0) : -1,
		.start = mapping->start,
		.end = mapping->end,
		.machine = target->machine,
		.debug_fd = -1,
		.symbols = symbol_tables_create(),
	};
}

/* The bias with which a mapping is this segment's, if it can be. */
static bool segment_bias(const struct module_segment *segment, const struct mapping *mapping, uint64_t page, vaddr *ret)
{
	uint64_t first = segment->offset & ~(page - 1);
	uint64_t last = (segment->offset + segment->file_size + page - 1) & ~(page - 1);

	if (mapping->offset < first || mapping->offset >= last)
		return false;
	*ret = mapping->start - ((segment->start & ~(page - 1)) + (mapping->offset - first));
	return true;
}

/* What was seen of a module while it is put together. */
struct sighting {
	/** One bit per segment (the first 64) that a mapping explained. */
	uint64_t segments;
	bool executable, writable;
	/** Offset of the mapping seen last. */
	uint64_t last_offset;
};

/* Lets a mapping join a module with the same bias. */
static bool module_join(struct module *module, struct sighting *sighting, const struct mapping *mapping, uint64_t page)
{
	bool joins = false;

	if (module->type == 0) {
		// Without the file there is only the loader's habit: ascending offsets, one right after the other.
		if (mapping->start - module->end > (UINT64_C(4) << 20) || mapping->offset <= sighting->last_offset)
			return false;
		joins = true;
		sighting->executable |= (mapping->prot & MAPPING_EXEC) != 0;
	}
	for (size_t i = 0; i < module->segments.n; i++) {
		vaddr bias;

		if (!segment_bias(&module->segments.v[i], mapping, page, &bias) || bias != module->bias)
			continue;
		joins = true;
		sighting->segments |= UINT64_C(1) << (i & 63);
		if ((mapping->prot & MAPPING_EXEC) && (module->segments.v[i].flags & PF_X))
			sighting->executable = true;
		if ((mapping->prot & MAPPING_WRITE) && (module->segments.v[i].flags & PF_W) && !mapping->shared)
			sighting->writable = true;
	}
	if (joins) {
		module->end = mapping->end;
		sighting->last_offset = mapping->offset;
	}
	return joins;
}

/* Picks the bias that the first mapping of a module has. */
static bool module_settle_bias(struct module *module, const struct mapping *mapping, uint64_t page)
{
	bool found = false;

	for (size_t i = 0; i < module->segments.n; i++) {
		const struct module_segment *segment = &module->segments.v[i];
		vaddr bias;

		if (!segment_bias(segment, mapping, page, &bias) || (module->type == ET_EXEC && bias != 0))
			continue;
		bool same_code = ((mapping->prot & MAPPING_EXEC) != 0) == ((segment->flags & PF_X) != 0);
		if (!found || same_code)
			module->bias = bias;
		found = true;
		if (same_code)
			break;
	}
	return found;
}

static bool sighting_is_loaded(const struct sighting *sighting)
{
	return sighting->executable || (sighting->writable && __builtin_popcountll(sighting->segments) > 1);
}

void modules_init(struct modules *modules, const struct target *target, const struct debug_options *options)
{
	const uint64_t page = target->page_size ? target->page_size : 4096;
	ARRAY(struct sighting) sightings = {0};

	*modules = (struct modules){.target = target};
	if (options)
		modules->options = *options;

	// Per file: the module begun last, plus one; and whether it is known to be no ELF file, so that it is opened once.
	_cleanup_free_ size_t *latest = xcalloc(target->files.n + 1, sizeof(*latest));
	_cleanup_free_ bool *useless = xcalloc(target->files.n + 1, sizeof(*useless));
	for (size_t i = 0; i < target->mappings.n; i++) {
		const struct mapping *mapping = &target->mappings.v[i];

		if (mapping->file < 0 || (size_t)mapping->file >= target->files.n || useless[mapping->file])
			continue;
		size_t *last = &latest[mapping->file];
		if (*last > 0 && module_join(&modules->v.v[*last - 1], &sightings.v[*last - 1], mapping, page))
			continue;

		struct module module = module_begin(target, mapping);
		struct sighting sighting = {.last_offset = mapping->offset};
		if (module.fd >= 0 && !module_read_headers(&module, target->machine) &&
		    !(mapping->prot & MAPPING_EXEC)) {
			// Fonts, archives of locales, databases.
			useless[mapping->file] = true;
			module_deinit(&module);
			continue;
		}
		if (module.type != 0 && (!module_settle_bias(&module, mapping, page) ||
					 !module_join(&module, &sighting, mapping, page))) {
			module_deinit(&module);
			continue;
		}
		if (module.type == 0)
			sighting.executable = (mapping->prot & MAPPING_EXEC) != 0;
		array_append(&modules->v, module);
		array_append(&sightings, sighting);
		*last = modules->v.n;
	}

	size_t kept = 0;
	for (size_t i = 0; i < modules->v.n; i++) {
		if (sighting_is_loaded(&sightings.v[i]))
			modules->v.v[kept++] = modules->v.v[i];
		else
			module_deinit(&modules->v.v[i]);
	}
	modules->v.n = kept;
	array_deinit(&sightings);

	for (size_t i = 0; i < modules->v.n; i++) {
		struct module *module = &modules->v.v[i];

		for (size_t j = 0; j < module->segments.n; j++) {
			vaddr end = (module->bias + module->segments.v[j].end + page - 1) & ~(page - 1);
			if (end > module->end && end - module->start < UINT64_MAX >> 8)
				module->end = end;
		}
		if (i + 1 < modules->v.n && module->end > modules->v.v[i + 1].start)
			module->end = modules->v.v[i + 1].start;
	}
}

void modules_deinit(struct modules *modules)
{
	for (size_t i = 0; i < modules->v.n; i++)
		module_deinit(&modules->v.v[i]);
	array_deinit(&modules->v);
	free(modules->cache_trouble);
}

struct module *modules_find(struct modules *modules, vaddr address)
{
	size_t low = 0, high = modules->v.n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (modules->v.v[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 && address < modules->v.v[low - 1].end ? &modules->v.v[low - 1] : NULL;
}

const char *module_name(const struct module *module)
{
	const char *slash = strrchr(module->path, '/');

	return slash ? slash + 1 : module->path;
}

bool module_get(const struct module *module, vaddr file_address, void *buffer, size_t size)
{
	unsigned char *to = buffer;

	for (size_t i = 0; i < module->segments.n; i++) {
		const struct module_segment *segment = &module->segments.v[i];

		if (file_address < segment->start || file_address >= segment->end)
			continue;
		if (size > segment->end - file_address)
			return false;
		uint64_t inside = file_address - segment->start;
		size_t from_file = 0;
		if (inside < segment->file_size)
			from_file = size < segment->file_size - inside ? size : segment->file_size - inside;
		if (from_file > 0 && !file_get(module->fd, segment->offset + inside, to, from_file))
			return false;
		memset(to + from_file, 0, size - from_file);
		return true;
	}
	return false;
}


bool module_build_id(const struct modules *modules, const struct module *module, struct build_id *ret)
{
	const struct build_id *known = &modules->target->files.v[module->file].build_id;

	if (known->size > 0 && known->size <= BUILD_ID_MAX) {
		*ret = *known;
		return true;
	}
	_cleanup_elf_headers_ struct elf_headers headers = {0};
	int fd = module->fd;
	if (module->type == 0 || !elf_headers_read(elf_get_file, &fd, &headers))
		return false;
	struct build_id found = elf_headers_build_id(&headers, elf_get_file, &fd, NULL);
	if (found.size == 0)
		return false;
	*ret = found;
	return true;
}

bool module_dynamic(const struct module *module, int64_t tag, size_t nth, uint64_t *ret)
{
	uint64_t count = module->dynamic_size / sizeof(Elf64_Dyn);
	Elf64_Dyn entries[64];

	if (count > DYNAMIC_MAX)
		count = DYNAMIC_MAX;
	for (uint64_t i = 0; i < count; i += 64) {
		size_t n = count - i < 64 ? (size_t)(count - i) : 64;

		if (!module_get(module, module->dynamic_start + i * sizeof(Elf64_Dyn), entries, n * sizeof(Elf64_Dyn)))
			return false;
		for (size_t j = 0; j < n; j++) {
			if (entries[j].d_tag == DT_NULL)
				return false;
			if (entries[j].d_tag == tag && nth-- == 0) {
				*ret = entries[j].d_un.d_val;
				return true;
			}
		}
	}
	return false;
}

char *module_string(const struct module *module, int64_t tag, size_t nth)
{
	uint64_t strings, size, at;

	if (!module_dynamic(module, tag, nth, &at) || !module_dynamic(module, DT_STRTAB, 0, &strings) ||
	    !module_dynamic(module, DT_STRSZ, 0, &size) || at >= size)
		return NULL;
	size_t length = size - at < NAME_LENGTH_MAX ? (size_t)(size - at) : NAME_LENGTH_MAX;
	_cleanup_free_ char *name = xmalloc(length);
	if (!module_get(module, strings + at, name, length) || !memchr(name, 0, length))
		return NULL;
	return xstrdup(name);
}

Elf_Scn *section_named(Elf *elf, const char *name, GElf_Shdr *ret)
{
	size_t strings;

	if (!elf || elf_getshdrstrndx(elf, &strings) != 0)
		return NULL;
	for (Elf_Scn *section = elf_nextscn(elf, NULL); section; section = elf_nextscn(elf, section)) {
		GElf_Shdr header;

		if (!gelf_getshdr(section, &header) || header.sh_type == SHT_NOBITS)
			continue;
		const char *found = elf_strptr(elf, strings, header.sh_name);
		if (found && strcmp(found, name) == 0) {
			*ret = header;
			return section;
		}
	}
	return NULL;
}

const Elf_Data *section_bytes(Elf_Scn *section)
{
	GElf_Shdr header;

	if (!section || !gelf_getshdr(section, &header) || header.sh_size > SECTION_SIZE_MAX)
		return NULL;
	const Elf_Data *data = elf_rawdata(section, NULL);
	return data && data->d_buf && data->d_size == header.sh_size ? data : NULL;
}

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

		if (!file_get(fd, at, buffer, n))
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
	if (!headers_read(fd, module->machine, &headers))
		return false;
	Elf *elf = elf_open(fd, (uint64_t)other.st_size, &headers.ehdr);
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
		if (!debug_file_by_build_id(&wanted, &dirs))
			debug_file_by_link(&wanted, &roots, &dirs);
		string_array_deinit(&dirs);
		string_array_deinit(&roots);
	}
	if (!module->debug_elf && elf_has_symbols(module->elf))
		module->debug_elf = module->elf;
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
	Elf *elf = elf_open(fd, (uint64_t)status.st_size, &headers.ehdr);
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
