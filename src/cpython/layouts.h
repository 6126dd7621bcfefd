/* SPDX-License-Identifier: MIT */
/*
 * What heapsnap reads of CPython, by name: members of its structs, and what a version does in its own way.
 *
 * Built-in tables, one for each minor version, overridden by what the interpreter says of itself (`_Py_DebugOffsets`, since 3.13). Whatever they say is
 * held against the image before it is used (runtime.c, obmalloc.c): a table that does not fit gives no Python view, never a wrong one. Where the
 * allocator's state lies is in no table at all: it is found by its structure.
 *
 * No other chapter writes a version: a member that is MEMBER_ABSENT, or a flag of 0, decides behaviour.
 *
 * Facts: DWARF of CPython 3.8.18, 3.9.18, 3.10.13, 3.11.7, 3.12.1, 3.13.0 on x86-64; tests/live/python_suites.t tries those of Debian.
 */
#ifndef HEAPSNAP_CPYTHON_LAYOUTS_H
#define HEAPSNAP_CPYTHON_LAYOUTS_H

#include <stdbool.h>
#include <stdint.h>

#include "debug/layout.h"

enum {
	/** PyObject, PyVarObject: the same in every build with the GIL. */
	OBJECT_REFCOUNT = 0,
	OBJECT_TYPE = 8,
	OBJECT_SIZE = 16,
	OBJECT_HEADER = 16,
	VAR_HEADER = 24,
	/** The two links of the collector, before each object that it may track. */
	GC_HEAD = 16,
	/** PyTypeObject: the same since 3.8. */
	TYPE_NAME = 24,
	TYPE_BASICSIZE = 32,
	TYPE_ITEMSIZE = 40,
	TYPE_FLAGS = 168,
	TYPE_DOC = 176,
	TYPE_BASE = 256,
	TYPE_DICT = 264,
	TYPE_DICTOFFSET = 288,
	TYPE_BASES = 336,
	TYPE_MRO = 344,
	TYPE_CACHE = 352,
	TYPE_SUBCLASSES = 360,
	/** PyDictObject: keys and, of a split table, values. */
	DICT_USED = 16,
	DICT_KEYS = 32,
	DICT_VALUES = 40,
	DICT_SIZE = 48,
	/** PyListObject. */
	LIST_ITEMS = 24,
	LIST_ALLOCATED = 32,
	/** PySetObject. */
	SET_FILL = 16,
	SET_USED = 24,
	SET_MASK = 32,
	SET_TABLE = 40,
	SET_SMALL_TABLE = 64,
	/** PyMemberDef. */
	MEMBER_DEF_TYPE = 8,
	MEMBER_DEF_OFFSET = 16,
	MEMBER_DEF_SIZE = 40,
};

/** Bits of tp_flags that every version has. */
#define TYPE_FLAG_HEAP (UINT64_C(1) << 9)
#define TYPE_FLAG_READY (UINT64_C(1) << 12)
#define TYPE_FLAG_GC (UINT64_C(1) << 14)
#define TYPE_FLAG_LONG (UINT64_C(1) << 24)
#define TYPE_FLAG_LIST (UINT64_C(1) << 25)
#define TYPE_FLAG_TUPLE (UINT64_C(1) << 26)
#define TYPE_FLAG_BYTES (UINT64_C(1) << 27)
#define TYPE_FLAG_STR (UINT64_C(1) << 28)
#define TYPE_FLAG_DICT (UINT64_C(1) << 29)
#define TYPE_FLAG_EXCEPTION (UINT64_C(1) << 30)
#define TYPE_FLAG_TYPE (UINT64_C(1) << 31)

/** What the values of a managed dict are found by. */
enum py_inline {
	/** No such thing. */
	INLINE_NONE,
	/** A pointer, four words before the object. */
	INLINE_BEFORE,
	/** In one word with the dict: odd is a pointer to values, less one. */
	INLINE_TAGGED,
	/** Behind the object itself. */
	INLINE_BEHIND,
};

