/* SPDX-License-Identifier: MIT */
/*
 * A search in depth with a list of its own: what is left to be looked at, the most promising last. Every step is one node, whose text is
 * what it adds to the path; the ways share their beginnings.
 */
#include "debug/members.h"

#include <dwarf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

enum {
	NODES_MAX = 1024,
	/** Members that are looked at, of all structs. */
	MEMBERS_MAX = 1 << 13,
	NODE_NONE = -1,
};

struct node {
	int parent;
	Dwarf_Die type;
	/** From the start of the type. */
	uint64_t offset;
	/** «.head», «[3]»; NULL for nothing. Owned. */
	char *text;
};

struct search {
	struct dwarf_file *file;
	ARRAY(struct node) nodes;
	/** Indices of nodes. */
	ARRAY(int) left;
	size_t steps;
	/** Where the first way ended, by how good an end that is. */
	int at_scalar, at_nothing;
};

static void node_add(struct search *search, int parent, const Dwarf_Die *type, uint64_t offset, char *text)
{
	if (search->nodes.n >= NODES_MAX) {
		free(text);
		return;
	}
	array_append(&search->nodes, (struct node){ .parent = parent, .type = *type, .offset = offset, .text = text });
	array_append(&search->left, (int)search->nodes.n - 1);
}

/* Whether an array has no bound, as the last member of a struct may. */
static bool type_is_unbounded(struct dwarf_file *file, const Dwarf_Die *type_in)
{
	uint64_t counts[ARRAY_DIMENSIONS_MAX];
	Dwarf_Die type = *type_in;

	return type_peel(file, &type) && dwarf_tag(&type) == DW_TAG_array_type && array_dimensions(&type, counts) > 0 && counts[0] == 0;
}

/* A member that holds the offset. */
struct candidate {
	Dwarf_Die type;
	uint64_t offset;
	/** Borrowed; NULL for a base or an unnamed member. */
	const char *name;
	bool unbounded;
};

/* Looks at a member or base of a struct, class or union; false when it is not one that lies at the offset. */
static bool candidate_read(struct dwarf_file *file, Dwarf_Die *member, uint64_t at, struct candidate *ret)
{
	int tag = dwarf_tag(member);
	struct candidate candidate = { .name = NULL };
	uint64_t offset, size, count;

	if ((tag != DW_TAG_member && tag != DW_TAG_inheritance) || dwarf_hasattr(member, DW_AT_bit_size) ||
	    dwarf_hasattr(member, DW_AT_external) || dwarf_hasattr(member, DW_AT_declaration) ||
	    !die_reference(member, DW_AT_type, &candidate.type) || !member_offset(member, &offset) || offset > at)
		return false;
	candidate.offset = at - offset;
	candidate.unbounded = type_is_unbounded(file, &candidate.type);
	if (!candidate.unbounded && (!type_size(file, &candidate.type, &size, &count) || candidate.offset >= size))
		return false;
	if (tag == DW_TAG_member)
		candidate.name = die_name(file, member);
	*ret = candidate;
	return true;
}

/* Goes from a struct, class or union to its members that hold the offset. */
static void struct_enter(struct search *search, int index)
{
	const struct node node = search->nodes.v[index];
	Dwarf_Die structure = node.type, member;
	ARRAY(struct candidate) candidates = { 0 };
	struct candidate candidate;

	if (dwarf_child(&structure, &member) != 0)
		return;
	do {
		if (candidates.n < NODES_MAX && candidate_read(search->file, &member, node.offset, &candidate))
			array_append(&candidates, candidate);
	} while (++search->steps < MEMBERS_MAX && dwarf_siblingof(&member, &member) == 0);

	// What is added last is looked at first: of all members the first one, and those without a bound, which hold everything behind them, after the others.
	for (int unbounded = 1; unbounded >= 0; unbounded--) {
		for (size_t i = candidates.n; i-- > 0;) {
			const struct candidate *one = &candidates.v[i];

			if (one->unbounded == (bool)unbounded)
				node_add(search, index, &one->type, one->offset, one->name ? xasprintf(".%s", one->name) : NULL);
		}
	}
	array_deinit(&candidates);
}

