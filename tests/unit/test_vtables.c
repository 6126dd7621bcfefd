/* SPDX-License-Identifier: MIT */
/* Vtables: a C++ runtime and some classes written word by word into a module, whole, damaged, and with nothing but symbols. */
#include <string.h>

#include "base/alloc.h"
#include "debug/modules.h"
#include "elf_builder.h"
#include "self_target.h"
#include "types/vtables.h"
#include "unit.h"

static const struct debug_options no_debug = {.debug_path = ""};

enum {
	WORDS = 512,
	/* The runtime: for each kind of type information a vtable (offset to top, type information, a function), that information and its name. */
	KINDS = 0,
	KIND_SIZE = 16,
	CLASS_KIND = 0,
	SI_KIND = 1,
	VMI_KIND = 2,
	CODE = 48,
	/* What tests write. */
	FREE = 64,
};

#define FIRST_MODULE UINT64_C(0x10000)
#define SECOND_MODULE UINT64_C(0x40000)

struct vtables_case {
	char directory[64], paths[2][128];
	struct target *target;
	struct modules modules;
	struct vtables vtables;
	/* Of each module: its words, and where the image has them. */
	struct elf_builder *elves[2];
	uint64_t words[2][WORDS];
	size_t n_modules;
	uint64_t *reads_left;
	bool is_absent;
};

/* The address of the nth word of a module. */
static vaddr word_address(size_t module, size_t nth)
{
	return (module ? SECOND_MODULE : FIRST_MODULE) + ELF_DATA + nth * 8;
}

static void put_text(struct vtables_case *one, size_t module, size_t nth, const char *text)
{
	strcpy((char *)&one->words[module][nth], text);
}

/* The address point of a kind. */
static vaddr kind_vtable(size_t kind)
{
	return word_address(0, KINDS + kind * KIND_SIZE + 2);
}

/* Type information with its name six words further on. */
static void put_type(struct vtables_case *one, size_t module, size_t nth, size_t kind, const char *name)
{
	one->words[module][nth] = kind_vtable(kind);
	one->words[module][nth + 1] = word_address(module, nth + 6);
	put_text(one, module, nth + 6, name);
}

/* A vtable of one function. */
static void put_vtable(struct vtables_case *one, size_t module, size_t nth, int64_t top, vaddr type)
{
	one->words[module][nth] = (uint64_t)top;
	one->words[module][nth + 1] = type;
	one->words[module][nth + 2] = word_address(module, CODE);
}

static void case_begin(struct vtables_case *one)
{
	static const char *const names[] = {"N10__cxxabiv117__class_type_infoE", "N10__cxxabiv120__si_class_type_infoE",
					    "N10__cxxabiv121__vmi_class_type_infoE"};

	memset(one, 0, sizeof(*one));
	one->n_modules = 1;
	for (size_t i = 0; i < 2; i++) {
		one->elves[i] = xmalloc(sizeof(*one->elves[i]));
		*one->elves[i] = elf_builder(ET_DYN);
		one->elves[i]->phdrs[0].p_flags = PF_R | PF_W | PF_X;
	}
	for (size_t kind = 0; kind < 3; kind++) {
		size_t at = KINDS + kind * KIND_SIZE;

		put_vtable(one, 0, at, 0, word_address(0, at + 4));
		put_type(one, 0, at + 4, SI_KIND, names[kind]);
	}
}

/* Dog, with a second base 16 bytes in: type information at FREE, vtables at FREE + 16 and FREE + 20. */
static void put_dog(struct vtables_case *one)
{
	put_type(one, 0, FREE, CLASS_KIND, "N3zoo3DogE");
	put_vtable(one, 0, FREE + 16, 0, word_address(0, FREE));
	put_vtable(one, 0, FREE + 20, -16, word_address(0, FREE));
}

static vaddr dog(void)
{
	return word_address(0, FREE + 18);
}

static vaddr dog_second(void)
{
	return word_address(0, FREE + 22);
}

