/* SPDX-License-Identifier: MIT */
#include "graph/owners.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/column.h"
#include "base/names.h"
#include "graph/nearest.h"

/* ---- names ---- */

/* What the path of a root says without subscripts: of an inner one the brackets stay. Owner: the caller. */
static char *path_fold(const char *path)
{
	char *folded = xstrdup(path), *to = folded;
	unsigned depth = 0;

	for (const char *at = path; *at; at++) {
		if (*at == ']' && depth)
			depth--;
		if (!depth)
			*to++ = *at;
		if (*at == '[')
			depth++;
	}
	*to = '\0';
	while (to - folded >= 2 && !strcmp(to - 2, "[]"))
		*(to -= 2) = '\0';
	return folded;
}

/* The name of what lies at a path of a place; the path is folded. Owner: the caller. */
static char *owner_name(const struct root_place *place, const char *path)
{
	switch (place->kind) {
	case PLACE_MODULE:
		return xasprintf("module %s", place->name);
	case PLACE_VARIABLE:
		return xasprintf("%s%s", place->name, path);
	case PLACE_THREAD:
		return xstrdup("a thread");
	case PLACE_REGISTER:
		return xstrdup("registers");
	case PLACE_FRAME:
		if (!place->name)
			return xstrdup("the bottom of a stack");
		return *path ? xasprintf("%s in %s", path, place->name) : xasprintf("frame of %s", place->name);
	case PLACE_TLS:
		return xasprintf("thread-local %s%s", place->name, path);
	case PLACE_DESCRIPTOR:
		return xstrdup("a thread descriptor");
	case PLACE_MAPPING:
		return place->name ? xasprintf("mapping %s", place->name) : xstrdup("other mappings");
	case PLACE_LIBC:
		return xstrdup("libc itself");
	case PLACE_LEAKED:
	case PLACE_KINDS:
		break;
	}
	return xstrdup("nothing (leaked)");
}

static void owner_add(struct owners *owners, const struct roots *roots, place_id place, const char *path)
{
	array_append(&owners->v, (struct owner){ place, owner_name(&roots->places.v[place], path) });
}

/* The owner that each root stands for. Roots are sorted by place, so the folded paths of one place are told apart at a time. Owner: the caller. */
static owner_id *roots_name(struct owners *owners, const struct roots *roots)
{
	owner_id *of_root = xmalloc((roots->v.n + 1) * sizeof(*of_root));
	size_t at = 0;

	while (at < roots->v.n) {
		struct names paths = { 0 };
		place_id place = roots->v.v[at].place;
		owner_id first = (owner_id)owners->v.n;

		for (; at < roots->v.n && roots->v.v[at].place == place; at++) {
			const char *path = roots->v.v[at].path;
			_cleanup_free_ char *folded = path ? path_fold(path) : NULL;
			uint32_t number = names_number(&paths, folded ? folded : "");

			if (first + number == owners->v.n)
				owner_add(owners, roots, place, paths.v.v[number]);
			of_root[at] = first + number;
		}
		names_deinit(&paths);
	}
	return of_root;
}

/* ---- owners ---- */

static size_t owners_bytes(const struct owners *owners)
{
	return (owners->n_chunks + 1) * sizeof(*owners->of);
}

void owners_reserve(struct owners *owners, size_t n_chunks)
{
	owners->n_chunks = n_chunks;
	owners->of = column_grow(NULL, 0, owners_bytes(owners));
}

/* The owner of a chunk that no root leads to. */
static owner_id owner_without_root(enum reach_kind kind, owner_id leaked)
{
	return kind == REACH_DIRECT || kind == REACH_INDIRECT || kind == REACH_SUPPRESSED ? leaked : OWNER_NONE;
}

/* Adds the holders; gives the first owner that is one. */
static owner_id owners_add_holders(struct owners *owners, struct roots *roots, const struct holders *holders)
{
	owner_id first = (owner_id)owners->v.n;

	for (size_t i = 0; holders && holders->of && i < holders->n; i++)
		owner_add(owners, roots,
			  roots_add_place(roots, (struct root_place){ .kind = PLACE_VARIABLE, .parent = PLACE_NONE, .name = xstrdup(holders->names[i]) }), "");
	return first;
}

void owners_compute(const uint32_t *nearest, struct roots *roots, const struct holders *holders, const struct reach *reach, place_id leaked, struct owners *ret)
{
	struct owners owners = { 0 };
	_cleanup_free_ owner_id *of_root = roots_name(&owners, roots);
	owner_id first = owners_add_holders(&owners, roots, holders), nobody = (owner_id)owners.v.n;

	owner_add(&owners, roots, leaked, "");
	owners_reserve(&owners, reach->n);
	for (size_t i = 0; i < reach->n; i++) {
		uint32_t root = nearest[i];

		owners.of[i] = root == NEAREST_NONE  ? owner_without_root((enum reach_kind)reach->kind[i], nobody)
			       : root < roots->v.n ? of_root[root]
						   : first + (root - (uint32_t)roots->v.n);
	}
	*ret = owners;
}

static int compare_shares(const void *left, const void *right)
{
	const struct owner_share *a = left, *b = right;

	if (a->count != b->count)
		return a->count > b->count ? -1 : 1;
	return a->owner < b->owner ? -1 : a->owner > b->owner;
}

size_t owners_count(const struct owners *owners, const struct kinds *kinds, const struct dominators *dominators, vertex_id above, uint64_t key, struct owner_share *ret,
		    size_t wanted)
{
	_cleanup_free_ struct owner_share *shares = xcalloc(owners->v.n + 1, sizeof(*shares));
	size_t n = 0;

	for (chunk_id chunk = 0; chunk < kinds->chunks->n; chunk++)
		if (dominators->idom[chunk] == above && owners->of[chunk] != OWNER_NONE && kind_key(kinds, chunk) == key)
			shares[owners->of[chunk]].count++;
	for (owner_id owner = 0; owner < owners->v.n; owner++)
		if (shares[owner].count)
			shares[n++] = (struct owner_share){ owner, shares[owner].count };
	if (n)
		qsort(shares, n, sizeof(*shares), compare_shares);
	for (size_t i = 0; i < n && i < wanted; i++)
		ret[i] = shares[i];
	return n;
}

void owners_deinit(struct owners *owners)
{
	for (size_t i = 0; i < owners->v.n; i++)
		free(owners->v.v[i].name);
	array_deinit(&owners->v);
	if (owners->of)
		column_free(owners->of, owners_bytes(owners));
	*owners = (struct owners){ 0 };
}
