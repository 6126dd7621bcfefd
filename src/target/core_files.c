/* SPDX-License-Identifier: MIT */
#include "target/core_files.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "target/elf_headers.h"
#include "target/locate.h"

enum {
	HEAD_MAX = 4096,
};

/* What the core tells of one file. */
struct evidence {
	/** The first page where the file is mapped, 0 bytes when it was not dumped. */
	uint8_t head[HEAD_MAX];
	size_t head_size;
	/** That page is an ELF header; the build ID behind it. */
	bool is_elf, is_data;
	struct build_id build_id;
	/** The highest position that is mapped. */
	uint64_t needed_size;
	/** Mappings, and whether one of them is executable. */
	size_t mappings;
	bool executable;
};

/* Orders mapping indices by path, the deleted one of two equal paths last. */
static int compare_mappings(const void *left, const void *right, void *context)
{
	const struct target *target = context;
	size_t a = *(const size_t *)left, b = *(const size_t *)right;
	const struct mapping *one = &target->mappings.v[a], *other = &target->mappings.v[b];
	int order = strcmp(one->path, other->path);

	if (!order)
		order = (int)one->deleted - (int)other->deleted;
	return order ? order : a < b ? -1 : a > b;
}

/* Names that mappings of memory without a file have. */
static bool is_pseudo(const char *path)
{
	static const char *const names[] = { "/dev/zero", "/SYSV", "/memfd:", "/anon_hugepage", "/dev/shm/", "anon_inode:", "[" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strncmp(path, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

/* Lists the mappings that have a file, file by file, and gives each its index in target.files. Owner: the caller. */
static size_t *files_list(struct target *target, size_t *n_ret)
{
	size_t *order = xcalloc(target->mappings.n, sizeof(*order));
	const struct mapping *last = NULL;
	size_t n = 0;

	for (size_t i = 0; i < target->mappings.n; i++)
		if (target->mappings.v[i].path && !is_pseudo(target->mappings.v[i].path))
			order[n++] = i;
	qsort_r(order, n, sizeof(*order), compare_mappings, target);
	for (size_t i = 0; i < n; i++) {
		struct mapping *mapping = &target->mappings.v[order[i]];

		if (!last || strcmp(last->path, mapping->path) != 0 || last->deleted != mapping->deleted)
			array_append(&target->files, (struct target_file){ .path = xstrdup(mapping->path), .fd = -1 });
		mapping->file = (int)target->files.n - 1;
		last = mapping;
	}
	*n_ret = n;
	return order;
}

static void evidence_add(struct evidence *evidence, const struct image *dumped, const struct mapping *mapping)
{
	uint64_t size = mapping->end - mapping->start;

	evidence->mappings++;
	evidence->executable |= mapping->prot != CORE_PROT_UNKNOWN && (mapping->prot & MAPPING_EXEC);
	if (mapping->offset + size > evidence->needed_size)
		evidence->needed_size = mapping->offset + size;
	if (mapping->offset != 0 || evidence->is_elf)
		return;

	size_t head_size = size < HEAD_MAX ? (size_t)size : HEAD_MAX;
	struct elf_in_image in = { dumped, mapping->start, mapping->end };
	_cleanup_elf_headers_ struct elf_headers headers = { 0 };
	uint8_t head[HEAD_MAX];

	if (!image_get(dumped, mapping->start, head, head_size))
		return;
	evidence->is_elf = elf_headers_read(elf_get_image, &in, &headers);
	evidence->is_data = !evidence->is_elf;
	if (!evidence->is_elf)
		return;
	evidence->build_id = elf_headers_build_id(&headers, elf_get_image, &in, NULL);
	// A page that the program could write proves nothing about the file.
	if (!(mapping->prot & MAPPING_WRITE)) {
		memcpy(evidence->head, head, head_size);
		evidence->head_size = head_size;
	}
}

/* The index of the file whose mapping holds an address, -1 for none. */
static int file_at(const struct target *target, vaddr address)
{
	const struct mapping *mapping = address ? mappings_find(&target->mappings, address) : NULL;

	return mapping ? mapping->file : -1;
}

static void exe_find(struct target *target, const struct image *dumped, vaddr exe)
{
	// The program headers of the executable, or its first instruction.
	int file = file_at(target, target_auxv(target, AT_PHDR));

	if (file < 0)
		file = file_at(target, target_auxv(target, AT_ENTRY));
	if (file < 0)
		file = file_at(target, exe);
	target->exe_file = file;
	if (file >= 0)
		target->exe_path = xstrdup(target->files.v[file].path);
	else if (target_auxv(target, AT_EXECFN))
		target->exe_path = image_get_string(dumped, target_auxv(target, AT_EXECFN), 4095);
}

/* Whether a file is one that heapsnap wants: a module, not data that happened to be mapped. */
static bool is_module(const struct target_file *file, const struct evidence *evidence, bool exe)
{
	if (evidence->is_elf || evidence->is_data)
		return evidence->is_elf;
	// The first page was not dumped. gcore leaves out all pages that are as in the file.
	return exe || evidence->executable || (evidence->mappings > 1 && strstr(file->path, ".so"));
}

static void file_locate(struct target *target, size_t index, const struct evidence *evidence, const struct core_options *options)
{
	struct target_file *file = &target->files.v[index];
	bool exe = (int)index == target->exe_file;
	struct locate_options where = { .sysroot = options->sysroot, .debug_path = options->debug_path };
	struct wanted_file wanted = {
		.path = file->path,
		.exe = exe ? options->exe : NULL,
		.machine = target->machine,
		.build_id = evidence->build_id,
		.head = evidence->head,
		.head_size = evidence->head_size,
		.needed_size = evidence->needed_size,
	};
	struct located_file located;

	file->build_id = evidence->build_id;
	if (!is_module(file, evidence, exe)) {
		file->why_absent = xstrdup("is data, not a module: nothing tells whether the file is as it was");
		return;
	}
	locate_file(&where, &wanted, &located);
	if (located.why_not_exe)
		target_notice(target, "%s%s%s", located.why_not_exe, located.fd >= 0 ? "; used instead: " : "",
			      located.fd >= 0 ? located.opened_as : "");
	file->replaced = located.replaced;
	if (located.fd < 0) {
		target_notice(target, "%s %s", file->path, located.why_absent);
	} else {
		if (!located.verified)
			target_notice(target, "%s could not be verified: the core has no build ID of %s%s", located.opened_as,
				      file->path, evidence->head_size ? "; its first page is the same" : "");
		if (!file->build_id.size)
			file->build_id = located.build_id;
	}
	file->fd = located.fd;
	file->opened_as = take_pointer(located.opened_as);
	file->why_absent = take_pointer(located.why_absent);
	located.fd = -1;
	located_file_deinit(&located);
}

void core_files_find(struct target *target, const struct image *dumped, vaddr exe, const struct core_options *options)
{
	size_t n;
	_cleanup_free_ size_t *order = files_list(target, &n);

	exe_find(target, dumped, exe);
	if (options->exe && target->exe_file < 0)
		target_notice(target, "%s is of no use: the core does not say where the executable was mapped", options->exe);
	for (size_t i = 0; i < n;) {
		int file = target->mappings.v[order[i]].file;
		_cleanup_free_ struct evidence *evidence = xcalloc(1, sizeof(*evidence));

		for (; i < n && target->mappings.v[order[i]].file == file; i++)
			evidence_add(evidence, dumped, &target->mappings.v[order[i]]);
		file_locate(target, (size_t)file, evidence, options);
	}
}

/* What the file says of its segments, and where it lies at the moment of the walk: a module can be mapped more than once (dlmopen). */
struct layout {
	struct elf_headers headers;
	/** Length of the file. Units: bytes. */
	uint64_t length;
	bool known, placed;
	vaddr bias;
};

static void layouts_deinit(struct layout *layouts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		elf_headers_deinit(&layouts[i].headers);
	free(layouts);
}

static void layout_read(struct layout *layout, int fd)
{
	struct stat status;

	if (fd < 0 || fstat(fd, &status) != 0)
		return;
	layout->length = (uint64_t)status.st_size;
	layout->known = elf_headers_read(elf_get_file, &fd, &layout->headers);
}

/* Learns the bias from a mapping of the first PT_LOAD. */
static void layout_place(struct layout *layout, const struct mapping *mapping, uint64_t page_mask)
{
	for (size_t i = 0; i < layout->headers.phdrs.n; i++) {
		const Elf64_Phdr *phdr = &layout->headers.phdrs.v[i];

		if (phdr->p_type != PT_LOAD)
			continue;
		if ((phdr->p_offset & page_mask) == mapping->offset) {
			layout->bias = mapping->start - (phdr->p_vaddr & page_mask);
			layout->placed = true;
		}
		return;
	}
}

/* The PT_LOAD that a mapping is a part of; NULL when the file was mapped in some other way there. */
static const Elf64_Phdr *layout_segment(const struct layout *layout, const struct mapping *mapping, uint64_t page_mask)
{
	uint64_t address = mapping->start - layout->bias;

	for (size_t i = 0; layout->placed && i < layout->headers.phdrs.n; i++) {
		const Elf64_Phdr *phdr = &layout->headers.phdrs.v[i];
		uint64_t into = address - (phdr->p_vaddr & page_mask);

		if (phdr->p_type == PT_LOAD && address >= (phdr->p_vaddr & page_mask) && address < phdr->p_vaddr + phdr->p_filesz &&
		    mapping->offset == (phdr->p_offset & page_mask) + into)
			return phdr;
	}
	return NULL;
}

/* The pages that the dynamic loader writes and then protects; an empty range when there are none. */
static void layout_relro(const struct layout *layout, uint64_t page_mask, vaddr *start_ret, vaddr *end_ret)
{
	*start_ret = *end_ret = 0;
	for (size_t i = 0; layout->placed && i < layout->headers.phdrs.n; i++) {
		const Elf64_Phdr *phdr = &layout->headers.phdrs.v[i];

		if (phdr->p_type != PT_GNU_RELRO)
			continue;
		*start_ret = layout->bias + (phdr->p_vaddr & page_mask);
		*end_ret = layout->bias + ((phdr->p_vaddr + phdr->p_memsz + ~page_mask) & page_mask);
		return;
	}
}

static void add_pages(struct image *image, const struct mapping *mapping, const struct layout *layout, int fd, vaddr start,
		      vaddr end)
{
	if (start >= end)
		return;

	uint64_t offset = mapping->offset + (start - mapping->start), size = end - start;

	// What lies behind the end of the file was never there: a read of it was a SIGBUS.
	if (offset >= layout->length)
		return;
	if (size > layout->length - offset)
		size = layout->length - offset;
	image_add_file(image, start, size, fd, offset);
}

static unsigned prot_of(const Elf64_Phdr *phdr)
{
	return ((phdr->p_flags & PF_R) ? MAPPING_READ : 0u) | ((phdr->p_flags & PF_W) ? MAPPING_WRITE : 0u) |
	       ((phdr->p_flags & PF_X) ? MAPPING_EXEC : 0u);
}

void core_files_add_pages(struct target *target)
{
	size_t n = target->files.n;
	struct layout *layouts = xcalloc(n, sizeof(*layouts));
	uint64_t page_mask = ~((uint64_t)target->page_size - 1);

	for (size_t i = 0; i < n; i++)
		layout_read(&layouts[i], target->files.v[i].fd);
	for (size_t i = 0; i < target->mappings.n; i++) {
		struct mapping *mapping = &target->mappings.v[i];
		struct layout *layout = mapping->file >= 0 ? &layouts[mapping->file] : NULL;
		const Elf64_Phdr *phdr = NULL;
		vaddr relro_start = 0, relro_end = 0;

		if (layout && layout->known) {
			layout_place(layout, mapping, page_mask);
			phdr = layout_segment(layout, mapping, page_mask);
			layout_relro(layout, page_mask, &relro_start, &relro_end);
		}
		if (mapping->prot == CORE_PROT_UNKNOWN) {
			mapping->prot = phdr ? prot_of(phdr) : MAPPING_READ;
			if (mapping->start >= relro_start && mapping->end <= relro_end)
				mapping->prot &= ~(unsigned)MAPPING_WRITE;
		}
		if (!layout || !layout->known || (mapping->prot & MAPPING_WRITE))
			continue;

		int fd = target->files.v[mapping->file].fd;
		vaddr low = relro_start < mapping->end ? relro_start : mapping->end;
		vaddr high = relro_end > mapping->start ? relro_end : mapping->start;

		if (!phdr || relro_start == relro_end) {
			add_pages(&target->image, mapping, layout, fd, mapping->start, mapping->end);
		} else {
			add_pages(&target->image, mapping, layout, fd, mapping->start, low);
			add_pages(&target->image, mapping, layout, fd, high, mapping->end);
		}
	}
	layouts_deinit(layouts, n);
}
