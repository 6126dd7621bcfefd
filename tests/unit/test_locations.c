/* SPDX-License-Identifier: MIT */
/* Locations: expressions by hand, and the lists that compilers write against what libdw makes of them. */
#include "debug/locations.h"

#include <dwarf.h>

#include "dwarf_case.h"
#include "unit.h"

struct expected {
	const char *expression;
	size_t size;
	struct location_place place;
};

START_TEST(places_of_expressions)
{
	static const struct expected expected[] = {
		{ "\x55", 1, { LOCATION_REGISTER, 5, 0 } },
		{ "\x91\x70", 2, { LOCATION_AT_FRAME_BASE, 0, -16 } },
		{ "\x9c", 1, { LOCATION_AT_CFA, 0, 0 } },
		{ "\x73\x08", 2, { LOCATION_AT_REGISTER, 3, 8 } },
		{ "\x73\x78\x9f", 3, { LOCATION_SUM, 3, -8 } },
		{ "\x73\x00\x23\x10\x9f", 5, { LOCATION_SUM, 3, 16 } },
		{ "\x73\x00\x38\x1c\x9f", 5, { LOCATION_SUM, 3, -8 } },
		{ "\x35\x9f", 2, { LOCATION_CONSTANT, 0, 5 } },
		{ "\x03\x00\x10\x00\x00\x00\x00\x00\x00", 9, { LOCATION_AT_ADDRESS, 0, 0x1000 } },
		{ "\x35", 1, { LOCATION_NOWHERE, 0, 0 } },         // an address of 5
		{ "\x55\x93\x08", 3, { LOCATION_NOWHERE, 0, 0 } }, // a piece
		{ "\x73", 1, { LOCATION_NOWHERE, 0, 0 } },         // cut short
		{ "\x73\x08\x06", 3, { LOCATION_NOWHERE, 0, 0 } }, // what memory holds
		{ "\xa3\x01\x55\x9f", 4, { LOCATION_NOWHERE, 0, 0 } },
		{ "", 0, { LOCATION_NOWHERE, 0, 0 } },
	};
	static const struct dwarf_sections nothing;
	struct die_reader reader;

	die_reader_init(&reader, &nothing);
	reader.unit.address_size = 8;
	for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++) {
		struct location_place place = location_place(&reader, (const uint8_t *)expected[i].expression, expected[i].size);

		ck_assert_msg(place.kind == expected[i].place.kind, "%zu: %d", i, (int)place.kind);
		if (place.kind == LOCATION_NOWHERE)
			continue;
		ck_assert_int_eq(place.offset, expected[i].place.offset);
		ck_assert_uint_eq(place.reg, expected[i].place.reg);
	}

	int64_t number;

	ck_assert(location_constant(&reader, (const uint8_t *)"\x08\x30", 2, &number));
	ck_assert_int_eq(number, 0x30);
	ck_assert(!location_constant(&reader, (const uint8_t *)"\x73\x00", 2, &number));
	die_reader_deinit(&reader);
}
END_TEST

static const char source[] =
	"#include <stdlib.h>\n"
	"struct node { struct node *next; long key; };\n"
	"static volatile long sink;\n"
	"long walk(struct node *list, long n)\n"
	"{\n"
	"	long sum = 0; struct node local = { list, n };\n"
	"	for (struct node *at = &local; at; at = at->next) { long key = at->key * n; sum += key; sink = sum; }\n"
	"	struct node *more = malloc(sizeof(*more) * n);\n"
	"	if (more) { more->key = sum; sink = (long)more; free(more); }\n"
	"	return sum;\n"
	"}\n"
	"long other(struct node *list) { return walk(list, 3) + walk(list->next, 4); }\n";

/* Compares all lists of a module with those of libdw: how many entries. */
static size_t assert_lists(struct dwarf_case *one)
{
	struct dwarf_file *file = module_dwarf(&one->modules, one->module);
	struct die_reader reader;
	size_t n = 0;

	ck_assert_ptr_nonnull(file);
	die_reader_init(&reader, &file->sections);
	for (uint64_t at = 0; die_reader_unit(&reader, at) || reader.unit.end; at = reader.unit.end) {
		while (die_reader_next(&reader)) {
			struct die_value values[32];
			size_t count = die_reader_values(&reader, values, 32);
			const struct die_value *value = die_value_find(values, count, DW_AT_location), *name = die_value_find(values, count, DW_AT_name);
			struct location_list list;
			struct location location;
			Dwarf_Attribute attribute;
			Dwarf_Addr base, start, end;
			Dwarf_Op *ops;
			ptrdiff_t next = 0;
			size_t n_ops;
			Dwarf_Die die;

			ck_assert(die_at(file, reader.die.offset, &die));
			ck_assert_int_eq(dwarf_hasattr(&die, DW_AT_name), name != NULL);
			if (name) {
				ck_assert_int_eq(name->kind, DIE_STRING);
				ck_assert_str_eq(name->string, dwarf_diename(&die));
			}
			if (!value) {
				ck_assert(!dwarf_hasattr(&die, DW_AT_location));
				continue;
			}
			ck_assert(location_list_begin(&list, &reader, value));
			ck_assert_ptr_nonnull(dwarf_attr(&die, DW_AT_location, &attribute));
			while ((next = dwarf_getlocations(&attribute, next, &base, &start, &end, &ops, &n_ops)) > 0) {
				if (start == end)
					continue;
				ck_assert(location_list_next(&list, &location));
				ck_assert_uint_eq(location.low, start);
				ck_assert_uint_eq(location.high, end);
				ck_assert(location.size != 0 || n_ops == 0);
				n++;
			}
			ck_assert(!location_list_next(&list, &location));
		}
	}
	die_reader_deinit(&reader);
	return n;
}

START_TEST(lists_are_those_of_libdw)
{
	static const char *const commands[] = {
		"gcc -g -gdwarf-5 -O2", "gcc -g -gdwarf-4 -O2", "gcc -g -gdwarf-2 -O1", "gcc -g -gdwarf-5 -O2 -gdwarf64", "gcc -g -O0",
		"clang -g -gdwarf-5 -O2", "clang -g -gdwarf-4 -O2", "clang -g -O0",
	};
	size_t compiled = 0;

	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		struct dwarf_case one;

		if (!dwarf_case_init(&one, source, "c", commands[i]))
			continue;
		ck_assert_uint_gt(assert_lists(&one), 5);
		dwarf_case_deinit(&one);
		compiled++;
	}
	ck_assert_uint_gt(compiled, 0);
}
END_TEST

UNIT_SUITE("locations", places_of_expressions, lists_are_those_of_libdw)
