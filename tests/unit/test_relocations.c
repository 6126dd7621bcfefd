/* SPDX-License-Identifier: MIT */
/* Relocations: RELA and RELR tables of files made for it, of the C library at hand, and tables that cannot be. */
#include "debug/relocations.h"

#include "debug/symbols.h"
#include "elf_builder.h"
#include "self_target.h"
#include "unit.h"

static const struct debug_options no_debug = { .debug_path = "" };

/* One file as the only module of a target. */
struct one_module {
	char directory[64], path[128];
	struct target *target;
	struct modules modules;
};

static const struct module *one_module_init(struct one_module *one, struct elf_builder *elf)
{
	one->target = empty_target();
	snprintf(one->path, sizeof(one->path), "%s/x.so", temporary_directory(one->directory));
	elf_write(elf, one->path);
	target_add_elf(one->target, one->path, elf->header.e_type == ET_EXEC ? 0 : 0x7000000);
	modules_init(&one->modules, one->target, &no_debug);
	ck_assert_uint_eq(one->modules.v.n, 1);
	return &one->modules.v.v[0];
}

static void one_module_deinit(struct one_module *one)
{
	modules_deinit(&one->modules);
	target_destroy(one->target);
	remove_directory(one->directory);
}

static void add_dynamic(struct elf_builder *elf, const Elf64_Dyn *entries, size_t n)
{
	size_t at = elf_add_bytes(elf, entries, n * sizeof(*entries));

	elf_add_phdr(elf, PT_DYNAMIC, at, n * sizeof(*entries));
}

#define RELATIVE R_X86_64_RELATIVE

START_TEST(entries_of_rela)
{
	struct elf_builder elf = elf_builder(ET_DYN);
	const Elf64_Rela rela[] = {
		{ 0x600, ELF64_R_INFO(0, RELATIVE), 0x500 },
		{ 0x608, ELF64_R_INFO(3, R_X86_64_64), 0x510 },
		{ 0x610, ELF64_R_INFO(0, R_AARCH64_RELATIVE), 0x520 },
		{ 0x618, ELF64_R_INFO(0, R_X86_64_TPOFF64), 0x40 },
		{ 0x620, ELF64_R_INFO(7, R_X86_64_TPOFF64), 0x48 }, // of another module
		{ 0x628, ELF64_R_INFO(0, R_AARCH64_TLS_TPREL), 0x10 },
		{ 0x630, ELF64_R_INFO(0, R_X86_64_TPOFF64), 0x90 }, // behind the segment's end
		{ 0x638, ELF64_R_INFO(0, R_X86_64_TPOFF64), -8 },
	};
	size_t at = elf_add_bytes(&elf, rela, sizeof(rela));
	const Elf64_Dyn dynamic[] = { { DT_RELA, { at } },
				      { DT_RELASZ, { sizeof(rela) } },
				      { DT_RELAENT, { sizeof(*rela) } },
				      { DT_NULL, { 0 } } };

	add_dynamic(&elf, dynamic, 4);
	elf_add_phdr(&elf, PT_TLS, 0x400, 0)->p_memsz = 0x90;

	struct one_module one;
	const struct module *module = one_module_init(&one, &elf);
	relative_word_array words;
	tls_slot_array slots;

	relocations_relative(module, &words);
	ck_assert_uint_eq(words.n, 2);
	ck_assert_uint_eq(words.v[0].at, 0x600);
	ck_assert_uint_eq(words.v[0].to, 0x500);
	ck_assert_uint_eq(words.v[1].at, 0x610);
	ck_assert_uint_eq(words.v[1].to, 0x520);
	relocations_tls(module, &slots);
	ck_assert_uint_eq(slots.n, 2);
	ck_assert_uint_eq(slots.v[0].slot, 0x618);
	ck_assert_uint_eq(slots.v[0].offset, 0x40);
	ck_assert_uint_eq(slots.v[1].slot, 0x628);
	ck_assert_uint_eq(slots.v[1].offset, 0x10);
	array_deinit(&words);
	array_deinit(&slots);
	one_module_deinit(&one);
}
END_TEST

