/* SPDX-License-Identifier: MIT */
/*
 * A shared object that the test compiles and loads into itself, in the forms that compilers write debug information in. The object says what is
 * true of itself; the test asks the DWARF. Include it before unit.h.
 */
#ifndef TESTS_UNIT_DWARF_CASE_H
#define TESTS_UNIT_DWARF_CASE_H

#include <dlfcn.h>
#include <link.h>

#include "debug/elf_file.h"
#include "debug/modules.h"
#include "rounds.h"
#include "self_target.h"

struct dwarf_case {
	char directory[64], path[128], form[128];
	/** The object in this process. */
	void *object;
	struct target *target;
	struct modules modules;
	struct module *module;
};

/* Compiles a source («thing.c» or «thing.cc») with a command such as «gcc -O2»; false when this machine cannot. */
static inline bool dwarf_case_init(struct dwarf_case *one, const char *source, const char *extension, const char *command)
{
	static const struct debug_options no_debug = { .debug_path = "" };
	char text[1024];

	*one = (struct dwarf_case){ .object = NULL };
	snprintf(one->form, sizeof(one->form), "%s (%s)", command, extension);
	temporary_directory(one->directory);
	snprintf(one->path, sizeof(one->path), "%s/thing.%s", one->directory, extension);
	FILE *file = fopen(one->path, "we");
	fputs(source, file);
	fclose(file);
	snprintf(one->path, sizeof(one->path), "%s/thing.so", one->directory);
	snprintf(text, sizeof(text), "cd '%s' && %s -fPIC -shared -o thing.so thing.%s 2>errors", one->directory, command, extension);
	if (system(text) != 0) {
		remove_directory(one->directory);
		return false;
	}
	one->object = dlopen(one->path, RTLD_NOW | RTLD_LOCAL);
	ck_assert_msg(one->object != NULL, "%s", dlerror());
	one->target = self_target();
	modules_init(&one->modules, one->target, &no_debug);
	struct link_map *map;
	ck_assert_int_eq(dlinfo(one->object, RTLD_DI_LINKMAP, &map), 0);
	one->module = modules_find(&one->modules, (vaddr)(uintptr_t)map->l_ld);
	ck_assert_ptr_nonnull(one->module);
	ck_assert_uint_eq(one->module->bias, map->l_addr);
	return true;
}

static inline void dwarf_case_deinit(struct dwarf_case *one)
{
	modules_deinit(&one->modules);
	target_destroy(one->target);
	dlclose(one->object);
	remove_directory(one->directory);
}

/* Asks a module whose debug sections were damaged whatever the test is about. */
typedef void damage_ask(struct modules *modules, struct module *module);

/* Damages one byte after the other of a debug section, of a copy of the object, and asks each time. */
static inline void dwarf_case_damage(struct dwarf_case *one, const char *section, int rounds, uint32_t seed, damage_ask *ask)
{
	static const struct debug_options no_debug = { .debug_path = "" };
	char command[512], path[128];
	GElf_Shdr header;

	if (!section_named(one->module->elf, section, &header) || header.sh_size == 0)
		return;
	snprintf(path, sizeof(path), "%s/damaged.so", one->directory);
	snprintf(command, sizeof(command), "cp '%s' '%s'", one->path, path);
	ck_assert_int_eq(system(command), 0);

	FILE *file = fopen(path, "r+e");
	struct target *target = empty_target();
	target_add_elf(target, path, 0x100000);
	for (int round = 0; round < unit_rounds(rounds); round++) {
		struct modules modules;

		seed = seed * 1103515245 + 12345;
		long at = (long)(header.sh_offset + (seed >> 8) % header.sh_size);
		fseek(file, at, SEEK_SET);
		int before = getc(file);
		fseek(file, at, SEEK_SET);
		putc(round % 3 == 0 ? 0xff : round % 3 == 1 ? 0 : (int)(seed >> 24), file);
		fflush(file);
		modules_init(&modules, target, &no_debug);
		ck_assert_uint_eq(modules.v.n, 1);
		ask(&modules, &modules.v.v[0]);
		modules_deinit(&modules);
		fseek(file, at, SEEK_SET);
		putc(before, file);
	}
	fclose(file);
	target_destroy(target);
}

#endif