/** Offsets in bytes; MEMBER_ABSENT where this version has no such member. */
struct py_layout {
	/** 3 and this. */
	unsigned minor;
	/** `_PyRuntime` and the interpreter's state. */
	uint32_t runtime_head, runtime_gc;
	uint32_t interp_next, interp_threads, interp_modules, interp_sysdict, interp_builtins, interp_gc, interp_size;
	/** The collector's state. */
	uint32_t gc_generations, gc_collecting, gc_garbage;
	/** The state of a thread: a frame object, the innermost C frame, or the innermost frame. */
	uint32_t thread_next, thread_frame, thread_cframe, cframe_current, thread_current_frame, thread_dict, thread_stack_top;
	/** The frame of a running function (since 3.11), or the frame object (before). */
	uint32_t frame_code, frame_previous, frame_function, frame_globals, frame_builtins, frame_locals, frame_object, frame_top, frame_localsplus;
	/** The frame object's pointer to its frame, and where the frame lies in a generator. */
	uint32_t frame_object_frame, generator_frame, generator_frame_object;
	/** Code. */
	uint32_t code_consts, code_names, code_filename, code_name, code_qualname, code_first_line, code_nlocals, code_localsplusnames;
	uint32_t code_varnames, code_cellvars, code_freevars;
	/** Slots of a frame: with what stands before them, or without, and those of the stack. */
	uint32_t code_frame_size, code_n_slots, code_stack_size;
	/** Functions: the last member that is an object, and the one that is weak. */
	uint32_t function_last, function_weak, function_globals, function_code, function_defaults, function_closure, function_dict, function_name;
	/** Classes. */
	uint32_t class_name, class_slots, class_qualname, class_cached_keys, class_module, class_tpname;
	/** A type's own members before those of its metaclass' instances: sizeof(PyHeapTypeObject) is its metatype's basicsize. */
	uint32_t type_size;
	/** Of str: bytes before the text. */
	uint32_t str_ascii, str_compact;
	/** int has its length and sign in one word. */
	bool int_tagged;
	/** Even 0 has a digit. */
	bool int_has_digit;
	uint32_t tuple_items;
	/** Keys of a dict: the sizes as powers of two and a kind; else numbers. */
	bool keys_log2;
	uint32_t keys_entries;
	uint32_t keys_n_entries;
	/** tp_flags: what stands before the object besides the links of the collector. 0: no such flag. */
	uint64_t flag_managed_dict, flag_managed_weakref, flag_inline_values;
	enum py_inline inline_values;
	/** Values behind the object, or of a split dict, have a header of this size; 0: the bytes before them say how many there are. */
	uint32_t values_header;
	/** Bytes, as a power of two. */
	unsigned arena_shift, pool_shift;
	/** The allocator counts all that it gave out, not what went on to malloc alone. */
	bool counts_all;
	/** The allocator's state is one struct. */
	bool state_is_struct;
	/** Dead lists and dicts are kept in arrays. */
	bool has_free_arrays;
	/** The counts of references of immortal objects are marked. */
	bool has_immortals;
};

/** The built-in table of 3.minor; false when there is none. */
bool py_layout_builtin(unsigned minor, struct py_layout *ret);

enum { DEBUG_OFFSETS_MAX = 1024 };

/** Overrides a layout by what `_Py_DebugOffsets` says; bytes are the first of `_PyRuntime`. False when it is none, or one that says nonsense. */
bool py_layout_debug_offsets(const uint8_t bytes[DEBUG_OFFSETS_MAX], struct py_layout *layout);

/** The version that `_Py_DebugOffsets` tells, as PY_VERSION_HEX, and whether it is a build without the GIL; 0 when it is none. */
uint32_t py_debug_offsets_version(const uint8_t bytes[DEBUG_OFFSETS_MAX], bool *free_threaded_ret);

#endif
