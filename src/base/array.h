/* SPDX-License-Identifier: MIT */
/*
 * Typed growing arrays.
 *
 * `ARRAY(type)` is an anonymous struct {type *v; size_t n, capacity;}; zero bytes are an empty array. Elements
 * are reached as a.v[i] for i < a.n; pointers to them are good until the next push.
 */
#ifndef HEAPSNAP_BASE_ARRAY_H
#define HEAPSNAP_BASE_ARRAY_H

#include <stddef.h>
#include <stdlib.h>

#include "base/alloc.h"

#define ARRAY(type)              \
	struct {                 \
		type *v;         \
		size_t n;        \
		size_t capacity; \
	}

/** Makes room for at least `more` further elements. Cost: amortised constant per element. */
#define array_reserve(array, more)                                                          \
	do {                                                                                \
		__typeof__(array) a_ = (array);                                             \
		size_t need_ = a_->n + (more);                                              \
		if (need_ > a_->capacity) {                                                 \
			size_t capacity_ = a_->capacity ? a_->capacity + a_->capacity / 2 : 8; \
			if (capacity_ < need_)                                              \
				capacity_ = need_;                                          \
			a_->v = xreallocarray(a_->v, capacity_, sizeof(*a_->v));            \
			a_->capacity = capacity_;                                           \
		}                                                                           \
	} while (0)

/** A pointer to one further element, whose bytes are not initialised. */
#define array_push(array)                         \
	({                                        \
		__typeof__(array) p_ = (array);   \
		array_reserve(p_, 1);             \
		&p_->v[p_->n++];                  \
	})

/** Appends one value. */
#define array_append(array, ...)                              \
	do {                                                  \
		__typeof__(*(array)->v) e_ = __VA_ARGS__;     \
		*array_push(array) = e_;                      \
	} while (0)

/** Gives back what is reserved beyond the elements. */
#define array_trim(array)                                                                    \
	do {                                                                                 \
		__typeof__(array) t_ = (array);                                              \
		if (t_->n && t_->n < t_->capacity) {                                         \
			t_->v = xreallocarray(t_->v, t_->n, sizeof(*t_->v));                 \
			t_->capacity = t_->n;                                                \
		}                                                                            \
	} while (0)

/** Frees the elements' memory and leaves an empty array. What the elements own is the caller's. */
#define array_deinit(array)       \
	do {                      \
		free((array)->v); \
		(array)->v = NULL; \
		(array)->n = 0;   \
		(array)->capacity = 0; \
	} while (0)

#endif
