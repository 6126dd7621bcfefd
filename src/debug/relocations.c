/* SPDX-License-Identifier: MIT */
#include "debug/relocations.h"

#include <elf.h>
#include <string.h>

enum {
	WORDS_MAX = 16 * 1024 * 1024,
	SLOTS_MAX = 4096,
	// Read this many table entries at once.
	BATCH = 1024,
};

#ifndef DT_RELR
#define DT_RELR 36
#define DT_RELRSZ 35
#endif

struct tables {
	vaddr rela, relr;
	uint64_t rela_size, relr_size;
};

static struct tables dynamic_tables(const struct module *module)
{
	struct tables tables = { 0 };

	// What is not there stays 0: an empty table.
	if (!module_dynamic(module, DT_RELA, 0, &tables.rela) || !module_dynamic(module, DT_RELASZ, 0, &tables.rela_size))
		tables.rela_size = 0;
	if (!module_dynamic(module, DT_RELR, 0, &tables.relr) || !module_dynamic(module, DT_RELRSZ, 0, &tables.relr_size))
		tables.relr_size = 0;
	return tables;
}

/* Calls visit for each entry of DT_RELA. */
static void rela_each(const struct module *module, const struct tables *tables,
		      void (*visit)(const struct module *module, const Elf64_Rela *rela, void *context), void *context)
{
	Elf64_Rela batch[BATCH];
	uint64_t n = tables->rela_size / sizeof(*batch);

	if (n > WORDS_MAX)
		n = WORDS_MAX;
	for (uint64_t done = 0; done < n;) {
		uint64_t count = n - done < BATCH ? n - done : BATCH;

		if (!module_get(module, tables->rela + done * sizeof(*batch), batch, count * sizeof(*batch)))
			return;
		for (uint64_t i = 0; i < count; i++)
			visit(module, &batch[i], context);
		done += count;
	}
}

static void append_relative(const struct module *module, const Elf64_Rela *rela, void *context)
{
	relative_word_array *words = context;
	uint64_t type = ELF64_R_TYPE(rela->r_info);

	(void)module;
	if ((type == R_X86_64_RELATIVE || type == R_AARCH64_RELATIVE) && words->n < WORDS_MAX)
		array_append(words, (struct relative_word){ rela->r_offset, (vaddr)rela->r_addend });
}

static void append_in_place(const struct module *module, vaddr at, relative_word_array *words)
{
	uint64_t value;

	if (words->n < WORDS_MAX && module_get(module, at, &value, sizeof(value)))
		array_append(words, (struct relative_word){ at, value });
}

/* DT_RELR: an even entry is an address, an odd one a bitmap of the 63 words after the last address covered. */
static void relr_each(const struct module *module, const struct tables *tables, relative_word_array *words)
{
	vaddr next = 0;

	for (uint64_t i = 0; i < tables->relr_size / 8 && i < WORDS_MAX; i++) {
		uint64_t entry;

		if (!module_get(module, tables->relr + i * 8, &entry, sizeof(entry)))
			return;
		if (!(entry & 1)) {
			append_in_place(module, entry, words);
			next = entry + 8;
			continue;
		}
		for (unsigned bit = 1; bit < 64; bit++)
			if (entry >> bit & 1)
				append_in_place(module, next + (bit - 1) * 8, words);
		next += UINT64_C(63) * 8;
	}
}

static void append_writable_words(const struct module *module, relative_word_array *words)
{
	for (size_t i = 0; i < module->segments.n; i++) {
		const struct module_segment *segment = &module->segments.v[i];

		if (!(segment->flags & PF_W))
			continue;
		for (uint64_t offset = 0; offset + 8 <= segment->file_size && words->n < WORDS_MAX;) {
			uint64_t batch[BATCH];
			uint64_t count = (segment->file_size - offset) / 8;

			if (count > BATCH)
				count = BATCH;
			if (!module_get(module, segment->start + offset, batch, count * 8))
				break;
			for (uint64_t k = 0; k < count; k++)
				array_append(words, (struct relative_word){ segment->start + offset + k * 8, batch[k] });
			offset += count * 8;
		}
	}
}

void relocations_relative(const struct module *module, relative_word_array *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (module->type == ET_EXEC) {
		append_writable_words(module, ret);
		return;
	}

	struct tables tables = dynamic_tables(module);

	rela_each(module, &tables, append_relative, ret);
	relr_each(module, &tables, ret);
}

static void append_tls(const struct module *module, const Elf64_Rela *rela, void *context)
{
	tls_slot_array *slots = context;
	uint64_t type = ELF64_R_TYPE(rela->r_info);

	if ((type == R_X86_64_TPOFF64 || type == R_AARCH64_TLS_TPREL) && !ELF64_R_SYM(rela->r_info) &&
	    (uint64_t)rela->r_addend < module->tls_size && slots->n < SLOTS_MAX)
		array_append(slots, (struct tls_slot){ rela->r_offset, (uint64_t)rela->r_addend });
}

void relocations_tls(const struct module *module, tls_slot_array *ret)
{
	struct tables tables = dynamic_tables(module);

	memset(ret, 0, sizeof(*ret));
	rela_each(module, &tables, append_tls, ret);
}
