/* SPDX-License-Identifier: MIT */
#include "report/size_label.h"

#include "base/alloc.h"
#include "base/text.h"

/* Sizes are exact names up to here; beyond it a range reads better with units. */
static const uint64_t UNITS_FROM = 64 * 1024;

static bool has_units(const struct writer *writer, uint64_t min, uint64_t max)
{
	return !writer_options(writer)->plain_bytes && min != max && min >= UNITS_FROM;
}

char *size_label(const struct writer *writer, uint64_t min, uint64_t max)
{
	char low[TEXT_NUMBER_MAX], high[TEXT_NUMBER_MAX];

	if (writer_options(writer)->plain_bytes)
		return min == max ? xasprintf("%" PRIu64, min)
				  : xasprintf("%" PRIu64 "-%" PRIu64, min, max);
	if (min == max)
		return xstrdup(text_count(low, min));
	if (has_units(writer, min, max))
		return xasprintf("%s-%s", text_bytes(low, min, false),
				 text_bytes(high, max, false));
	return xasprintf("%s-%s", text_count(low, min), text_count(high, max));
}

char *size_phrase(const struct writer *writer, uint64_t min, uint64_t max)
{
	_cleanup_free_ char *label = size_label(writer, min, max);

	return xasprintf("%s%s", label, has_units(writer, min, max) ? "" : " bytes");
}
