/* SPDX-License-Identifier: MIT */
#include "target/loaded.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "target/elf_headers.h"

enum {
	/* Together they bound what a core that was made to hurt can cost: 4096 × 32 names of 1 KiB. */
	MODULES_MAX = 4096,
	MODULE_PHDRS_MAX = 32,
	NAME_LENGTH_MAX = 1023,
	DYNAMIC_MAX = 1024,
	/* Steps along all lists together, and lists. */
	LINK_MAPS_MAX = 16384,
	NAMESPACES_MAX = 64,
};

/* struct r_debug and struct link_map of <link.h> on 64-bit machines; r_next is there from version 2 on (glibc 2.35). */
enum {
	R_VERSION = 0,
	R_MAP = 8,
	R_NEXT = 40,
	L_ADDR = 0,
	L_NAME = 8,
	L_LD = 16,
	L_NEXT = 24,
};

struct module_head {
	vaddr start, bias, dynamic;
	struct elf_headers headers;
	vaddr string_table, debug;
	uint64_t soname;
	/* Owned; NULL until it is known. */
	char *path;
};

typedef ARRAY(struct module_head) module_heads;

static bool module_read(const struct image *dumped, vaddr start, uint64_t page_size, struct module_head *ret)
{
	// The header page is all that a kernel's core has of a file.
	struct elf_in_image in = { dumped, start, start + 65536 };
	struct module_head module = { .start = start };
	bool placed = false;

	if (start > VADDR_NONE - 65536 || !elf_headers_read(elf_get_image, &in, &module.headers))
		return false;
	if (module.headers.phdrs.n > MODULE_PHDRS_MAX) {
		elf_headers_deinit(&module.headers);
		return false;
	}
	for (size_t i = 0; i < module.headers.phdrs.n; i++) {
		const Elf64_Phdr *phdr = &module.headers.phdrs.v[i];

		if (phdr->p_type == PT_LOAD && !placed) {
			placed = phdr->p_offset < page_size;
			module.bias = start - (phdr->p_vaddr & ~(page_size - 1));
			if (!placed)
				break;
		}
		if (phdr->p_type == PT_DYNAMIC)
			module.dynamic = phdr->p_vaddr;
	}
	if (!placed) {
		elf_headers_deinit(&module.headers);
		return false;
	}
	if (module.dynamic)
		module.dynamic += module.bias;
	for (size_t i = 0; module.dynamic && i < DYNAMIC_MAX; i++) {
		Elf64_Dyn entry;

		if (!image_get(dumped, module.dynamic + i * sizeof(entry), &entry, sizeof(entry)) || entry.d_tag == DT_NULL)
			break;
		if (entry.d_tag == DT_DEBUG)
			module.debug = entry.d_un.d_ptr;
		else if (entry.d_tag == DT_STRTAB)
			module.string_table = entry.d_un.d_ptr;
		else if (entry.d_tag == DT_SONAME)
			module.soname = entry.d_un.d_val;
	}
	*ret = module;
	return true;
}

/* Names the module that a link_map is about. */
static void module_name_from(const struct image *dumped, module_heads *modules, vaddr link_map)
{
	uint64_t bias, name, dynamic;

	if (!image_get_word(dumped, link_map + L_ADDR, &bias) || !image_get_word(dumped, link_map + L_NAME, &name) ||
	    !image_get_word(dumped, link_map + L_LD, &dynamic))
		return;
	for (size_t i = 0; i < modules->n; i++) {
		struct module_head *module = &modules->v[i];

		if (module->dynamic != dynamic || module->bias != bias || module->path)
			continue;

		char *path = image_get_string(dumped, name, NAME_LENGTH_MAX);

		// The executable's own name is empty here.
		if (path && *path)
			module->path = path;
		else
			free(path);
		return;
	}
}