static void case_build(struct vtables_case *one)
{
	one->target = empty_target();
	temporary_directory(one->directory);
	for (size_t i = 0; i < one->n_modules; i++) {
		struct elf_builder *elf = one->elves[i];

		// Symbols that a test added lie behind.
		if (elf->size == ELF_DATA)
			elf_add_bytes(elf, one->words[i], sizeof(one->words[i]));
		memcpy(elf->bytes + ELF_DATA, one->words[i], sizeof(one->words[i]));
		snprintf(one->paths[i], sizeof(one->paths[i]), "%s/module%zu.so", one->directory, i);
		elf_write(elf, one->paths[i]);
		target_add_elf(one->target, one->paths[i], i ? SECOND_MODULE : FIRST_MODULE);
		if (!one->is_absent)
			image_add_bytes(&one->target->image, i ? SECOND_MODULE : FIRST_MODULE, elf->size, elf->bytes);
	}
	image_seal(&one->target->image);
	modules_init(&one->modules, one->target, &no_debug);
	ck_assert_uint_eq(one->modules.v.n, one->n_modules);
	one->target->image.reads_left = one->reads_left;
	vtables_build(&one->modules, &one->target->image, &one->vtables);
	for (size_t i = 1; i < one->vtables.v.n; i++)
		ck_assert_uint_lt(one->vtables.v.v[i - 1].address_point, one->vtables.v.v[i].address_point);
	for (size_t i = 0; i < one->vtables.v.n; i++)
		ck_assert_ptr_eq(vtables_at(&one->vtables, one->vtables.v.v[i].address_point), &one->vtables.v.v[i]);
}

static void case_end(struct vtables_case *one)
{
	vtables_deinit(&one->vtables);
	modules_deinit(&one->modules);
	remove_directory(one->directory);
	target_destroy(one->target);
	for (size_t i = 0; i < 2; i++)
		free(one->elves[i]);
}

static const char *class_at(const struct vtables_case *one, vaddr word)
{
	const struct vtable *vtable = vtables_at(&one->vtables, word);

	return vtable ? one->vtables.classes.v[vtable->class].name : NULL;
}

START_TEST(a_class_is_found_by_its_type_information)
{
	struct vtables_case one;

	case_begin(&one);
	put_dog(&one);
	case_build(&one);
	const struct vtable *vtable = vtables_at(&one.vtables, dog());
	ck_assert_ptr_nonnull(vtable);
	ck_assert_uint_eq(vtable->offset, 0);
	const struct vtable_class *class = &one.vtables.classes.v[vtable->class];
	ck_assert_str_eq(class->name, "zoo::Dog");
	ck_assert_str_eq(class->mangled, "N3zoo3DogE");
	ck_assert(class->is_demangled);
	ck_assert_uint_eq(class->module, 0);
	ck_assert_uint_eq(class->type_information, word_address(0, FREE));
	const struct vtable *second = vtables_at(&one.vtables, dog_second());
	ck_assert_ptr_nonnull(second);
	ck_assert_uint_eq(second->class, vtable->class);
	ck_assert_uint_eq(second->offset, 16);
	// The runtime's own classes are classes, too.
	ck_assert_str_eq(class_at(&one, kind_vtable(VMI_KIND)), "__cxxabiv1::__vmi_class_type_info");
	ck_assert_uint_eq(one.vtables.v.n, 5);
	ck_assert_uint_eq(one.vtables.refused, 0);
	case_end(&one);
}
END_TEST

