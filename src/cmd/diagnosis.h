/* SPDX-License-Identifier: MIT */
/*
 * What `doctor` finds out, item by item: the topic, how it stands, what was seen, and the remedy where there is one.
 */
#ifndef HEAPSNAP_CMD_DIAGNOSIS_H
#define HEAPSNAP_CMD_DIAGNOSIS_H

#include "base/array.h"
#include "base/error.h"
#include "cmd/status.h"

enum diagnosis_result {
	/** As it should be. */
	DIAGNOSIS_FINE,
	/** Something could be better; reports come out all the same. */
	DIAGNOSIS_NOTE,
	/** It stands in the way. */
	DIAGNOSIS_PROBLEM,
};

struct diagnosis {
	enum diagnosis_result result;
	/** One or two words, stable: part of the JSON. Borrowed: for ever. */
	const char *topic;
	/** What was seen: a sentence, with what the target wrote escaped. Owned. */
	char *detail;
	/** What to do: a command or a sentence; NULL when there is nothing to do. Owned. */
	char *remedy;
	/** The status that the other commands would exit with for a problem. */
	enum status status;
};

struct diagnoses {
	ARRAY(struct diagnosis) v;
};

/** Adds an item without a remedy. */
void diagnosis_add(struct diagnoses *diagnoses, enum diagnosis_result result, const char *topic,
		   const char *format, ...) _printf_(4, 5);

/** Gives the last item its remedy. */
void diagnosis_remedy(struct diagnoses *diagnoses, const char *format, ...) _printf_(2, 3);

/** Makes the last item a problem that ends with this status. */
void diagnosis_status(struct diagnoses *diagnoses, enum status status);

/** Frees them. */
void diagnoses_deinit(struct diagnoses *diagnoses);

#endif
