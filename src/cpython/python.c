/* SPDX-License-Identifier: MIT */
#include "cpython/python.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/column.h"

void python_init(struct python *python)
{
	*python = (struct python){ 0 };
}

void python_deinit(struct python *python)
{
	size_t n = python->n_chunks ? python->n_chunks : 1;

	for (size_t i = 0; i < python->runtimes.n; i++) {
		free(python->runtimes.v[i].module);
		free(python->runtimes.v[i].version);
		free(python->runtimes.v[i].offsets);
		free(python->runtimes.v[i].why_not);
	}
	array_deinit(&python->runtimes);
	for (size_t i = 0; i < python->classes.n; i++)
		free(python->classes.v[i].name);
	array_deinit(&python->classes);
	array_deinit(&python->roles);
	for (size_t i = 0; i < python->modules.n; i++)
		free(python->modules.v[i].name);
	array_deinit(&python->modules);
	for (size_t i = 0; i < python->paths.n; i++)
		free(python->paths.v[i].text);
	array_deinit(&python->paths);
	for (size_t i = 0; i < python->vias.n; i++)
		free(python->vias.v[i].text);
	array_deinit(&python->vias);
	for (size_t i = 0; i < python->named.n; i++)
		free(python->named.v[i].text);
	array_deinit(&python->named);
	column_free(python->role, n * sizeof(*python->role));
	column_free(python->type, n * sizeof(*python->type));
	*python = (struct python){ 0 };
}

void python_make_columns(struct python *python, size_t n)
{
	size_t room = n ? n : 1;

	python->n_chunks = n;
	python->role = column_grow(NULL, 0, room * sizeof(*python->role));
	python->type = column_grow(NULL, 0, room * sizeof(*python->type));
	memset(python->type, 0xff, room * sizeof(*python->type));
	for (enum py_role role = 0; role < PY_ROLES && python->roles.n < PY_ROLES; role++)
		array_append(&python->roles, (struct py_role_sums){ .role = role });
}

uint64_t python_lost(const struct python *python)
{
	uint64_t lost = 0;

	for (size_t i = 0; i < python->classes.n; i++)
		lost += python->classes.v[i].lost.count;
	return lost;
}

const char *python_named(const struct python *python, chunk_id chunk)
{
	size_t low = 0, high = python->named.n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (python->named.v[middle].chunk < chunk)
			low = middle + 1;
		else
			high = middle;
	}
	return low < python->named.n && python->named.v[low].chunk == chunk ? python->named.v[low].text : NULL;
}

const char *py_role_name(enum py_role role)
{
	static const char *const names[PY_ROLES] = {
		[PY_FOREIGN] = "foreign", [PY_OBJECT] = "object", [PY_TABLE] = "table",		  [PY_NATIVE] = "native",
		[PY_CACHED] = "cached",	  [PY_INTERPRETER] = "interpreter", [PY_UNKNOWN] = "unknown",
	};

	assert((unsigned)role < PY_ROLES);
	return names[role];
}

char *python_label(const struct python *python, chunk_id chunk)
{
	const char *name;

	if (!python->role || chunk >= python->n_chunks)
		return NULL;
	name = python->type[chunk] < python->classes.n ? python->classes.v[python->type[chunk]].name : NULL;
	switch ((enum py_role)python->role[chunk]) {
	case PY_OBJECT:
		return xstrdup(name);
	case PY_TABLE:
		return xasprintf("table of %s", name);
	case PY_NATIVE:
		return xasprintf("memory of %s", name);
	case PY_CACHED:
		return xasprintf("cached %s", name);
	case PY_INTERPRETER:
		return xstrdup("interpreter's own");
	case PY_UNKNOWN:
	case PY_FOREIGN:
	case PY_ROLES:
		break;
	}
	return NULL;
}

void python_unreachable(struct python *python, const struct chunks *chunks, const uint8_t *is_leaked)
{
	python->has_unreachable = true;
	for (size_t i = 0; i < chunks->n; i++) {
		if (!is_leaked[i])
			continue;

		uint8_t role = python->role ? python->role[i] : PY_FOREIGN;
		uint32_t type = python->type ? python->type[i] : PY_TYPE_NONE;

		python->roles.v[role].unreachable.count++;
		python->roles.v[role].unreachable.bytes += chunk_usable(chunks, i);
		if (role == PY_OBJECT && type != PY_TYPE_NONE) {
			python->classes.v[type].unreachable.count++;
			python->classes.v[type].unreachable.bytes += chunk_usable(chunks, i);
		}
	}
}
