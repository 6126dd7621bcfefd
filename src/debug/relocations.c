/* SPDX-License-Identifier: MIT */
#include "debug/elf_file.h"
#include "debug/relocations.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

enum {
	WORDS_MAX = 16 * 1024 * 1024,
	SLOTS_MAX = 4096,
	IMPORTS_MAX = 1 << 20,
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

/* The same for DT_JMPREL, which has the entries of the procedure linkage table. */
static struct tables jump_tables(const struct module *module)
{
	struct tables tables = { 0 };

	if (!module_dynamic(module, DT_JMPREL, 0, &tables.rela) || !module_dynamic(module, DT_PLTRELSZ, 0, &tables.rela_size))
		tables.rela_size = 0;
	return tables;
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

/* ---- imports ---- */

struct import_reader {
	Elf_Data *symbols, *strings;
	import_slot_array *imports;
};

/* The symbol with a number in .dynsym. Its name must end in .dynstr. */
static bool import_symbol(const struct import_reader *reader, uint64_t index, const char **name_ret, vaddr *value_ret)
{
	GElf_Sym symbol;

	if (index > INT32_MAX || !gelf_getsym(reader->symbols, (int)index, &symbol) || symbol.st_name >= reader->strings->d_size)
		return false;

	const char *name = (const char *)reader->strings->d_buf + symbol.st_name;

	if (!memchr(name, 0, reader->strings->d_size - symbol.st_name) || !*name)
		return false;
	*name_ret = name;
	*value_ret = symbol.st_shndx == SHN_UNDEF ? 0 : symbol.st_value;
	return true;
}

static void append_import(const struct module *module, const Elf64_Rela *rela, void *context)
{
	struct import_reader *reader = context;
	uint64_t type = ELF64_R_TYPE(rela->r_info);
	struct import_slot import = { .slot = rela->r_offset };
	bool is_import = module->machine == MACHINE_X86_64 ?
				 type == R_X86_64_GLOB_DAT || type == R_X86_64_JUMP_SLOT || type == R_X86_64_64 :
				 type == R_AARCH64_GLOB_DAT || type == R_AARCH64_JUMP_SLOT || type == R_AARCH64_ABS64;

	if (is_import && rela->r_addend == 0 && reader->imports->n < IMPORTS_MAX &&
	    import_symbol(reader, ELF64_R_SYM(rela->r_info), &import.name, &import.value))
		array_append(reader->imports, import);
}

static int import_compare(const void *a, const void *b)
{
	const struct import_slot *left = a, *right = b;

	if (left->slot != right->slot)
		return left->slot < right->slot ? -1 : 1;
	return strcmp(left->name, right->name);
}

void relocations_imports(const struct module *module, import_slot_array *ret)
{
	struct import_reader reader = { .imports = ret };
	GElf_Shdr header;

	memset(ret, 0, sizeof(*ret));
	if (!module->elf)
		return;

	Elf_Scn *symbols = section_named(module->elf, ".dynsym", &header), *strings = section_named(module->elf, ".dynstr", &header);

	reader.symbols = symbols ? elf_getdata(symbols, NULL) : NULL;
	reader.strings = strings ? elf_getdata(strings, NULL) : NULL;
	if (!reader.symbols || !reader.strings || !reader.strings->d_buf)
		return;

	struct tables tables = dynamic_tables(module), jumps = jump_tables(module);

	rela_each(module, &tables, append_import, &reader);
	rela_each(module, &jumps, append_import, &reader);
	if (ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), import_compare);
}

const struct import_slot *import_slot_at(const import_slot_array *imports, vaddr slot)
{
	size_t low = 0, high = imports->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (imports->v[middle].slot < slot)
			low = middle + 1;
		else
			high = middle;
	}
	return low < imports->n && imports->v[low].slot == slot ? &imports->v[low] : NULL;
}

/* endbr64, which may be left out; bnd, too; jmp *slot(%rip). */
static bool x86_stub_slot(const uint8_t *code, size_t size, vaddr start, vaddr *ret)
{
	static const uint8_t endbr64[] = { 0xf3, 0x0f, 0x1e, 0xfa };
	size_t at = 0;
	int32_t distance;

	if (size >= sizeof(endbr64) && memcmp(code, endbr64, sizeof(endbr64)) == 0)
		at += sizeof(endbr64);
	if (at < size && code[at] == 0xf2)
		at++;
	if (at + 6 > size || code[at] != 0xff || code[at + 1] != 0x25)
		return false;
	memcpy(&distance, code + at + 2, sizeof(distance));
	*ret = start + at + 6 + (uint64_t)(int64_t)distance;
	return true;
}

/* bti c, which may be left out; adrp x16, page; ldr x17, [x16, #offset]. */
static bool arm64_stub_slot(const uint8_t *code, size_t size, vaddr start, vaddr *ret)
{
	uint32_t words[3], page, load;
	size_t at = 0;

	if (size < sizeof(words))
		return false;
	memcpy(words, code, sizeof(words));
	if (words[0] == 0xd503245f)
		at++;
	page = words[at];
	load = words[at + 1];
	if ((page & 0x9f00001f) != 0x90000010 || (load & 0xffc003ff) != 0xf9400211)
		return false;

	int64_t pages = (int64_t)((page >> 5 & 0x7ffff) << 2 | (page >> 29 & 3));

	if (pages & 1 << 20)
		pages -= 1 << 21;
	*ret = ((start + at * 4) & ~UINT64_C(0xfff)) + (uint64_t)(pages * 4096) + (load >> 10 & 0xfff) * 8;
	return true;
}

const struct import_slot *import_of_stub(const struct module *module, const import_slot_array *imports, vaddr code)
{
	uint8_t bytes[12];
	vaddr slot;

	if (imports->n == 0 || !module_get(module, code, bytes, sizeof(bytes)))
		return NULL;
	if (module->machine == MACHINE_X86_64 ? !x86_stub_slot(bytes, sizeof(bytes), code, &slot) : !arm64_stub_slot(bytes, sizeof(bytes), code, &slot))
		return NULL;
	return import_slot_at(imports, slot);
}
