/* SPDX-License-Identifier: MIT */
/*
 * Out of the tables, why the objects of a type are there: rows that read alike are one, since keys of the same text in different dicts are different
 * objects.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "cpython/python.h"

static bool ends_in(const char *name, const char *wanted)
{
	size_t length = strlen(name), n = strlen(wanted);

	return length > n && n && !strcmp(name + length - n, wanted) && name[length - n - 1] == '.';
}

bool python_choose(const struct python *python, const char *name, bool *ret)
{
	bool is_exact = false, found = false;

	for (size_t i = 0; i < python->classes.n && !is_exact; i++)
		is_exact = python->classes.v[i].objects.count && !strcmp(python->classes.v[i].name, name);
	for (size_t i = 0; i < python->classes.n; i++) {
		const struct py_class *class = &python->classes.v[i];

		ret[i] = class->objects.count && (!*name || (is_exact ? !strcmp(class->name, name) : ends_in(class->name, name)));
		found |= ret[i];
	}
	return found;
}

static int compare_path_texts(const void *left, const void *right)
{
	const struct py_path *a = left, *b = right;

	return strcmp(a->text, b->text);
}

static int compare_paths(const void *left, const void *right)
{
	const struct py_path *a = left, *b = right;

	if (a->totals.bytes != b->totals.bytes)
		return a->totals.bytes > b->totals.bytes ? -1 : 1;
	return strcmp(a->text, b->text);
}

static int compare_via_texts(const void *left, const void *right)
{
	const struct py_via *a = left, *b = right;

	return strcmp(a->text, b->text);
}

static int compare_vias(const void *left, const void *right)
{
	const struct py_via *a = left, *b = right;

	if (a->references != b->references)
		return a->references > b->references ? -1 : 1;
	return strcmp(a->text, b->text);
}

static void fold_paths(struct py_why *why)
{
	size_t n = 0;

	if (!why->paths.n)
		return;
	qsort(why->paths.v, why->paths.n, sizeof(*why->paths.v), compare_path_texts);
	for (size_t i = 0; i < why->paths.n; i++) {
		if (n && !strcmp(why->paths.v[n - 1].text, why->paths.v[i].text)) {
			why->paths.v[n - 1].totals.count += why->paths.v[i].totals.count;
			why->paths.v[n - 1].totals.bytes += why->paths.v[i].totals.bytes;
			free(why->paths.v[i].text);
		} else {
			why->paths.v[n++] = why->paths.v[i];
		}
	}
	why->paths.n = n;
	qsort(why->paths.v, n, sizeof(*why->paths.v), compare_paths);
}

static void fold_vias(struct py_why *why)
{
	size_t n = 0;

	if (!why->vias.n)
		return;
	qsort(why->vias.v, why->vias.n, sizeof(*why->vias.v), compare_via_texts);
	for (size_t i = 0; i < why->vias.n; i++) {
		if (n && !strcmp(why->vias.v[n - 1].text, why->vias.v[i].text)) {
			why->vias.v[n - 1].references += why->vias.v[i].references;
			free(why->vias.v[i].text);
		} else {
			why->vias.v[n++] = why->vias.v[i];
		}
	}
	why->vias.n = n;
	qsort(why->vias.v, n, sizeof(*why->vias.v), compare_vias);
}

bool python_why(const struct python *python, const char *name, struct py_why *ret)
{
	_cleanup_free_ bool *wanted = xcalloc(python->classes.n + 1, sizeof(*wanted));
	struct py_why why = { 0 };

	if (!python_choose(python, name, wanted))
		return false;
	for (size_t i = 0; i < python->classes.n; i++) {
		if (!wanted[i])
			continue;
		if (!why.name)
			why.name = xstrdup(python->classes.v[i].name);
		why.totals.count += python->classes.v[i].objects.count;
		why.totals.bytes += python->classes.v[i].objects.bytes + python->classes.v[i].tables.bytes + python->classes.v[i].native.bytes;
	}
	for (size_t i = 0; i < python->paths.n; i++) {
		if (!wanted[python->paths.v[i].class])
			continue;
		array_append(&why.paths, python->paths.v[i]);
		why.paths.v[why.paths.n - 1].text = xstrdup(python->paths.v[i].text);
	}
	for (size_t i = 0; i < python->vias.n; i++) {
		if (!wanted[python->vias.v[i].class])
			continue;
		array_append(&why.vias, python->vias.v[i]);
		why.vias.v[why.vias.n - 1].text = xstrdup(python->vias.v[i].text);
		why.references += python->vias.v[i].references;
	}
	fold_paths(&why);
	fold_vias(&why);
	*ret = why;
	return true;
}

void py_why_deinit(struct py_why *why)
{
	free(why->name);
	for (size_t i = 0; i < why->paths.n; i++)
		free(why->paths.v[i].text);
	array_deinit(&why->paths);
	for (size_t i = 0; i < why->vias.n; i++)
		free(why->vias.v[i].text);
	array_deinit(&why->vias);
	*why = (struct py_why){ 0 };
}