/* Goes from an array to one of its elements. */
static bool array_enter(struct search *search, int index)
{
	const struct node node = search->nodes.v[index];
	uint64_t counts[ARRAY_DIMENSIONS_MAX], indices[ARRAY_DIMENSIONS_MAX], size, count;
	Dwarf_Die array = node.type, element;
	size_t n = array_dimensions(&array, counts);
	char text[ARRAY_DIMENSIONS_MAX * 24];
	int length = 0;

	if (n == 0 || !die_reference(&array, DW_AT_type, &element) || !type_size(search->file, &element, &size, &count) || size == 0)
		return false;

	uint64_t at = node.offset / size;

	for (size_t i = n; i-- > 0;) {
		// Only the first dimension may be without a bound.
		if (i == 0 ? counts[i] != 0 && at >= counts[i] : counts[i] == 0)
			return false;
		indices[i] = i == 0 ? at : at % counts[i];
		at = i == 0 ? 0 : at / counts[i];
	}
	for (size_t i = 0; i < n; i++)
		length += snprintf(text + length, sizeof(text) - (size_t)length, "[%" PRIu64 "]", indices[i]);
	node_add(search, index, &element, node.offset % size, xstrdup(text));
	return true;
}

/* Looks at one node; true when it is a pointer, which ends the search. */
static bool node_visit(struct search *search, int index)
{
	struct node *node = &search->nodes.v[index];
	size_t before = search->left.n;
	bool peeled = type_peel(search->file, &node->type);

	switch (peeled ? dwarf_tag(&node->type) : 0) {
	case DW_TAG_pointer_type:
	case DW_TAG_reference_type:
	case DW_TAG_rvalue_reference_type:
		if (node->offset == 0)
			return true;
		break;
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
	case DW_TAG_union_type:
		struct_enter(search, index);
		if (search->left.n == before && search->at_nothing == NODE_NONE)
			search->at_nothing = index;
		return false;
	case DW_TAG_array_type:
		if (array_enter(search, index))
			return false;
		break;
	default:
		break;
	}
	if (search->at_scalar == NODE_NONE)
		search->at_scalar = index;
	return false;
}

/* The path to a node, and how far into it. */
static char *node_path(const struct search *search, int index)
{
	uint64_t rest = search->nodes.v[index].offset;
	size_t length = 32;

	for (int i = index; i != NODE_NONE; i = search->nodes.v[i].parent)
		length += search->nodes.v[i].text ? strlen(search->nodes.v[i].text) : 0;

	char *path = xmalloc(length), *at = path + length - 32;

	if (rest)
		snprintf(at, 32, "+%" PRIu64, rest);
	else
		*at = '\0';
	for (int i = index; i != NODE_NONE; i = search->nodes.v[i].parent) {
		const char *text = search->nodes.v[i].text ? search->nodes.v[i].text : "";

		at -= strlen(text);
		memcpy(at, text, strlen(text));
	}
	if (*path)
		return path;
	free(path);
	return NULL;
}

char *member_path(struct dwarf_file *file, const Dwarf_Die *type, uint64_t offset)
{
	struct search search = { .file = file, .at_scalar = NODE_NONE, .at_nothing = NODE_NONE };
	int found = NODE_NONE;

	node_add(&search, NODE_NONE, type, offset, NULL);
	while (search.left.n && found == NODE_NONE && search.steps < MEMBERS_MAX) {
		int index = search.left.v[--search.left.n];

		if (node_visit(&search, index))
			found = index;
	}
	if (found == NODE_NONE)
		found = search.at_scalar != NODE_NONE ? search.at_scalar : search.at_nothing;

	char *path = found == NODE_NONE ? NULL : node_path(&search, found);

	for (size_t i = 0; i < search.nodes.n; i++)
		free(search.nodes.v[i].text);
	array_deinit(&search.nodes);
	array_deinit(&search.left);
	return path;
}
