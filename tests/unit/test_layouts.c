/* SPDX-License-Identifier: MIT */
/* The versions that are known, and what an interpreter says of itself. */
#include "cpython/layouts.h"

#include <string.h>

#include "unit.h"

START_TEST(each_known_version_has_a_table)
{
	for (unsigned minor = 0; minor < 32; minor++) {
		struct py_layout layout;

		ck_assert_int_eq(py_layout_builtin(minor, &layout), minor >= 8 && minor <= 14);
		if (minor < 8 || minor > 14)
			continue;
		ck_assert_uint_eq(layout.minor, minor);
		ck_assert_uint_ne(layout.runtime_head, 0);
		ck_assert_uint_ne(layout.interp_modules, 0);
		ck_assert_uint_ne(layout.class_qualname, 0);
		ck_assert_uint_ne(layout.function_last, 0);
		ck_assert_uint_ne(layout.code_name, 0);
		// The frame of a running function is found in one of three ways.
		ck_assert_int_eq((layout.thread_frame != MEMBER_ABSENT) + (layout.thread_cframe != MEMBER_ABSENT) +
					 (layout.thread_current_frame != MEMBER_ABSENT),
				 1);
		ck_assert_int_eq(layout.flag_managed_dict != 0, minor >= 11);
		ck_assert_int_eq(layout.inline_values != INLINE_NONE, minor >= 11);
		ck_assert_uint_eq(layout.pool_shift, minor >= 10 ? 14 : 12);
	}
}
END_TEST

static void put(uint8_t *bytes, size_t offset, uint64_t word)
{
	memcpy(bytes + offset, &word, sizeof(word));
}

/* As 3.13 has them: version, size of the interpreter's state, and members. */
static void debug_offsets(uint8_t bytes[DEBUG_OFFSETS_MAX], uint32_t version)
{
	size_t shift = version >> 16 >= 0x30e ? 8 : 0;

	memset(bytes, 0, DEBUG_OFFSETS_MAX);
	memcpy(bytes, "xdebugpy", 8);
	put(bytes, 8, version);
	put(bytes, 40, 640);
	put(bytes, 48, 200000);
	put(bytes, 64, 7000);
	put(bytes, 72, 7100 + 4);
	put(bytes, 80 + shift, 7200);
	put(bytes, 88 + shift, 7208);
	put(bytes, 96 + shift, 7216);
	put(bytes, 104 + shift, 7224);
}

START_TEST(an_interpreter_tells_its_offsets)
{
	for (uint32_t minor = 13; minor <= 14; minor++) {
		uint8_t bytes[DEBUG_OFFSETS_MAX];
		struct py_layout layout;
		bool free_threaded = true;

		debug_offsets(bytes, 0x03000000 | minor << 16 | 0x05f0);
		ck_assert(py_layout_builtin(minor, &layout));
		ck_assert_uint_eq(py_debug_offsets_version(bytes, &free_threaded), 0x03000000 | minor << 16 | 0x05f0);
		ck_assert(!free_threaded);
		ck_assert(py_layout_debug_offsets(bytes, &layout));
		ck_assert_uint_eq(layout.runtime_head, 640);
		ck_assert_uint_eq(layout.interp_next, 7000);
		ck_assert_uint_eq(layout.interp_threads, 7104);
		ck_assert_uint_eq(layout.interp_gc, 7200);
		ck_assert_uint_eq(layout.interp_modules, 7208);
		ck_assert_uint_eq(layout.interp_sysdict, 7216);
		ck_assert_uint_eq(layout.interp_builtins, 7224);
		ck_assert_uint_eq(layout.interp_size, 200000);
	}
}
END_TEST

START_TEST(nonsense_changes_nothing)
{
	static const struct {
		size_t offset;
		uint64_t word;
	} lies[] = {
		{ 0, 0 },		       // no cookie
		{ 8, 0x0200000000 },	       // no version of 32 bits
		{ 8, 0x02070000 },	       // another Python
		{ 40, UINT64_C(1) << 40 },     // far outside of _PyRuntime
		{ 48, UINT64_MAX },	       // an endless interpreter
		{ 72, 7101 },		       // not aligned
		{ 88, UINT64_C(1) << 32 },     // does not fit
	};

	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		uint8_t bytes[DEBUG_OFFSETS_MAX];
		struct py_layout layout, before;

		debug_offsets(bytes, 0x030d05f0);
		put(bytes, lies[i].offset, lies[i].word);
		ck_assert(py_layout_builtin(13, &layout));
		before = layout;
		ck_assert_msg(!py_layout_debug_offsets(bytes, &layout), "lie %zu", i);
		ck_assert_mem_eq(&layout, &before, sizeof(layout));
	}
}
END_TEST

START_TEST(builds_without_the_lock_are_told)
{
	uint8_t bytes[DEBUG_OFFSETS_MAX];
	bool free_threaded = false;

	debug_offsets(bytes, 0x030d05f0);
	put(bytes, 16, 1);
	ck_assert_uint_ne(py_debug_offsets_version(bytes, &free_threaded), 0);
	ck_assert(free_threaded);
}
END_TEST

UNIT_SUITE("layouts", each_known_version_has_a_table, an_interpreter_tells_its_offsets, nonsense_changes_nothing,
	   builds_without_the_lock_are_told)
