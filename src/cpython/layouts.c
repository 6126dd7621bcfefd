/* SPDX-License-Identifier: MIT */
#include "cpython/layouts.h"

#include <string.h>

enum { NONE = MEMBER_ABSENT };

static const struct py_layout base = {
	.runtime_gc = NONE,
	.interp_next = 0,
	.gc_generations = 24,
	.gc_collecting = 200,
	.gc_garbage = 208,
	.thread_next = 8,
	.thread_frame = NONE,
	.thread_cframe = NONE,
	.cframe_current = NONE,
	.thread_current_frame = NONE,
	.thread_stack_top = NONE,
	.frame_object_frame = NONE,
	.generator_frame = NONE,
	.generator_frame_object = NONE,
	.frame_function = NONE,
	.frame_object = NONE,
	.frame_top = NONE,
	.code_qualname = NONE,
	.code_localsplusnames = NONE,
	.code_varnames = NONE,
	.code_cellvars = NONE,
	.code_freevars = NONE,
	.code_frame_size = NONE,
	.code_n_slots = NONE,
	.code_stack_size = NONE,
	.class_module = NONE,
	.class_tpname = NONE,
	.type_size = 408,
	.str_ascii = 48,
	.str_compact = 72,
	.tuple_items = 24,
	.keys_entries = 40,
	.keys_n_entries = 32,
	.arena_shift = 18,
	.pool_shift = 12,
	.has_free_arrays = true,
};

/* Frame objects of their own, from 3.8 to 3.10. */
static void old_frames(struct py_layout *layout)
{
	layout->thread_frame = 24;
	layout->frame_previous = 24;
	layout->frame_code = 32;
	layout->frame_builtins = 40;
	layout->frame_globals = 48;
	layout->frame_locals = 56;
	layout->frame_localsplus = 360;
	layout->code_first_line = 40;
	layout->code_nlocals = 28;
	layout->code_consts = 56;
	layout->code_names = 64;
	layout->code_varnames = 72;
	layout->code_freevars = 80;
	layout->code_cellvars = 88;
	layout->code_filename = 104;
	layout->code_name = 112;
	layout->generator_frame_object = 16;
}

static void functions_since_3_10(struct py_layout *layout)
{
	layout->function_globals = 16;
	layout->function_name = 32;
	layout->function_code = 48;
	layout->function_defaults = 56;
	layout->function_closure = 72;
	layout->function_dict = 88;
	layout->function_weak = 96;
	layout->function_last = 112;
}

static void functions_before(struct py_layout *layout)
{
	layout->function_code = 16;
	layout->function_globals = 24;
	layout->function_defaults = 32;
	layout->function_closure = 48;
	layout->function_name = 64;
	layout->function_dict = 72;
	layout->function_weak = 80;
	layout->function_last = 104;
}

static void classes(struct py_layout *layout, uint32_t name)
{
	layout->class_name = name;
	layout->class_slots = name + 8;
	layout->class_qualname = name + 16;
	layout->class_cached_keys = name + 24;
}

static void since_3_11(struct py_layout *layout)
{
	functions_since_3_10(layout);
	layout->class_module = 880;
	layout->class_tpname = 888;
	layout->keys_log2 = true;
	layout->int_has_digit = true;
	layout->keys_entries = 32;
	layout->keys_n_entries = 24;
	layout->arena_shift = 20;
	layout->pool_shift = 14;
	layout->flag_managed_dict = UINT64_C(1) << 4;
	layout->frame_localsplus = 72;
	layout->frame_top = 64;
	layout->frame_object_frame = 24;
	layout->code_consts = 24;
	layout->code_names = 32;
	layout->code_localsplusnames = 96;
	layout->code_filename = 112;
	layout->code_name = 120;
	layout->code_qualname = 128;
	layout->generator_frame_object = NONE;
}

static void since_3_12(struct py_layout *layout)
{
	since_3_11(layout);
	layout->frame_code = 0;
	layout->frame_previous = 8;
	layout->frame_function = 16;
	layout->frame_globals = 24;
	layout->frame_builtins = 32;
	layout->frame_locals = 40;
	layout->frame_object = 48;
	layout->code_first_line = 68;
	layout->code_frame_size = 76;
	layout->code_nlocals = 80;
	layout->generator_frame = 72;
	layout->function_last = 120;
	layout->class_module = 888;
	layout->class_tpname = 896;
	layout->type_size = 416;
	layout->str_ascii = 40;
	layout->str_compact = 56;
	layout->int_tagged = true;
	layout->flag_managed_weakref = UINT64_C(1) << 3;
	layout->state_is_struct = true;
	layout->thread_stack_top = 240;
	layout->has_immortals = true;
	classes(layout, 856);
}