START_TEST(no_other_word_is_a_vtable)
{
	struct vtables_case one;

	case_begin(&one);
	put_dog(&one);
	case_build(&one);
	for (vaddr word = FIRST_MODULE; word < FIRST_MODULE + 0x2000; word++) {
		bool is_one = false;

		for (size_t i = 0; i < one.vtables.v.n; i++)
			is_one |= one.vtables.v.v[i].address_point == word;
		ck_assert((vtables_at(&one.vtables, word) != NULL) == is_one);
	}
	// The same page by its low bits.
	ck_assert_ptr_null(vtables_at(&one.vtables, dog() + ((uint64_t)VTABLE_PAGES << VTABLE_PAGE_SHIFT)));
	ck_assert_ptr_null(vtables_at(&one.vtables, 0));
	ck_assert_ptr_null(vtables_at(&one.vtables, UINT64_MAX));
	case_end(&one);

	const struct vtables none = {0};
	ck_assert_ptr_null(vtables_at(&none, dog()));
}
END_TEST

/* One word that is wrong: is Dog still found? */
static bool dog_survives(size_t nth, uint64_t word)
{
	struct vtables_case one;

	case_begin(&one);
	put_dog(&one);
	one.words[0][nth] = word;
	case_build(&one);
	const char *class = class_at(&one, dog());
	bool found = class && strcmp(class, "zoo::Dog") == 0;
	case_end(&one);
	return found;
}

START_TEST(a_lie_must_be_consistent)
{
	uint64_t letter = 0;

	ck_assert(dog_survives(FREE + 40, 1));
	// Offset to top: positive, unbelievable.
	ck_assert(!dog_survives(FREE + 16, 8));
	ck_assert(!dog_survives(FREE + 16, (uint64_t)INT64_MIN));
	// Type information: nowhere, at no multiple of eight, no type information.
	ck_assert(!dog_survives(FREE + 17, 0));
	ck_assert(!dog_survives(FREE + 17, UINT64_MAX - 7));
	ck_assert(!dog_survives(FREE + 17, word_address(0, FREE) + 4));
	ck_assert(!dog_survives(FREE + 17, word_address(0, FREE + 1)));
	// Its vtable: another one, none.
	ck_assert(!dog_survives(FREE, dog()));
	ck_assert(!dog_survives(FREE, 0));
	ck_assert(!dog_survives(FREE, UINT64_MAX));
	ck_assert(dog_survives(FREE, kind_vtable(VMI_KIND)));
	// Its name: absent, empty, with control bytes.
	ck_assert(!dog_survives(FREE + 1, 0x10));
	ck_assert(!dog_survives(FREE + 6, 0));
	memcpy(&letter, "\x1b[2Jabc", 7);
	ck_assert(!dog_survives(FREE + 6, letter));
	// The runtime: a top, another name, no information.
	ck_assert(!dog_survives(KINDS, 0 - UINT64_C(8)));
	ck_assert(!dog_survives(KINDS + 10, letter));
	ck_assert(!dog_survives(KINDS + 1, 0));
}
END_TEST

START_TEST(a_name_that_is_not_understood_stays_mangled)
{
	struct vtables_case one;

	case_begin(&one);
	put_dog(&one);
	put_text(&one, 0, FREE + 6, "3BoxIXplLi1E");
	case_build(&one);
	ck_assert_str_eq(class_at(&one, dog()), "3BoxIXplLi1E");
	ck_assert(!one.vtables.classes.v[vtables_at(&one.vtables, dog())->class].is_demangled);
	case_end(&one);
}
END_TEST

START_TEST(a_class_of_two_modules_is_one)
{
	static const struct {
		const char *name;
		bool is_one;
	} cases[] = {{"N3zoo3DogE", true}, {"*N3zoo3DogE", false}, {"N12_GLOBAL__N_13DogE", false}};

	for (size_t i = 0; i < 3; i++) {
		struct vtables_case one;

		case_begin(&one);
		put_dog(&one);
		put_text(&one, 0, FREE + 6, cases[i].name);
		one.n_modules = 2;
		put_type(&one, 1, FREE, CLASS_KIND, cases[i].name);
		put_vtable(&one, 1, FREE + 16, 0, word_address(1, FREE));
		case_build(&one);
		const struct vtable *first = vtables_at(&one.vtables, dog()), *second = vtables_at(&one.vtables, word_address(1, FREE + 18));
		ck_assert(first && second);
		ck_assert((first->class == second->class) == cases[i].is_one);
		ck_assert_str_eq(class_at(&one, first->address_point), class_at(&one, second->address_point));
		case_end(&one);
	}
}
END_TEST

