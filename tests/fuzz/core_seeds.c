/* SPDX-License-Identifier: MIT */
/*
 * Writes the seeds of fuzz_core and fuzz_core_notes into the folders corpus/core and corpus/core_notes of the working
 * directory: one small core for each kind that target/core.c tells apart. How the committed ones were made: see RECIPE there.
 */
#include <stdlib.h>

#include <zstd.h>

#include "core_builder.h"

enum { EXE = 0x5000000, DATA = 0x7000000 };

/* The program itself as a module: a file that is on every machine that runs this. */
static const char program[] = "/proc/self/exe";

static void put_words(uint8_t *page, size_t at, const uint64_t *words, size_t n)
{
	memcpy(page + at, words, 8 * n);
}

static struct core_builder core(uint16_t machine, bool notes_last, bool files, bool extended)
{
	struct core_builder builder = { .machine = machine, .notes_last = notes_last, .extended = extended };
	static const uint64_t auxv[] = { AT_PAGESZ, 4096, AT_PHDR, EXE + 64, AT_SYSINFO_EHDR, 0x9000000, AT_RANDOM, DATA, AT_EXECFN, DATA + 0x180 };
	static const struct core_builder_file list[] = {
		{ EXE, EXE + 0x1000, 0, program },
		{ EXE + 0x1000, EXE + 0x2000, 1, program },
		{ DATA + 0x10000, DATA + 0x20000, 0, "/dev/zero (deleted)" },
	};
	uint8_t elf[ELF_BUILDER_SIZE], data[1024] = { 0 };
	uint64_t tls = DATA;
	int call = 98, siginfo[32] = { 11 };
	Elf64_Phdr *phdrs = (Elf64_Phdr *)(elf + 64);

	elf_builder(elf, machine, 0xaa, 0, false);
	phdrs[3] = phdrs[4];
	phdrs[4] = (Elf64_Phdr){ .p_type = PT_DYNAMIC, .p_vaddr = 12288, .p_offset = 8192, .p_filesz = 64, .p_memsz = 64 };

	const uint64_t dynamic[] = { DT_DEBUG, DATA, DT_SONAME, 1, DT_STRTAB, DATA + 0x180, DT_NULL, 0 };
	const uint64_t debug[] = { 2, DATA + 0x100, 0, 0, 0, DATA }, map[] = { EXE, DATA + 0x180, EXE + 12288, DATA + 0x100, 0 };

	put_words(elf, 1500, dynamic, 8);
	phdrs[4].p_vaddr = 1500;
	put_words(data, 0, debug, 6);
	put_words(data, 0x100, map, 5);
	memcpy(data + 0x180, program, sizeof(program));
	core_builder_segment(&builder, EXE, elf, 1600, 4096, PF_R);
	core_builder_segment(&builder, EXE + 0x1000, NULL, 0, 4096, PF_R | PF_X);
	core_builder_segment(&builder, DATA, data, sizeof(data), 4096, PF_R | PF_W);
	core_builder_segment(&builder, 0x9000000, data, 64, 64, PF_R | PF_X);
	core_builder_thread(&builder, 77, 0x1000);
	core_builder_process(&builder, 77, "program", "./program -x ");
	core_builder_note(&builder, "CORE", NT_SIGINFO, siginfo, sizeof(siginfo));
	core_builder_auxv(&builder, auxv, 5);
	if (files)
		core_builder_files(&builder, list, 3, notes_last ? 1 : 4096);
	if (machine == EM_AARCH64) {
		core_builder_note(&builder, "LINUX", NT_ARM_TLS, &tls, sizeof(tls));
		core_builder_note(&builder, "LINUX", 0x404, &call, sizeof(call));
	}
	core_builder_thread(&builder, 78, 0x2000);
	core_builder_finish(&builder);
	return builder;
}

static void write_notes(const char *path, const struct core_builder *builder)
{
	byte_array bytes = { 0 };
	uint8_t first = builder->machine == EM_AARCH64;

	bytes_append(&bytes, &first, 1);
	bytes_append(&bytes, builder->notes.v, builder->notes.n);
	file_write(path, bytes.v, bytes.n);
	array_deinit(&bytes);
}

int main(void)
{
	static const struct {
		const char *name;
		uint16_t machine;
		bool notes_last, files, extended;
	} kinds[] = {
		{ "kernel", EM_X86_64, false, true, false },	  { "gcore", EM_X86_64, true, true, false },
		{ "no_files", EM_X86_64, false, false, false },	  { "aarch64", EM_AARCH64, false, true, false },
		{ "extended", EM_X86_64, false, false, true },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct core_builder builder = core(kinds[i].machine, kinds[i].notes_last, kinds[i].files, kinds[i].extended);
		char path[128];

		snprintf(path, sizeof(path), "corpus/core/%s", kinds[i].name);
		file_write(path, builder.file.v, builder.file.n);
		snprintf(path, sizeof(path), "corpus/core_notes/%s", kinds[i].name);
		write_notes(path, &builder);
		if (i == 0) {
			size_t bound = ZSTD_compressBound(builder.file.n);
			uint8_t *packed = xmalloc(bound);

			file_write("corpus/core/zstd", packed, ZSTD_compress(packed, bound, builder.file.v, builder.file.n, 19));
			free(packed);
			file_write("corpus/core/cut", builder.file.v, 4096 + 700);
		}
		core_builder_deinit(&builder);
	}
	return 0;
}