static void names_from_link_maps(const struct image *dumped, module_heads *modules, vaddr debug, size_t *left)
{
	for (size_t i = 0; debug && i < NAMESPACES_MAX; i++) {
		uint64_t link_map = 0, next = 0;
		int32_t version = 0;

		image_get_word(dumped, debug + R_MAP, &link_map);
		for (; link_map && *left; --*left) {
			module_name_from(dumped, modules, link_map);
			if (!image_get_word(dumped, link_map + L_NEXT, &link_map))
				break;
		}
		if (image_get(dumped, debug + R_VERSION, &version, sizeof(version)) && version >= 2)
			image_get_word(dumped, debug + R_NEXT, &next);
		debug = next;
	}
}

/* What no link_map names: the soname, or at least a name for messages (not absolute, so that it is never opened). */
static void module_name_otherwise(const struct target *target, const struct image *dumped, struct module_head *module)
{
	uint64_t execfn = target_auxv(target, AT_EXECFN);

	if (module->debug && execfn)
		module->path = image_get_string(dumped, execfn, NAME_LENGTH_MAX);
	if (!module->path && module->soname) {
		// glibc has added the bias to the pointer in place, unless the section is read-only.
		module->path = image_get_string(dumped, module->string_table + module->soname, NAME_LENGTH_MAX);
		if (!module->path)
			module->path = image_get_string(dumped, module->bias + module->string_table + module->soname,
							NAME_LENGTH_MAX);
	}
	if (module->path && !*module->path) {
		free(module->path);
		module->path = NULL;
	}
	if (!module->path)
		module->path = xasprintf("module at 0x%" PRIxVADDR, module->start);
}

static void module_add_ranges(struct core_notes *notes, const struct module_head *module, uint64_t page_size)
{
	for (size_t i = 0; i < module->headers.phdrs.n; i++) {
		const Elf64_Phdr *phdr = &module->headers.phdrs.v[i];
		uint64_t end;

		if (phdr->p_type != PT_LOAD || !phdr->p_filesz || phdr->p_offset > INT64_MAX ||
		    __builtin_add_overflow(phdr->p_vaddr, phdr->p_filesz, &end) || end > INT64_MAX)
			continue;

		struct core_file_range range = {
			.start = module->bias + (phdr->p_vaddr & ~(page_size - 1)),
			.end = module->bias + ((end + page_size - 1) & ~(page_size - 1)),
			.offset = phdr->p_offset & ~(page_size - 1),
		};

		if (range.start >= range.end || range.end == VADDR_NONE)
			continue;
		range.path = xstrdup(module->path);
		array_append(&notes->files, range);
	}
}

void loaded_find(struct core_notes *notes, const struct target *target, const struct image *dumped, const vaddr *starts, size_t n,
		 struct loaded *ret)
{
	module_heads modules = { 0 };
	size_t left = LINK_MAPS_MAX;

	*ret = (struct loaded){ .vdso = target_auxv(target, AT_SYSINFO_EHDR) };
	for (size_t i = 0; i < n && modules.n < MODULES_MAX; i++) {
		struct module_head module;

		if (starts[i] != ret->vdso && module_read(dumped, starts[i], target->page_size, &module))
			array_append(&modules, module);
	}
	for (size_t i = 0; i < modules.n; i++) {
		if (!modules.v[i].debug)
			continue;
		ret->exe = modules.v[i].start;
		names_from_link_maps(dumped, &modules, modules.v[i].debug, &left);
	}
	for (size_t i = 0; i < modules.n; i++) {
		struct module_head *module = &modules.v[i];

		if (!module->path)
			module_name_otherwise(target, dumped, module);
		// Linux arch/x86/entry/vdso/vdso.lds.S and arch/arm64/kernel/vdso/Makefile; link_map has that name too.
		if (strcmp(module->path, "linux-vdso.so.1") == 0)
			ret->vdso = module->start;
		else
			module_add_ranges(notes, module, target->page_size);
		free(module->path);
		elf_headers_deinit(&module->headers);
	}
	array_deinit(&modules);
	core_notes_settle(notes);
}