#define NAMES "\0_ZTV4Bare\0_ZTVN3zoo3DogE\0_ZTV5Empty"

START_TEST(symbols_tell_where_there_is_no_type_information)
{
	struct vtables_case one;

	case_begin(&one);
	put_dog(&one);
	elf_add_bytes(one.elves[0], one.words[0], sizeof(one.words[0]));
	const Elf64_Sym symbols[] = {
		{0},
		// A function, a second base of another function, and what is no pair.
		{.st_name = 1, .st_info = ELF64_ST_INFO(STB_LOCAL, STT_OBJECT), .st_shndx = 1, .st_value = ELF_DATA + (FREE + 32) * 8, .st_size = 7 * 8},
		{.st_name = 11, .st_info = ELF64_ST_INFO(STB_WEAK, STT_OBJECT), .st_shndx = 1, .st_value = ELF_DATA + (FREE + 16) * 8, .st_size = 7 * 8},
		{.st_name = 27, .st_info = ELF64_ST_INFO(STB_WEAK, STT_OBJECT), .st_shndx = 1, .st_value = ELF_DATA + (FREE + 48) * 8, .st_size = UINT64_MAX},
	};
	elf_add_symbols(one.elves[0], symbols, 4, NAMES, sizeof(NAMES));
	put_vtable(&one, 0, FREE + 32, 0, 0);
	put_vtable(&one, 0, FREE + 36, -8, 0);
	case_build(&one);
	ck_assert_str_eq(class_at(&one, word_address(0, FREE + 34)), "Bare");
	const struct vtable *second = vtables_at(&one.vtables, word_address(0, FREE + 38));
	ck_assert_ptr_nonnull(second);
	ck_assert_uint_eq(second->offset, 8);
	ck_assert_uint_eq(one.vtables.classes.v[second->class].type_information, 0);
	// What has type information is not found twice.
	ck_assert_str_eq(class_at(&one, dog()), "zoo::Dog");
	ck_assert_uint_eq(one.vtables.v.n, 7);
	ck_assert_uint_eq(one.vtables.classes.n, 5);
	case_end(&one);
}
END_TEST

START_TEST(memory_that_is_not_there_has_no_vtables)
{
	struct vtables_case one;
	size_t last = SIZE_MAX;

	case_begin(&one);
	put_dog(&one);
	one.is_absent = true;
	case_build(&one);
	ck_assert_uint_eq(one.vtables.v.n, 0);
	case_end(&one);

	// Each read in turn fails, and all behind it.
	for (uint64_t reads = 0; last != 5 && reads < 1000; reads++) {
		uint64_t left = reads;

		case_begin(&one);
		put_dog(&one);
		one.reads_left = &left;
		case_build(&one);
		last = one.vtables.v.n;
		case_end(&one);
	}
	ck_assert_uint_eq(last, 5);
}
END_TEST

START_TEST(data_made_of_pairs_is_not_slow)
{
	struct vtables_case one;

	case_begin(&one);
	put_dog(&one);
	for (size_t i = FREE + 40; i + 1 < WORDS; i += 2)
		one.words[0][i + 1] = word_address(0, i % (WORDS - FREE) + FREE);
	case_build(&one);
	ck_assert_str_eq(class_at(&one, dog()), "zoo::Dog");
	case_end(&one);
}
END_TEST

UNIT_SUITE("vtables", a_class_is_found_by_its_type_information, no_other_word_is_a_vtable, a_lie_must_be_consistent,
	   a_name_that_is_not_understood_stays_mangled, a_class_of_two_modules_is_one, symbols_tell_where_there_is_no_type_information,
	   memory_that_is_not_there_has_no_vtables, data_made_of_pairs_is_not_slow)
