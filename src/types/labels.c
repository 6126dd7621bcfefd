/* SPDX-License-Identifier: MIT */
#include "types/labels.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

bool label_is_meant(const char *name, const char *meant)
{
	return !strcmp(name, meant) || !strcmp(text_without_keyword(name), text_without_keyword(meant));
}

/* What is behind the last «::» that is not within the arguments of a template. */
static const char *last_name(const char *name)
{
	const char *last = text_without_keyword(name);
	unsigned depth = 0;

	for (const char *at = last; *at; at++) {
		if (*at == '<')
			depth++;
		else if (*at == '>' && depth)
			depth--;
		else if (at[0] == ':' && at[1] == ':' && !depth)
			last = at + 2;
	}
	return last;
}

/* How well a name is what is meant: lower is better. */
enum likeness {
	LIKE_ITSELF,
	LIKE_WITHOUT_WORD,
	LIKE_LAST_NAME,
	LIKENESSES,
};

static bool is_like(const char *name, const char *meant, enum likeness likeness)
{
	switch (likeness) {
	case LIKE_ITSELF:
		return !strcmp(name, meant);
	case LIKE_WITHOUT_WORD:
		return label_is_meant(name, meant);
	case LIKE_LAST_NAME:
		return !strcmp(last_name(name), meant);
	case LIKENESSES:
		break;
	}
	return false;
}

size_t labels_find(const struct types *types, const char *meant, label_id *ret, size_t max)
{
	size_t n = 0;

	// The first label is that of what nothing is known about.
	for (unsigned likeness = 0; likeness < LIKENESSES && !n; likeness++)
		for (size_t i = 1; i < types->labels.n; i++) {
			const struct chunk_label *label = &types->labels.v[i];

			if ((likeness != LIKE_ITSELF && !label->is_type) || !is_like(label->name, meant, (enum likeness)likeness))
				continue;
			if (n < max)
				ret[n] = (label_id)i;
			n++;
		}
	return n;
}

uint32_t *labels_column(const struct types *types)
{
	uint32_t *column;

	if (!types->is_built)
		return NULL;
	column = xmalloc((types->n + 1) * sizeof(*column));
	for (size_t i = 0; i < types->n; i++)
		column[i] = types->labels.v[types->label[i]].is_type ? types->label[i] : 0;
	return column;
}