bool py_layout_builtin(unsigned minor, struct py_layout *ret)
{
	struct py_layout layout = base;

	layout.minor = minor;
	switch (minor) {
	case 8:
		layout.runtime_head = 32;
		layout.runtime_gc = 344;
		layout.interp_threads = 8;
		layout.interp_modules = 56;
		layout.interp_sysdict = 72;
		layout.interp_builtins = 80;
		layout.interp_gc = NONE;
		layout.interp_size = 2720;
		layout.thread_dict = 152;
		layout.type_size = 416;
		layout.counts_all = true;
		functions_before(&layout);
		classes(&layout, 848);
		old_frames(&layout);
		layout.frame_top = 72;
		break;
	case 9:
	case 10:
		layout.runtime_head = 32;
		layout.interp_threads = 8;
		layout.interp_gc = 616;
		layout.interp_modules = 856;
		layout.interp_sysdict = 872;
		layout.interp_builtins = 880;
		layout.interp_size = minor == 9 ? 5656 : 113528;
		layout.thread_dict = 152;
		old_frames(&layout);
		if (minor == 9) {
			functions_before(&layout);
			classes(&layout, 840);
			layout.class_module = 872;
			layout.frame_top = 72;
			break;
		}
		functions_since_3_10(&layout);
		classes(&layout, 848);
		layout.class_module = 880;
		layout.frame_localsplus = 352;
		layout.arena_shift = 20;
		layout.pool_shift = 14;
		break;
	case 11:
		since_3_11(&layout);
		classes(&layout, 848);
		layout.runtime_head = 40;
		layout.interp_threads = 16;
		layout.interp_gc = 648;
		layout.interp_modules = 888;
		layout.interp_sysdict = 904;
		layout.interp_builtins = 912;
		layout.interp_size = 107752;
		layout.thread_dict = 128;
		layout.thread_stack_top = 304;
		layout.thread_cframe = 56;
		layout.cframe_current = 8;
		layout.frame_function = 0;
		layout.frame_globals = 8;
		layout.frame_builtins = 16;
		layout.frame_locals = 24;
		layout.frame_code = 32;
		layout.frame_object = 40;
		layout.frame_previous = 48;
		layout.code_first_line = 72;
		layout.code_n_slots = 76;
		layout.code_stack_size = 68;
		layout.code_nlocals = 80;
		layout.generator_frame = 80;
		layout.inline_values = INLINE_BEFORE;
		break;
	case 12:
		since_3_12(&layout);
		layout.runtime_head = 40;
		layout.interp_threads = 72;
		layout.interp_gc = 112;
		layout.interp_modules = 944;
		layout.interp_sysdict = 352;
		layout.interp_builtins = 360;
		layout.interp_size = 383552;
		layout.thread_dict = 112;
		layout.thread_cframe = 56;
		layout.cframe_current = 0;
		layout.inline_values = INLINE_TAGGED;
		break;
	case 13:
	case 14:
		since_3_12(&layout);
		layout.runtime_head = minor == 13 ? 632 : 808;
		layout.interp_next = minor == 13 ? 7264 : 7272;
		layout.interp_threads = 7344;
		layout.interp_gc = minor == 13 ? 7400 : 7408;
		layout.interp_modules = minor == 13 ? 7656 : 7688;
		layout.interp_sysdict = minor == 13 ? 7640 : 7672;
		layout.interp_builtins = minor == 13 ? 7648 : 7680;
		layout.interp_size = 194968;
		layout.thread_dict = 128;
		layout.thread_current_frame = 72;
		layout.flag_inline_values = 1 << 2;
		layout.inline_values = INLINE_BEHIND;
		layout.values_header = 8;
		if (minor == 14) {
			layout.tuple_items = 32;
			layout.function_last = 128;
			layout.frame_localsplus = 80;
			// A pointer now.
			layout.frame_top = 64;
			layout.gc_collecting = 192;
			layout.gc_garbage = 200;
			layout.has_free_arrays = false;
		}
		break;
	default:
		return false;
	}
	*ret = layout;
	return true;
}

/* ---- what the interpreter says of itself ---- */

static uint64_t word(const uint8_t *bytes, size_t offset)
{
	uint64_t value;

	memcpy(&value, bytes + offset, sizeof(value));
	return value;
}

uint32_t py_debug_offsets_version(const uint8_t bytes[DEBUG_OFFSETS_MAX], bool *free_threaded_ret)
{
	uint64_t version = word(bytes, 8);

	if (memcmp(bytes, "xdebugpy", 8) || version > UINT32_MAX || version >> 24 != 3)
		return 0;
	*free_threaded_ret = word(bytes, 16) & 1;
	return (uint32_t)version;
}

bool py_layout_debug_offsets(const uint8_t bytes[DEBUG_OFFSETS_MAX], struct py_layout *layout)
{
	enum { INTERPRETER_MAX = 1 << 22, RUNTIME_MAX = 1 << 24 };
	bool free_threaded;
	uint32_t version = py_debug_offsets_version(bytes, &free_threaded);
	// 3.14 put one member (threads_main) before gc.
	size_t shift = version >> 16 >= 0x30e ? 8 : 0;
	struct {
		size_t at;
		uint32_t *to;
	} members[] = {
		{ 40, &layout->runtime_head },
		{ 64, &layout->interp_next },
		{ 72, &layout->interp_threads },
		{ 80 + shift, &layout->interp_gc },
		{ 88 + shift, &layout->interp_modules },
		{ 96 + shift, &layout->interp_sysdict },
		{ 104 + shift, &layout->interp_builtins },
		{ 48, &layout->interp_size },
	};

	if (!version)
		return false;
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (word(bytes, members[i].at) >= (members[i].to == &layout->runtime_head ? RUNTIME_MAX : INTERPRETER_MAX) ||
		    word(bytes, members[i].at) % 8)
			return false;
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		*members[i].to = (uint32_t)word(bytes, members[i].at);
	return true;
}
