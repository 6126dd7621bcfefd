/* SPDX-License-Identifier: MIT */
/*
 * Each member is told by the struct and the name that CPython's source has for it; what was moved or renamed between 3.8 and 3.14 stands there several
 * times, and the first that this interpreter knows counts. A member of a struct within another is told by both.
 */
#include "cpython/described.h"

#include <string.h>

enum { MEMBERS_MAX = 24, STRUCTS_MAX = 24 };

struct described {
	/** Where in struct py_layout it goes. */
	size_t to;
	/** Tag or typedef name, and a member; without one the size of the struct. */
	const char *name, *member;
	/** Of the struct that this member is; NULL when it is none. */
	const char *inner, *inner_member;
};

#define TO(member) offsetof(struct py_layout, member)

static const struct described described[] = {
	{ TO(runtime_head), "pyruntimestate", "interpreters", "pyinterpreters", "head" },
	{ TO(runtime_gc), "pyruntimestate", "gc", NULL, NULL },
	{ TO(interp_next), "_is", "next", NULL, NULL },
	{ TO(interp_threads), "_is", "threads", "pythreads", "head" },
	{ TO(interp_threads), "_is", "tstate_head", NULL, NULL },
	{ TO(interp_modules), "_is", "imports", "_import_state", "modules" },
	{ TO(interp_modules), "_is", "modules", NULL, NULL },
	{ TO(interp_sysdict), "_is", "sysdict", NULL, NULL },
	{ TO(interp_builtins), "_is", "builtins", NULL, NULL },
	{ TO(interp_gc), "_is", "gc", NULL, NULL },
	{ TO(interp_size), "_is", NULL, NULL, NULL },
	{ TO(gc_generations), "_gc_runtime_state", "generations", NULL, NULL },
	{ TO(gc_collecting), "_gc_runtime_state", "collecting", NULL, NULL },
	{ TO(gc_garbage), "_gc_runtime_state", "garbage", NULL, NULL },
	{ TO(thread_next), "_ts", "next", NULL, NULL },
	{ TO(thread_frame), "_ts", "frame", NULL, NULL },
	{ TO(thread_cframe), "_ts", "cframe", NULL, NULL },
	{ TO(thread_current_frame), "_ts", "current_frame", NULL, NULL },
	{ TO(thread_dict), "_ts", "dict", NULL, NULL },
	{ TO(thread_stack_top), "_ts", "datastack_top", NULL, NULL },
	{ TO(cframe_current), "_PyCFrame", "current_frame", NULL, NULL },
	{ TO(frame_code), "_PyInterpreterFrame", "f_executable", NULL, NULL },
	{ TO(frame_code), "_PyInterpreterFrame", "f_code", NULL, NULL },
	{ TO(frame_code), "_frame", "f_code", NULL, NULL },
	{ TO(frame_previous), "_PyInterpreterFrame", "previous", NULL, NULL },
	{ TO(frame_previous), "_frame", "f_back", NULL, NULL },
	{ TO(frame_function), "_PyInterpreterFrame", "f_funcobj", NULL, NULL },
	{ TO(frame_function), "_PyInterpreterFrame", "f_func", NULL, NULL },
	{ TO(frame_globals), "_PyInterpreterFrame", "f_globals", NULL, NULL },
	{ TO(frame_globals), "_frame", "f_globals", NULL, NULL },
	{ TO(frame_builtins), "_PyInterpreterFrame", "f_builtins", NULL, NULL },
	{ TO(frame_builtins), "_frame", "f_builtins", NULL, NULL },
	{ TO(frame_locals), "_PyInterpreterFrame", "f_locals", NULL, NULL },
	{ TO(frame_locals), "_frame", "f_locals", NULL, NULL },
	{ TO(frame_object), "_PyInterpreterFrame", "frame_obj", NULL, NULL },
	{ TO(frame_localsplus), "_PyInterpreterFrame", "localsplus", NULL, NULL },
	{ TO(frame_localsplus), "_frame", "f_localsplus", NULL, NULL },
	{ TO(frame_object_frame), "_frame", "f_frame", NULL, NULL },
	{ TO(generator_frame), "PyGenObject", "gi_iframe", NULL, NULL },
	{ TO(generator_frame_object), "PyGenObject", "gi_frame", NULL, NULL },
	{ TO(code_consts), "PyCodeObject", "co_consts", NULL, NULL },
	{ TO(code_names), "PyCodeObject", "co_names", NULL, NULL },
	{ TO(code_filename), "PyCodeObject", "co_filename", NULL, NULL },
	{ TO(code_name), "PyCodeObject", "co_name", NULL, NULL },
	{ TO(code_qualname), "PyCodeObject", "co_qualname", NULL, NULL },
	{ TO(code_first_line), "PyCodeObject", "co_firstlineno", NULL, NULL },
	{ TO(code_nlocals), "PyCodeObject", "co_nlocals", NULL, NULL },
	{ TO(code_localsplusnames), "PyCodeObject", "co_localsplusnames", NULL, NULL },
	{ TO(code_varnames), "PyCodeObject", "co_varnames", NULL, NULL },
	{ TO(code_cellvars), "PyCodeObject", "co_cellvars", NULL, NULL },
	{ TO(code_freevars), "PyCodeObject", "co_freevars", NULL, NULL },
	{ TO(code_frame_size), "PyCodeObject", "co_framesize", NULL, NULL },
	{ TO(code_n_slots), "PyCodeObject", "co_nlocalsplus", NULL, NULL },
	{ TO(code_stack_size), "PyCodeObject", "co_stacksize", NULL, NULL },
	{ TO(function_weak), "PyFunctionObject", "func_weakreflist", NULL, NULL },
	{ TO(function_globals), "PyFunctionObject", "func_globals", NULL, NULL },
	{ TO(function_code), "PyFunctionObject", "func_code", NULL, NULL },
	{ TO(function_defaults), "PyFunctionObject", "func_defaults", NULL, NULL },
	{ TO(function_closure), "PyFunctionObject", "func_closure", NULL, NULL },
	{ TO(function_dict), "PyFunctionObject", "func_dict", NULL, NULL },
	{ TO(function_name), "PyFunctionObject", "func_name", NULL, NULL },
	{ TO(class_name), "_heaptypeobject", "ht_name", NULL, NULL },
	{ TO(class_slots), "_heaptypeobject", "ht_slots", NULL, NULL },
	{ TO(class_qualname), "_heaptypeobject", "ht_qualname", NULL, NULL },
	{ TO(class_cached_keys), "_heaptypeobject", "ht_cached_keys", NULL, NULL },
	{ TO(class_module), "_heaptypeobject", "ht_module", NULL, NULL },
	{ TO(class_tpname), "_heaptypeobject", "_ht_tpname", NULL, NULL },
	{ TO(type_size), "_typeobject", NULL, NULL, NULL },
	{ TO(str_ascii), "PyASCIIObject", NULL, NULL, NULL },
	{ TO(str_compact), "PyCompactUnicodeObject", NULL, NULL, NULL },
	{ TO(tuple_items), "PyTupleObject", "ob_item", NULL, NULL },
	{ TO(keys_n_entries), "_dictkeysobject", "dk_nentries", NULL, NULL },
	{ TO(keys_entries), "_dictkeysobject", "dk_indices", NULL, NULL },
};

