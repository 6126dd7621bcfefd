/* SPDX-License-Identifier: MIT */
#include "debug/tls_blocks.h"

#include <elf.h>

#include "debug/symbols.h"

enum {
	/** struct r_debug: r_version, r_map, and, from version 2 on, the next namespace. */
	R_MAP = 8,
	R_NEXT = 40,
	/** struct link_map, the public part. */
	L_LD = 16,
	L_NEXT = 24,
	/** More than any process has. */
	LINK_MAPS_MAX = 1 << 16,
	NAMESPACES_MAX = 64,
	/** dtv_t is two words; the one before the first says for how many modules there is room. */
	DTV_ENTRY = 16,
	DTV_MAX = 1 << 16,
	X86_64_DTV = 8,
	AARCH64_DTV = 0,
	AARCH64_TCB = 16,
};

static uint64_t round_up(uint64_t value, uint64_t align)
{
	return align > 1 ? (value + align - 1) / align * align : value;
}

/* Where the dynamic section of the executable says that the loader has its list; 0 when it does not. */
static vaddr r_debug_of(const struct module *exe, const struct image *image)
{
	vaddr at = exe->dynamic_start + exe->bias;

	for (uint64_t i = 0; i + 16 <= exe->dynamic_size; i += 16) {
		uint64_t tag, value;

		if (!image_get_word(image, at + i, &tag) || !image_get_word(image, at + i + 8, &value) || tag == DT_NULL)
			break;
		if (tag == DT_DEBUG)
			return value;
	}
	return 0;
}

/* The loader exports it; the executable is asked where the loader's file is absent. */
static vaddr r_debug_find(const struct modules *modules, const struct module *exe, const struct image *image)
{
	for (size_t i = 0; i < modules->v.n; i++) {
		struct symbol symbol;

		if (modules->v.v[i].type && symbol_exported(&modules->v.v[i], "_r_debug", &symbol))
			return symbol.value + modules->v.v[i].bias;
	}
	return exe && exe->dynamic_size ? r_debug_of(exe, image) : 0;
}

/* The module that a link_map stands for, if it has thread-local variables. */
static void link_map_read(struct modules *modules, const struct image *image, const struct thread_db *thread_db, vaddr link_map,
			  tls_module_array *ret)
{
	uint64_t dynamic, number, offset;
	struct module *module;

	if (!image_get_word(image, link_map + L_LD, &dynamic) || !(module = modules_find(modules, dynamic)) || !module->tls_size ||
	    !image_get_word(image, link_map + thread_db->link_map.l_tls_modid, &number) || !number || number > DTV_MAX)
		return;
	if (!image_get_word(image, link_map + thread_db->link_map.l_tls_offset, &offset))
		offset = 0;
	// 0 and -1 are «none» and «never», in one order or the other.
	array_append(ret, (struct tls_module){ .module = (size_t)(module - modules->v.v),
					       .number = number,
					       .has_offset = offset && offset < UINT64_C(1) << 32,
					       .offset = offset });
}

static void link_maps_read(struct modules *modules, const struct image *image, const struct thread_db *thread_db, vaddr r_debug,
			   tls_module_array *ret)
{
	size_t left = LINK_MAPS_MAX;

	for (size_t namespaces = 0; r_debug && namespaces < NAMESPACES_MAX; namespaces++) {
		uint64_t version, at;

		if (!image_get_word(image, r_debug, &version) || !image_get_word(image, r_debug + R_MAP, &at))
			break;
		for (; at && left; left--) {
			link_map_read(modules, image, thread_db, at, ret);
			if (!image_get_word(image, at + L_NEXT, &at))
				break;
		}
		if ((version & UINT32_MAX) < 2 || !image_get_word(image, r_debug + R_NEXT, &r_debug))
			break;
	}
}

void tls_modules_read(struct modules *modules, const struct target *target, const struct thread_db *thread_db, tls_module_array *ret)
{
	struct module *exe = modules_find(modules, target_auxv(target, AT_ENTRY));
	vaddr r_debug = r_debug_find(modules, exe, &target->image);

	*ret = (tls_module_array){ 0 };
	if (r_debug && thread_db->link_map.l_tls_modid != MEMBER_ABSENT && thread_db->link_map.l_tls_offset != MEMBER_ABSENT)
		link_maps_read(modules, &target->image, thread_db, r_debug, ret);
	if (ret->n || !exe || !exe->tls_size || exe->tls_size > UINT64_C(1) << 30 || exe->tls_align > UINT64_C(1) << 20)
		return;
	// The executable is always the first, and next to the thread pointer.
	array_append(ret, (struct tls_module){ .module = (size_t)(exe - modules->v.v),
					       .number = 1,
					       .has_offset = true,
					       .offset = target->machine == MACHINE_X86_64 ? round_up(exe->tls_size, exe->tls_align) :
											     round_up(AARCH64_TCB, exe->tls_align) });
}

bool tls_block(const struct target *target, const struct thread *thread, const struct tls_module *module, vaddr *ret)
{
	const struct image *image = &target->image;
	bool is_x86 = target->machine == MACHINE_X86_64;
	uint64_t dtv, room, block;

	if (!thread->tp)
		return false;
	if (image_get_word(image, thread->tp + (is_x86 ? X86_64_DTV : AARCH64_DTV), &dtv) && image_get_word(image, dtv - DTV_ENTRY, &room) &&
	    room <= DTV_MAX && module->number <= room && image_get_word(image, dtv + module->number * DTV_ENTRY, &block) && block + 1 > 1) {
		*ret = block;
		return true;
	}
	if (!module->has_offset)
		return false;
	*ret = is_x86 ? thread->tp - module->offset : thread->tp + module->offset;
	return true;
}