START_TEST(entries_of_relr)
{
	struct elf_builder elf = elf_builder(ET_DYN);
	uint64_t values[256];

	for (size_t i = 0; i < 256; i++)
		values[i] = 0x100000 + i;

	size_t data = elf_add_bytes(&elf, values, sizeof(values));
	// An address; bits for the words 1, 3 and 63 behind it; the next bitmap goes on there; a second address.
	const uint64_t relr[] = {
		data,
		UINT64_C(1) | UINT64_C(1) << 1 | UINT64_C(1) << 3 | UINT64_C(1) << 63,
		UINT64_C(1) | UINT64_C(1) << 2,
		data + 200 * 8,
		1, // no bit
	};
	size_t at = elf_add_bytes(&elf, relr, sizeof(relr));
	// DT_RELR, DT_RELRSZ: newer than some <elf.h>.
	const Elf64_Dyn dynamic[] = { { 36, { at } },
				      { 35, { sizeof(relr) } },
				      { DT_NULL, { 0 } } };

	add_dynamic(&elf, dynamic, 3);

	static const size_t indices[] = { 0, 1, 3, 63, 65, 200 };
	struct one_module one;
	const struct module *module = one_module_init(&one, &elf);
	relative_word_array words;

	relocations_relative(module, &words);
	ck_assert_uint_eq(words.n, 6);
	for (size_t i = 0; i < 6; i++) {
		ck_assert_uint_eq(words.v[i].at, data + indices[i] * 8);
		// The addend stands in place.
		ck_assert_uint_eq(words.v[i].to, 0x100000 + indices[i]);
	}
	array_deinit(&words);
	one_module_deinit(&one);
}
END_TEST

START_TEST(tables_that_cannot_be)
{
	// Outside the file, larger than it, sizes without a table, a table without a size.
	for (unsigned what = 0; what < 6; what++) {
		struct elf_builder elf = elf_builder(ET_DYN);
		const Elf64_Rela rela[] = { { 0x600, ELF64_R_INFO(0, RELATIVE), 0x500 },
					    { 0x608, ELF64_R_INFO(0, RELATIVE), 0x508 } };
		const uint64_t relr[] = { 0x10000000, UINT64_MAX, UINT64_MAX, 0x20000000 };
		size_t at = elf_add_bytes(&elf, rela, sizeof(rela)),
		       relr_at = elf_add_bytes(&elf, relr, sizeof(relr));
		Elf64_Dyn dynamic[] = { { DT_RELA, { at } },
					{ DT_RELASZ, { sizeof(rela) } },
					{ 36, { relr_at } },
					{ 35, { 0 } },
					{ DT_NULL, { 0 } } };
		size_t expected = 0;

		switch (what) {
		case 0:
			dynamic[0].d_un.d_ptr = 0x10000000;
			break;
		case 1:
			dynamic[1].d_un.d_val = UINT64_MAX;
			break;
		case 2:
			dynamic[0].d_tag = DT_DEBUG;
			break;
		case 3:
			dynamic[1].d_tag = DT_DEBUG;
			break;
		case 4: // words at addresses that the file does not have
			dynamic[3].d_un.d_val = sizeof(relr);
			expected = 2;
			break;
		case 5: // the last entry is cut off
			dynamic[1].d_un.d_val = sizeof(rela) - 1;
			expected = 1;
			break;
		}
		add_dynamic(&elf, dynamic, 5);

		struct one_module one;
		const struct module *module = one_module_init(&one, &elf);
		relative_word_array words;
		tls_slot_array slots;

		relocations_relative(module, &words);
		ck_assert_uint_eq(words.n, expected);
		relocations_tls(module, &slots);
		ck_assert_uint_eq(slots.n, 0);
		array_deinit(&words);
		array_deinit(&slots);
		one_module_deinit(&one);
	}
}
END_TEST

START_TEST(a_file_without_tables)
{
	struct elf_builder elf = elf_builder(ET_DYN);
	struct one_module one;
	const struct module *module = one_module_init(&one, &elf);
	relative_word_array words;
	tls_slot_array slots;

	relocations_relative(module, &words);
	ck_assert_uint_eq(words.n, 0);
	relocations_tls(module, &slots);
	ck_assert_uint_eq(slots.n, 0);
	array_deinit(&words);
	array_deinit(&slots);
	one_module_deinit(&one);
}
END_TEST

