/* SPDX-License-Identifier: MIT */
#include "snapshot/threshold.h"

#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "types/labels.h"

static struct error *refused(const char *text, const char *why)
{
	return error_create(ERROR_USAGE, "the condition \"%s\" %s", text, why);
}

/* A piece of the text. */
struct piece {
	const char *at;
	size_t length;
};

static struct piece trim(struct piece piece)
{
	while (piece.length && strchr(" \t", piece.at[piece.length - 1]))
		piece.length--;
	while (piece.length && strchr(" \t", *piece.at)) {
		piece.at++;
		piece.length--;
	}
	return piece;
}

static bool has_prefix(struct piece piece, const char *prefix)
{
	return piece.length >= strlen(prefix) && !memcmp(piece.at, prefix, strlen(prefix));
}

static bool parse_size(struct piece piece, uint64_t *ret)
{
	_cleanup_free_ char *word = xstrndup(piece.at, piece.length);

	return text_parse_bytes(word, ret);
}

/* What stands behind a word and a colon; false when there is another word, or none. */
static bool take_name(struct piece piece, const char *word, const char **name, size_t *length)
{
	if (!has_prefix(piece, word))
		return false;
	piece = trim((struct piece){ piece.at + strlen(word), piece.length - strlen(word) });
	*name = piece.at;
	*length = piece.length;
	return true;
}

/* «size:1032», «size:1k-2k», «owner:session_cache», «type:struct conn»; nothing is everything. */
static struct error *parse_selector(const char *text, struct piece piece,
				    struct threshold *threshold)
{
	static const char size[] = "size:";

	if (!piece.length)
		return NULL;
	if (take_name(piece, "owner:", &threshold->owner, &threshold->owner_length))
		return threshold->owner_length ? NULL : refused(text, "names no owner");
	if (take_name(piece, "type:", &threshold->type, &threshold->type_length))
		return threshold->type_length ? NULL : refused(text, "names no type");
	if (!has_prefix(piece, size))
		return refused(text, "chooses by what this version does not know; size:, owner: and type: "
				     "are what it has");
	piece.at += strlen(size);
	piece.length -= strlen(size);

	const char *dash = memchr(piece.at, '-', piece.length);
	struct piece low = { piece.at, dash ? (size_t)(dash - piece.at) : piece.length };
	struct piece high = { dash ? dash + 1 : piece.at,
			      dash ? piece.length - low.length - 1 : piece.length };

	if (!parse_size(low, &threshold->min_size) || !parse_size(high, &threshold->max_size))
		return refused(text, "names no size: size:1032, or size:1k-2k");
	if (threshold->min_size > threshold->max_size)
		return refused(text, "names a range that ends before it begins");
	return NULL;
}

static struct error *parse_metric(const char *text, struct piece piece, struct threshold *threshold)
{
	static const char *const metrics[THRESHOLD_METRICS] = {
		[THRESHOLD_BYTES] = "bytes",	   [THRESHOLD_COUNT] = "count",
		[THRESHOLD_LEAKED] = "leaked",	   [THRESHOLD_SYSTEM] = "system",
		[THRESHOLD_RESIDENT] = "resident",
	};

	for (unsigned metric = 0; metric < THRESHOLD_METRICS; metric++) {
		if (strlen(metrics[metric]) != piece.length ||
		    memcmp(metrics[metric], piece.at, piece.length) != 0)
			continue;
		threshold->metric = (enum threshold_metric)metric;
		return NULL;
	}
	return refused(text,
		       "is about nothing that is known: bytes, count, leaked, system or resident");
}

static struct error *parse_value(const char *text, struct piece piece, struct threshold *threshold)
{
	bool is_negative = piece.length && *piece.at == '-';
	_cleanup_free_ char *word = xstrndup(piece.at + is_negative, piece.length - is_negative);
	size_t length = strlen(word);
	uint64_t number;

	threshold->is_percent = length && word[length - 1] == '%';
	// «5 %» and «10 M» are written with blanks, too.
	length -= threshold->is_percent;
	for (size_t i = length; i-- > 0;)
		if (word[i] == ' ')
			memmove(word + i, word + i + 1, length-- - i);
	word[length] = '\0';

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

/* The last < or >: names of owners may have some, too. NULL when there is none. */
static const char *find_operation(const char *text)
{
	const char *last = NULL;

	for (const char *at = text; (at = strpbrk(at, "<>")); at++)
		last = at;
	return last;
}

struct error *threshold_parse(const char *text, struct threshold *ret)
{
	struct threshold threshold = { .text = text, .max_size = UINT64_MAX };
	const char *operation = find_operation(text);

