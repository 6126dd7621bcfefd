/* SPDX-License-Identifier: MIT */
#include "report/place_label.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"

/* The thread that a place is in: «thread 4712 (io)». */
static char *thread_label(const struct roots *roots, const struct root_place *place)
{
	const struct root_place *thread = place->kind == PLACE_THREAD ? place : &roots->places.v[place->parent];

	if (!thread->tid)
		return xstrdup("threads that have ended");
	return thread->name ? xasprintf("thread %d (%s)", (int)thread->tid, thread->name) : xasprintf("thread %d", (int)thread->tid);
}

/* « (server.c:120, redis-server)», as far as it is known; the module is left out where the name has it already. */
static char *origin(const struct root_place *place)
{
	const char *module = place->module && (!place->name || strncmp(place->name, place->module, strlen(place->module))) ? place->module : NULL;

	if (!place->source && !module)
		return xstrdup("");
	return xasprintf(" (%s%s%s)", place->source ? place->source : "", place->source && module ? ", " : "", module ? module : "");
}

/* `what` is a path or an offset, empty for the place as a whole. */
static char *label(const struct roots *roots, const struct root_place *place, const char *what)
{
	_cleanup_free_ char *from = origin(place), *thread = NULL;

	switch (place->kind) {
	case PLACE_MODULE:
		return xasprintf("module %s", place->name);
	case PLACE_VARIABLE:
		return xasprintf("%s%s%s", place->name, what, from);
	case PLACE_THREAD:
		return thread_label(roots, place);
	case PLACE_REGISTER:
		thread = thread_label(roots, place);
		return *what ? xasprintf("%s (register %s), %s", what, place->name, thread) : xasprintf("register %s, %s", place->name, thread);
	case PLACE_FRAME:
		thread = thread_label(roots, place);
		if (!place->name)
			return xasprintf("the bottom of the stack%s, %s", what, thread);
		// A register that is saved here is a variable of another function.
		if (strstr(what, " in "))
			return xasprintf("%s, %s", what, thread);
		// A variable has its own name; an offset is one of the frame.
		if (*what && *what != '+')
			return xasprintf("%s in %s%s, %s", what, place->name, from, thread);
		return xasprintf("frame of %s%s%s, %s", place->name, what, from, thread);
	case PLACE_TLS:
		thread = thread_label(roots, place);
		return xasprintf("%s%s%s, %s", place->name, what, from, thread);
	case PLACE_DESCRIPTOR:
		thread = thread_label(roots, place);
		return xasprintf("%s, %s", place->name ? place->name : "thread descriptor", thread);
	case PLACE_MAPPING:
		return place->name ? xasprintf("mapping %s%s", place->name, what) :
				     xasprintf("mapping 0x%" PRIxVADDR "%s", place->start, what);
	case PLACE_LIBC:
		return xstrdup("libc itself");
	case PLACE_LEAKED:
		return xstrdup("nothing (leaked)");
	case PLACE_KINDS:
		break;
	}
	return xstrdup("?");
}

char *place_label(const struct roots *roots, place_id place)
{
	return place == PLACE_NONE ? xstrdup("the process") : label(roots, &roots->places.v[place], "");
}

char *root_label(const struct roots *roots, const struct root *root)
{
	const struct root_place *place = &roots->places.v[root->place];
	_cleanup_free_ char *offset = NULL;

	if (root->path)
		return label(roots, place, root->path);
	if (!root->offset)
		return label(roots, place, "");
	offset = xasprintf("+0x%" PRIx64, root->offset);
	return label(roots, place, offset);
}

char *owner_label(const struct roots *roots, const struct owner *owner)
{
	const struct root_place *place = &roots->places.v[owner->place];
	bool is_named = place->kind == PLACE_VARIABLE || place->kind == PLACE_TLS || place->kind == PLACE_FRAME;
	_cleanup_free_ char *from = is_named ? origin(place) : xstrdup(""), *thread = NULL;

	if (place->parent == PLACE_NONE || roots->places.v[place->parent].kind != PLACE_THREAD)
		return xasprintf("%s%s", owner->name, from);
	thread = thread_label(roots, place);
	return xasprintf("%s%s, %s", owner->name, from, thread);
}

char *root_kind_label(const struct roots *roots, const struct root *root)
{
	_cleanup_free_ char *path = xstrdup(root->path ? root->path : "");
	char *to = path;
	bool in_index = false;

	for (const char *at = path; *at; at++) {
		in_index = in_index ? *at != ']' : *at == '[';
		if (!in_index || *at == '[')
			*to++ = *at;
	}
	*to = '\0';
	return label(roots, &roots->places.v[root->place], path);
}
