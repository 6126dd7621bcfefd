/* SPDX-License-Identifier: MIT */
#include "cmd/diagnosis.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>

#include "base/alloc.h"

void diagnosis_add(struct diagnoses *diagnoses, enum diagnosis_result result, const char *topic,
		   const char *format, ...)
{
	va_list args;

	va_start(args, format);
	array_append(&diagnoses->v, (struct diagnosis){ .result = result,
							.topic = topic,
							.detail = xvasprintf(format, args) });
	va_end(args);
}

static struct diagnosis *last(struct diagnoses *diagnoses)
{
	assert(diagnoses->v.n);
	return &diagnoses->v.v[diagnoses->v.n - 1];
}

void diagnosis_remedy(struct diagnoses *diagnoses, const char *format, ...)
{
	struct diagnosis *diagnosis = last(diagnoses);
	va_list args;

	free(diagnosis->remedy);
	va_start(args, format);
	diagnosis->remedy = xvasprintf(format, args);
	va_end(args);
}

void diagnosis_status(struct diagnoses *diagnoses, enum status status)
{
	last(diagnoses)->result = DIAGNOSIS_PROBLEM;
	last(diagnoses)->status = status;
}

void diagnoses_deinit(struct diagnoses *diagnoses)
{
	for (size_t i = 0; i < diagnoses->v.n; i++) {
		free(diagnoses->v.v[i].detail);
		free(diagnoses->v.v[i].remedy);
	}
	array_deinit(&diagnoses->v);
}