	if (!operation)
		return refused(text, "does not compare: it takes >, >=, < or <=");

	bool is_equal = operation[1] == '=';
	const char *value = operation + 1 + is_equal;
	struct piece left = trim((struct piece){ text, (size_t)(operation - text) });
	size_t before = left.length;

	// The metric is the last word of what is left.
	while (before && !strchr(" \t", left.at[before - 1]))
		before--;

	struct piece metric = { left.at + before, left.length - before };

	left.length = before;
	threshold.operation = *operation == '>' ? is_equal ? THRESHOLD_AT_LEAST : THRESHOLD_MORE
			      : is_equal	? THRESHOLD_AT_MOST
						: THRESHOLD_LESS;

	struct error *error = parse_metric(text, metric, &threshold);
	bool is_choosy;

	if (!error)
		error = parse_selector(text, trim(left), &threshold);
	is_choosy = threshold.owner || threshold.type || threshold.min_size || threshold.max_size != UINT64_MAX;
	if (!error && is_choosy && threshold.metric != THRESHOLD_BYTES &&
	    threshold.metric != THRESHOLD_COUNT)
		error = refused(
			text,
			"chooses from what cannot be chosen from: bytes and count are of chunks");
	if (!error)
		error = parse_value(text, trim((struct piece){ value, strlen(value) }), &threshold);
	if (!error)
		*ret = threshold;
	return error;
}

/* A name as it stands, or without « (its module)»; or one of its members. */
static bool is_owner(const struct threshold *threshold, const char *name)
{
	size_t length = threshold->owner_length;

	return !strncmp(name, threshold->owner, length) &&
	       (!name[length] || name[length] == '.' || name[length] == '[' ||
		!strncmp(name + length, " (", 2));
}

static bool is_of_type(const struct threshold *threshold, const char *name)
{
	_cleanup_free_ char *meant = xstrndup(threshold->type, threshold->type_length);

	return label_is_meant(name, meant);
}

bool threshold_is_about_nobody(const struct threshold *threshold, const struct diff *diff)
{
	const struct census *census = &diff->census;

	if (threshold->owner ? !census->has_owners : !threshold->type || !census->has_labels)
		return false;
	for (size_t row = 0; threshold->owner && row < census->owners.keys.n; row++)
		if (is_owner(threshold, census->names.v.v[census->owners.keys.v[row]]))
			return false;
	for (size_t row = 0; threshold->type && row < census->labels.keys.n; row++)
		if (is_of_type(threshold, census->label_names.v.v[census->labels.keys.v[row]]))
			return false;
	return true;
}

static uint64_t value_of(const struct threshold *threshold, struct series_value value)
{
	return threshold->metric == THRESHOLD_COUNT ? value.count : value.bytes;
}

/* The sum of a type; UINT64_MAX when types are not known. */
static uint64_t measure_type(const struct threshold *threshold, const struct census *census, size_t step)
{
	uint64_t sum = 0;

	if (!census->has_labels)
		return UINT64_MAX;
	for (size_t row = 0; row < census->labels.keys.n; row++)
		if (is_of_type(threshold, census->label_names.v.v[census->labels.keys.v[row]]))
			sum += value_of(threshold, series_get(&census->labels, row, step));
	return sum;
}

/* The sum of an owner; UINT64_MAX when owners are not known. */
static uint64_t measure_owner(const struct threshold *threshold, const struct census *census,
			      size_t step)
{
	uint64_t sum = 0;

	if (!census->has_owners)
		return UINT64_MAX;
	for (size_t row = 0; row < census->owners.keys.n; row++) {
		if (is_owner(threshold, census->names.v.v[census->owners.keys.v[row]]))
			sum += value_of(threshold, series_get(&census->owners, row, step));
	}
	return sum;
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
	if (threshold->metric == THRESHOLD_LEAKED)
		return side->leaked_bytes;
	if (threshold->owner)
		return measure_owner(threshold, &diff->census, step);
	if (threshold->type)
		return measure_type(threshold, &diff->census, step);
	for (size_t row = 0; row < diff->census.sizes.keys.n; row++) {
		struct series_value value = series_get(&diff->census.sizes, row, step);

		if (diff->census.sizes.keys.v[row] >= threshold->min_size &&
		    diff->census.sizes.keys.v[row] <= threshold->max_size)
			sum += value_of(threshold, value);
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