START_TEST(writable_words_of_a_file_at_a_fixed_address)
{
	struct elf_builder elf = elf_builder(ET_EXEC);
	uint64_t values[3000];

	for (size_t i = 0; i < 3000; i++)
		values[i] = i * i;

	size_t data = elf_add_bytes(&elf, values, sizeof(values));
	Elf64_Phdr *phdr = elf_add_phdr(&elf, PT_LOAD, data, sizeof(values) - 3);

	// All but the last word, which is cut off; what lies behind the file's bytes is zero and no pointer.
	phdr->p_flags = PF_R | PF_W;
	phdr->p_memsz = sizeof(values) + 4096;
	phdr->p_vaddr += 0x400000;
	elf.phdrs[0].p_vaddr = 0x400000;

	struct one_module one;
	const struct module *module = one_module_init(&one, &elf);
	relative_word_array words;

	relocations_relative(module, &words);
	ck_assert_uint_eq(words.n, 2999);
	for (size_t i = 0; i < words.n; i++)
		if (words.v[i].at != 0x400000 + data + 8 * i || words.v[i].to != i * i)
			ck_abort_msg("word %zu", i);
	array_deinit(&words);
	one_module_deinit(&one);
}
END_TEST

/* The address that errno has in the file's TLS segment, by the way the program itself takes. */
START_TEST(the_library_at_hand)
{
	struct target *target = self_target();
	struct modules modules;
	struct module *libc = NULL;
	relative_word_array words;
	tls_slot_array slots;
	size_t wrong = 0;

	modules_init(&modules, target, &no_debug);
	for (size_t i = 0; i < modules.v.n; i++)
		if (strcmp(module_name(&modules.v.v[i]), "libc.so.6") == 0)
			libc = &modules.v.v[i];
	ck_assert_ptr_nonnull(libc);
	relocations_relative(libc, &words);
	ck_assert_uint_gt(words.n, 100);
	for (size_t i = 0; i < words.n; i++) {
		// Of words that the loader made read-only again afterwards the values still stand; others the program may have changed.
		uint64_t value;

		memcpy(&value, (const void *)(uintptr_t)(words.v[i].at + libc->bias),
		       sizeof(value));
		wrong += value != words.v[i].to + libc->bias;
	}
	ck_assert_uint_lt(wrong * 10, words.n);
	relocations_tls(libc, &slots);
	ck_assert_uint_gt(slots.n, 3);

	// All slots name the same start of the block.
	for (size_t i = 0; i < slots.n; i++) {
		uint64_t first, value;

		memcpy(&first, (const void *)(uintptr_t)(slots.v[0].slot + libc->bias),
		       sizeof(first));
		memcpy(&value, (const void *)(uintptr_t)(slots.v[i].slot + libc->bias),
		       sizeof(value));
		ck_assert_uint_eq(value - slots.v[i].offset, first - slots.v[0].offset);
	}
	array_deinit(&words);
	array_deinit(&slots);
	modules_deinit(&modules);
	target_destroy(target);
}
END_TEST

START_TEST(imports_of_libc_users)
{
	static const struct debug_options options = { .debug_path = "" };
	struct target *target = self_target();
	struct modules modules;
	import_slot_array imports;
	struct module *module;
	bool found = false;

	modules_init(&modules, target, &options);
	module = modules_find(&modules, (vaddr)(uintptr_t)&imports_of_libc_users);
	ck_assert_ptr_nonnull(module);
	relocations_imports(module, &imports);
	for (size_t i = 0; i < imports.n; i++) {
		const struct import_slot *import = import_slot_at(&imports, imports.v[i].slot);

		ck_assert(import && import->slot == imports.v[i].slot);
		ck_assert(i == 0 || imports.v[i - 1].slot <= imports.v[i].slot);
		found |= strcmp(imports.v[i].name, "dlsym") == 0 || strcmp(imports.v[i].name, "malloc") == 0;
	}
	ck_assert(found);
	ck_assert_ptr_null(import_slot_at(&imports, 1));

	// The stubs, wherever they are, lead to the slots.
	size_t stubs = 0;

	for (size_t i = 0; i < module->segments.n; i++) {
		const struct module_segment *segment = &module->segments.v[i];

		for (vaddr at = segment->start; (segment->flags & PF_X) && at + 16 <= segment->end; at += 16) {
			const struct import_slot *import = import_of_stub(module, &imports, at);

			stubs += import != NULL;
			ck_assert(!import || import->name[0] != '\0');
		}
	}
	ck_assert_uint_gt(stubs, 0);
	array_deinit(&imports);
	modules_deinit(&modules);
	target_destroy(target);
}
END_TEST

UNIT_SUITE("relocations", imports_of_libc_users, entries_of_rela, entries_of_relr, tables_that_cannot_be,
	   a_file_without_tables, writable_words_of_a_file_at_a_fixed_address, the_library_at_hand)