enum { DESCRIBED = sizeof(described) / sizeof(described[0]) };

/* Units that have the structs: nearly all of them the first, those of dicts until 3.10 the other. */
static const char *const units[] = { "ceval.c", "dictobject.c" };

/* What is asked for of each struct. */
struct question {
	struct layout layouts[STRUCTS_MAX];
	struct layout_member members[STRUCTS_MAX][MEMBERS_MAX];
	size_t n;
};

static struct layout *question_struct(struct question *question, const char *name)
{
	for (size_t i = 0; i < question->n; i++)
		if (!strcmp(question->layouts[i].name, name))
			return &question->layouts[i];
	if (question->n == STRUCTS_MAX)
		return NULL;
	question->layouts[question->n] = (struct layout){ .name = name, .members = question->members[question->n] };
	return &question->layouts[question->n++];
}

static void question_add(struct question *question, const char *name, const char *member)
{
	struct layout *layout = name ? question_struct(question, name) : NULL;

	if (!layout || !member || layout->n_members == MEMBERS_MAX)
		return;
	layout->members[layout->n_members++] = (struct layout_member){ member, MEMBER_ABSENT, 0, 1 };
}

static uint32_t answer(struct question *question, const char *name, const char *member)
{
	const struct layout *layout = question_struct(question, name);

	if (!layout || !layout->size)
		return MEMBER_ABSENT;
	if (!member)
		return layout->size;
	for (size_t i = 0; i < layout->n_members; i++)
		if (!strcmp(layout->members[i].name, member))
			return layout->members[i].offset;
	return MEMBER_ABSENT;
}

/* Asks one unit for the structs that none before it had. */
static bool ask(struct modules *modules, struct module *module, const char *unit, struct question *question)
{
	struct layout missing[STRUCTS_MAX];
	size_t from[STRUCTS_MAX], n = 0;
	vaddr low, high;

	for (size_t i = 0; i < question->n; i++) {
		if (question->layouts[i].size)
			continue;
		from[n] = i;
		missing[n++] = question->layouts[i];
	}
	if (n && !layouts_from_dwarf(modules, module, unit, missing, n, NULL, 0, &low, &high))
		return false;
	for (size_t i = 0; i < n; i++)
		question->layouts[from[i]] = missing[i];
	return true;
}

/* Sets what was answered; gives how many members it is, and whether all were that the layout has. */
static size_t layout_set(struct question *question, struct py_layout *layout, bool *all_ret)
{
	bool has_answer[DESCRIBED] = { false };
	size_t n = 0;

	*all_ret = true;
	for (size_t i = 0; i < DESCRIBED; i++) {
		const struct described *from = &described[i];
		uint32_t offset = answer(question, from->name, from->member), inner = from->inner ? answer(question, from->inner, from->inner_member) : 0;
		uint32_t *to = (uint32_t *)(void *)((char *)layout + from->to);
		// Names of one member stand behind one another.
		bool is_same = i && described[i - 1].to == from->to, is_last = i + 1 == DESCRIBED || described[i + 1].to != from->to;

		has_answer[i] = is_same && has_answer[i - 1];
		if (*to == MEMBER_ABSENT)
			continue;
		if (!has_answer[i] && offset != MEMBER_ABSENT && inner != MEMBER_ABSENT) {
			*to = offset + inner;
			has_answer[i] = true;
			n++;
		}
		*all_ret &= has_answer[i] || !is_last;
	}
	return n;
}

size_t py_layout_described(struct modules *modules, struct module *module, struct py_layout *layout)
{
	struct question question = { .n = 0 };
	bool all = false;
	size_t n = 0;

	for (size_t i = 0; i < DESCRIBED; i++) {
		question_add(&question, described[i].name, described[i].member);
		question_add(&question, described[i].inner, described[i].inner_member);
	}
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]) && !all; i++) {
		if (!ask(modules, module, units[i], &question))
			break;
		n = layout_set(&question, layout, &all);
	}
	return n;
}
