/* SPDX-License-Identifier: MIT */
#include "snapshot/threshold.h"

#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

static struct error *refused(const char *text, const char *why)
{
	return error_create(ERROR_USAGE, "the condition \"%s\" %s", text, why);
}

static const char *skip_blanks(const char *at)
{
	return at + strspn(at, " \t");
}

/* A size, up to a character that ends it. */
static bool parse_size(const char *at, size_t length, uint64_t *ret)
{
	_cleanup_free_ char *word = xstrndup(at, length);

	return text_parse_bytes(word, ret);
}

/* «size:1032 », «size:1k-2k »; nothing is all sizes. */
static struct error *parse_selector(const char *text, const char **at, struct threshold *threshold)
{
	static const char prefix[] = "size:";
	const char *word = *at;
	size_t length = strcspn(word, " \t"), colon = strcspn(word, ":");

	if (colon >= length)
		return NULL;
	if (strncmp(word, prefix, strlen(prefix)))
		return refused(text,
			       "chooses by what this version does not know; size: is what it has");
	word += strlen(prefix);
	length -= strlen(prefix);

	size_t dash = strcspn(word, "- \t");

	if (!parse_size(word, dash < length ? dash : length, &threshold->min_size) ||
	    (dash < length &&
	     !parse_size(word + dash + 1, length - dash - 1, &threshold->max_size)))
		return refused(text, "names no size: size:1032, or size:1k-2k");
	if (dash >= length)
		threshold->max_size = threshold->min_size;
	if (threshold->min_size > threshold->max_size)
		return refused(text, "names a range that ends before it begins");
	*at = skip_blanks(word + length);
	return NULL;
}

static struct error *parse_metric(const char *text, const char **at, struct threshold *threshold)
{
	static const char *const metrics[THRESHOLD_METRICS] = {
		[THRESHOLD_BYTES] = "bytes",
		[THRESHOLD_COUNT] = "count",
		[THRESHOLD_SYSTEM] = "system",
		[THRESHOLD_RESIDENT] = "resident",
	};
	size_t length = strspn(*at, "abcdefghijklmnopqrstuvwxyz");

	for (unsigned metric = 0; metric < THRESHOLD_METRICS; metric++) {
		if (strlen(metrics[metric]) != length || memcmp(metrics[metric], *at, length))
			continue;
		threshold->metric = (enum threshold_metric)metric;
		*at = skip_blanks(*at + length);
		return NULL;
	}
	return refused(text, "is about nothing that is known: bytes, count, system or resident");
}

static struct error *parse_operation(const char *text, const char **at, struct threshold *threshold)
{
	bool is_more = **at == '>', is_equal = is_more || **at == '<' ? (*at)[1] == '=' : false;

	if (!is_more && **at != '<')
		return refused(text,
			       "does not compare: >, >=, < or <= come behind what is measured");
	if (is_more)
		threshold->operation = is_equal ? THRESHOLD_AT_LEAST : THRESHOLD_MORE;
	else
		threshold->operation = is_equal ? THRESHOLD_AT_MOST : THRESHOLD_LESS;
	*at = skip_blanks(*at + 1 + is_equal);
	return NULL;
}

static struct error *parse_value(const char *text, const char *at, struct threshold *threshold)
{
	bool is_negative = *at == '-';
	_cleanup_free_ char *word = xstrdup(at + is_negative);
	size_t length = strlen(word);
	uint64_t number;

	while (length && strchr(" \t", word[length - 1]))
		word[--length] = '\0';
	threshold->is_percent = length && word[length - 1] == '%';
	if (threshold->is_percent)
		word[--length] = '\0';

	// Per cent and numbers have no units.
	bool is_plain = threshold->is_percent || threshold->metric == THRESHOLD_COUNT;

	if (!length ||
	    (is_plain ? !text_parse_u64(word, &number) : !text_parse_bytes(word, &number)))
		return refused(
			text, threshold->metric == THRESHOLD_COUNT
				      ? "compares with no number"
				      : "compares with no number of bytes (10k, 1.5M) or per cent");
	threshold->value = is_negative ? -(double)number : (double)number;
	return NULL;
}

struct error *threshold_parse(const char *text, struct threshold *ret)
{
	struct threshold threshold = { .text = text, .max_size = UINT64_MAX };
	const char *at = skip_blanks(text);
	struct error *error = parse_selector(text, &at, &threshold);

	if (!error)
		error = parse_metric(text, &at, &threshold);
	if (!error && (threshold.min_size || threshold.max_size != UINT64_MAX) &&
	    threshold.metric != THRESHOLD_BYTES && threshold.metric != THRESHOLD_COUNT)
		error = refused(text,
				"chooses sizes of what has none: bytes and count are of chunks");
	if (!error)
		error = parse_operation(text, &at, &threshold);
	if (!error)
		error = parse_value(text, at, &threshold);
	if (!error)
		*ret = threshold;
	return error;
}

/* What was measured in a snapshot; UINT64_MAX when unknown. */
static uint64_t measure(const struct threshold *threshold, const struct diff *diff, size_t step)
{
	const struct diff_side *side = &diff->sides.v[step];
	uint64_t sum = 0;

	if (threshold->metric == THRESHOLD_SYSTEM)
		return side->system_bytes;
	if (threshold->metric == THRESHOLD_RESIDENT)
		return side->resident;
	for (size_t row = 0; row < diff->sizes.keys.n; row++) {
		struct series_value value = series_get(&diff->sizes, row, step);

		if (diff->sizes.keys.v[row] >= threshold->min_size &&
		    diff->sizes.keys.v[row] <= threshold->max_size)
			sum += threshold->metric == THRESHOLD_COUNT ? value.count : value.bytes;
	}
	return sum;
}

enum threshold_result threshold_judge(const struct threshold *threshold, const struct diff *diff,
				      int64_t *change_ret)
{
	uint64_t before = measure(threshold, diff, 0),
		 now = measure(threshold, diff, diff->sides.n - 1);

	*change_ret = 0;
	if (before == UINT64_MAX || now == UINT64_MAX)
		return THRESHOLD_UNKNOWN;
	*change_ret = (int64_t)(now - before);

	double limit = threshold->is_percent ? threshold->value / 100 * (double)before
					     : threshold->value;
	double change = (double)*change_ret;
	bool holds = false;

	switch (threshold->operation) {
	case THRESHOLD_MORE:
		holds = change > limit;
		break;
	case THRESHOLD_AT_LEAST:
		holds = change >= limit;
		break;
	case THRESHOLD_LESS:
		holds = change < limit;
		break;
	case THRESHOLD_AT_MOST:
		holds = change <= limit;
		break;
	}
	return holds ? THRESHOLD_FAILED : THRESHOLD_KEPT;
}
