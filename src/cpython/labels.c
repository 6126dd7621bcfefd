/* SPDX-License-Identifier: MIT */
#include "cpython/labels.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

enum {
	/** Characters of a name. */
	TEXT_MAX = 60,
};

static char *quoted(char *text)
{
	char *quote = xasprintf("['%s']", text);

	free(text);
	return quote;
}

/* A key as it is written: text and numbers; of others the type alone. */
static char *key_text(struct py_walk *walk, vaddr key)
{
	uint32_t type = py_object_type(walk, key);
	char *text;

	if (type == UINT32_MAX)
		return xstrdup("[key]");
	text = str_text(walk, key, TEXT_MAX);
	if (text)
		return quoted(text);
	if (walk->types.v[type].kind == KIND_INT && !walk->layout.int_tagged) {
		int64_t digits = (int64_t)py_at(walk, key + OBJECT_SIZE);

		if (digits >= -1 && digits <= 1)
			return xasprintf("[%lld]", (long long)(digits * (int64_t)py_u32(walk, key + VAR_HEADER)));
	} else if (walk->types.v[type].kind == KIND_INT) {
		uint64_t tag = py_at(walk, key + OBJECT_SIZE);

		if (tag >> 3 <= 1)
			return xasprintf("[%s%u]", (tag & 3) == 2 ? "-" : "", py_u32(walk, key + VAR_HEADER));
	}
	return xasprintf("[<%s>]", walk->python->classes.v[walk->types.v[type].class].name);
}

static char *named(const char *before, char *name)
{
	char *text = name ? xasprintf("%s%s", before, name) : xasprintf("%s?", before);

	free(name);
	return text;
}

/* What lies in a dict of attributes is an attribute. */
char *label_text(struct py_walk *walk, struct py_label label, bool in_attributes)
{
	char *text;

	switch (label.kind) {
	case LABEL_INDEX:
		return xasprintf("[%llu]", (unsigned long long)label.value);
	case LABEL_ANY_INDEX:
		return xstrdup("[i]");
	case LABEL_KEY:
	case LABEL_ANY_KEY:
		text = in_attributes ? str_text(walk, label.value, TEXT_MAX) : NULL;
		if (text)
			return named(".", text);
		return label.kind == LABEL_ANY_KEY ? xstrdup("[key]") : key_text(walk, label.value);
	case LABEL_THE_KEY:
		return xstrdup(".keys()");
	case LABEL_ELEMENT:
		return xstrdup("{element}");
	case LABEL_ATTRIBUTE:
		return named(".", str_text(walk, label.value, TEXT_MAX));
	case LABEL_MEMBER:
		return named(".", image_get_string(&walk->target->image, label.value, TEXT_MAX));
	case LABEL_NAME:
		return xasprintf(".%s", (const char *)(uintptr_t)label.value);
	case LABEL_LOCAL:
		return named(" local ", str_text(walk, label.value, TEXT_MAX));
	case LABEL_DICT:
		return xstrdup("");
	case LABEL_OFFSET:
		return xasprintf(".+%llu", (unsigned long long)label.value);
	case LABEL_ROOT:
		break;
	}
	return xstrdup("?");
}

/* Those whose value is an address of a str. */
bool label_is_textual(enum py_label_kind kind, bool in_attributes)
{
	return kind == LABEL_KEY || kind == LABEL_ATTRIBUTE || kind == LABEL_MEMBER || kind == LABEL_LOCAL || kind == LABEL_NAME ||
	       (kind == LABEL_ANY_KEY && in_attributes);
}

static uint64_t text_hash(const char *text)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	return hash;
}

uint64_t label_identity(struct label_identities *known, struct py_walk *walk, struct py_label label, bool in_attributes)
{
	struct label_identity *entry;
	_cleanup_free_ char *text = NULL;

	if (!label_is_textual(label.kind, in_attributes))
		return label.kind == LABEL_INDEX || label.kind == LABEL_OFFSET || label.kind == LABEL_ROOT ? label.value : 0;
	// Names are few, and one object each.
	entry = &known->v[(label.value >> 4 ^ label.kind) % LABEL_IDENTITIES];
	if (entry->value == label.value && entry->kind == label.kind + 1 && entry->in_attributes == in_attributes)
		return entry->identity;
	text = label_text(walk, label, in_attributes);
	*entry = (struct label_identity){ label.value, text_hash(text), label.kind + 1, in_attributes };
	return entry->identity;
}
