/* SPDX-License-Identifier: MIT */
#include "target/target.h"

#include <elf.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"

struct target *target_create(enum target_kind kind)
{
	struct target *target = xcalloc(1, sizeof(*target));

	target->kind = kind;
	target->exe_file = -1;
	image_init(&target->image);
	return target;
}

void target_destroy(struct target *target)
{
	if (!target)
		return;
	image_deinit(&target->image);
	if (target->backend_destroy)
		target->backend_destroy(target->backend);
	mappings_deinit(&target->mappings);
	for (size_t i = 0; i < target->files.n; i++) {
		struct target_file *file = &target->files.v[i];

		if (file->fd >= 0)
			close(file->fd);
		free(file->path);
		free(file->opened_as);
		free(file->why_absent);
	}
	array_deinit(&target->files);
	array_deinit(&target->threads);
	array_deinit(&target->auxv);
	for (size_t i = 0; i < target->notices.n; i++)
		free(target->notices.v[i]);
	array_deinit(&target->notices);
	free(target->name);
	free(target->exe_path);
	free(target->command);
	free(target->boot_id);
	free(target);
}

uint64_t target_auxv(const struct target *target, uint64_t type)
{
	for (size_t i = 0; i + 1 < target->auxv.n; i += 2) {
		if (target->auxv.v[i] == type)
			return target->auxv.v[i + 1];
		if (target->auxv.v[i] == AT_NULL)
			break;
	}
	return 0;
}

void target_notice(struct target *target, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	array_append(&target->notices, xvasprintf(format, args));
	va_end(args);
}

const char *machine_name(unsigned e_machine)
{
	static _Thread_local char number[32];

	switch (e_machine) {
	case EM_386:
		return "i386";
	case EM_X86_64:
		return "x86-64";
	case EM_AARCH64:
		return "AArch64";
	case EM_ARM:
		return "ARM";
	case EM_RISCV:
		return "RISC-V";
	case EM_PPC:
		return "PowerPC";
	case EM_PPC64:
		return "PowerPC 64";
	case EM_S390:
		return "S/390";
	case EM_MIPS:
		return "MIPS";
	case EM_SPARC:
	case EM_SPARC32PLUS:
	case EM_SPARCV9:
		return "SPARC";
	case EM_ALPHA:
		return "Alpha";
	case EM_IA_64:
		return "Itanium";
	case EM_PARISC:
		return "PA-RISC";
	case EM_68K:
		return "m68k";
	case EM_SH:
		return "SuperH";
	case 258: // EM_LOONGARCH, newer than some <elf.h>
		return "LoongArch";
	default:
		snprintf(number, sizeof(number), "machine %u", e_machine);
		return number;
	}
}
