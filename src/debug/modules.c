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
 * Program headers are parsed here, from a few hundred bytes that pread gave; libelf is only asked for sections.
 */
#include "debug/modules.h"

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "debug/dwarf.h"
#include "debug/elf_file.h"
#include "debug/symbols.h"
#include "target/elf_headers.h"

enum {
	/** Entries of PT_DYNAMIC that are looked at. */
	DYNAMIC_MAX = 0x10000,
	NAME_LENGTH_MAX = 4096,
};

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

	if (!file_length(module->fd, &module->file_length) || !elf_headers_loadable(module->fd, machine, &headers))
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
	module->elf = elf_file_open(module->fd, module->file_length, &headers.ehdr);
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
	int fd = module->fd;
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
		if (from_file > 0 && !elf_get_file(&fd, segment->offset + inside, to, from_file))
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
