/* SPDX-License-Identifier: MIT */
#include "report/print_growth.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "report/paragraph.h"
#include "report/size_label.h"

enum {
	/** More would be no sentence. */
	CAUSES_MAX = 4,
	/** Sizes that a cause names. */
	SIZES_MAX = 8,
};

const char *trend_text(char buffer[TREND_BYTES], const struct writer *writer, const uint64_t *bytes,
		       size_t steps)
{
	uint64_t low = UINT64_MAX, high = 0;
	size_t shown = steps < TREND_MAX ? steps : TREND_MAX;
	char *at = buffer;

	for (size_t i = 0; i < steps; i++) {
		low = bytes[i] < low ? bytes[i] : low;
		high = bytes[i] > high ? bytes[i] : high;
	}
	for (size_t i = 0; i < shown; i++) {
		// The first and the last are always among them.
		uint64_t value = bytes[shown > 1 ? i * (steps - 1) / (shown - 1) : 0];
		double part = high > low ? (double)(value - low) / (double)(high - low) : 0;

		if (writer_options(writer)->has_utf8) {
			// U+2581 to U+2588, eighths of a character.
			*at++ = '\xe2';
			*at++ = '\x96';
			*at++ = (char)(0x81 + (int)(part * 7 + 0.5));
		} else {
			*at++ = (char)('0' + (int)(part * 9 + 0.5));
		}
	}
	*at = '\0';
	return buffer;
}

char *count_phrase(int64_t change, const char *what)
{
	uint64_t magnitude = change < 0 ? 0 - (uint64_t)change : (uint64_t)change;
	char number[TEXT_NUMBER_MAX];

	return xasprintf("%s %s%s%s", text_count(number, magnitude), change < 0 ? "fewer" : "more",
			 *what ? " " : "", what);
}

/* Shares of what came. */
static const double ALL = 0.99, NEARLY = 0.9, HALF = 0.5;
#define KEEPER_NONE SIZE_MAX

/* What a cause is about: the growth of the sizes or types that it is made of, and the census that has them by owner. */
struct question {
	const struct growth *growth;
	/** Its rows are types. */
	bool by_type;
	/** NULL when nobody is known to keep anything. */
	const struct census *census;
	size_t from, to;
	/** Sizes below are left out of the growth. */
	uint64_t min_size;
	/** Who was said to keep what came, one or two; a cause with one of them says it again only when it has another part in it. KEEPER_NONE: nobody. */
	size_t keeper, second;
};

/* A row as a part of a sentence: «struct conn», «1,032», and behind the last of several sizes «bytes». Owner: the caller; escaped. */
static char *row_phrase(const struct writer *writer, const struct question *question, const struct growth_row *row, bool is_last)
{
	const char *name = question->by_type ? question->census->label_names.v.v[row->min] : NULL;

	// The first name is that of what has none.
	if (name)
		return row->min ? text_escape(name, strlen(name)) : xstrdup("unknown type");
	return is_last ? size_phrase(writer, row->min, row->max) : size_label(writer, row->min, row->max);
}

static size_t parts_count(const struct growth_cause *cause, bool once)
{
	size_t n = 0;

	for (size_t i = 0; i < cause->parts.n; i++)
		n += (cause->parts.v[i].times <= 1) == once;
	return n;
}

/* The parts of a cause that come once, or those that come several times, with how often: «1,032, 40 and 56 bytes», «8 of 40 and 2 of 56 bytes», «6 struct entry». NULL when
   there are none. Owner: the caller; escaped. */
static char *parts_phrase(const struct writer *writer, const struct question *question, const struct growth_cause *cause, bool once)
{
	const struct growth *growth = question->growth;
	size_t n = parts_count(cause, once), named, at = 0;
	char *phrase = NULL;

	named = n <= SIZES_MAX ? n : SIZES_MAX - 1;
	for (size_t i = 0; i < cause->parts.n && at < named; i++) {
		const struct growth_part *part = &cause->parts.v[i];

		if ((part->times <= 1) != once)
			continue;

		_cleanup_free_ char *label = row_phrase(writer, question, &growth->rows.v[part->row], at + 1 == n), *before = phrase;
		_cleanup_free_ char *times = once ? xstrdup("") : xasprintf("%" PRIu64 "%s ", part->times, question->by_type ? "" : " of");

		phrase = xasprintf("%s%s%s%s", before ? before : "", !at ? "" : at + 1 == n ? " and " : ", ", times, label);
		at++;
	}
	if (named == n)
		return phrase;

	char *whole = xasprintf("%s and %zu more %s", phrase, n - named, question->by_type ? "types" : "sizes");

	free(phrase);
	return whole;
}

/* A size belongs to a part when it is the part's own, or in its range and has no row of its own. */
static bool is_part(const struct growth *growth, const struct growth_part *part, uint64_t usable)
{
	const struct growth_row *row = &growth->rows.v[part->row];

	if (usable < row->min || usable > row->max)
		return false;
	for (size_t i = 0; row->sizes != 1 && i < growth->rows.n; i++)
		if (growth->rows.v[i].sizes == 1 && growth->rows.v[i].min == usable)
			return false;
	return true;
}

/* Whether a size, or the number of a type, is part of a cause. */
static bool is_of_cause(const struct question *question, const struct growth_cause *cause, uint64_t what)
{
	for (size_t i = 0; i < cause->parts.n; i++)
		if (question->by_type ? question->growth->rows.v[cause->parts.v[i].row].min == what : is_part(question->growth, &cause->parts.v[i], what))
			return true;
	return false;
}

/* Who has most of what came, and next to most. */
struct keeper {
	/** Keys of the census, KEEPER_NONE when nobody has half. The second one with it has nearly all; else KEEPER_NONE. */
	size_t owner, second;
	double share;
	int64_t bytes, second_bytes;
};

/* The name of an owner. Owner: the caller; escaped. */
static char *keeper_name(const struct census *census, size_t owner)
{
	_cleanup_free_ char *label = census_owner_label(census, owner);

	return text_escape(label, strlen(label));
}

/* «+12.0 MiB kept by server.db», «+3.00 MiB leaked». Owner: the caller. */
static char *keeper_part(const struct writer *writer, const struct census *census, size_t owner, int64_t bytes)
{
	_cleanup_free_ char *change = writer_format_value(writer, value_bytes_change(bytes)), *name = keeper_name(census, owner);

	return owner == CENSUS_LEAKED ? xasprintf("%s leaked", change) : xasprintf("%s kept by %s", change, name);
}

/* «kept by server.db (server.c:86, redis-server)», «mostly leaked», «+12.0 MiB kept by a and +3.00 MiB leaked». Owner: the caller. */
static char *keeper_phrase(const struct writer *writer, const struct census *census, const struct keeper *keeper)
{
	const char *how = keeper->share >= ALL	    ? ""
			  : keeper->share >= NEARLY ? "nearly all "
						    : "mostly ";

	if (keeper->second != KEEPER_NONE) {
		_cleanup_free_ char *first = keeper_part(writer, census, keeper->owner, keeper->bytes);
		_cleanup_free_ char *second = keeper_part(writer, census, keeper->second, keeper->second_bytes);

		return xasprintf("%s and %s", first, second);
	}
	if (keeper->owner == CENSUS_LEAKED)
		return xasprintf("%sleaked", how);

	_cleanup_free_ char *name = keeper_name(census, keeper->owner);

	return xasprintf("%skept by %s", how, name);
}

/* Of what came by owner. */
static struct keeper keeper_find(const struct census *census, const int64_t *came)
{
	uint64_t all = 0;
	size_t best = 0, second = KEEPER_NONE;

	for (size_t owner = 0; owner < census->names.v.n; owner++) {
		all += came[owner] > 0 ? (uint64_t)came[owner] : 0;
		best = came[owner] > came[best] ? owner : best;
	}
	for (size_t owner = 0; owner < census->names.v.n; owner++)
		if (owner != best && came[owner] > 0 && (second == KEEPER_NONE || came[owner] > came[second]))
			second = owner;

	struct keeper keeper = { best, KEEPER_NONE, all ? (double)came[best] / (double)all : 0, came[best], 0 };

	if (keeper.share < NEARLY && second != KEEPER_NONE && (double)(came[best] + came[second]) >= NEARLY * (double)all) {
		keeper.second = second;
		keeper.second_bytes = came[second];
	} else if (keeper.share < HALF) {
		keeper.owner = KEEPER_NONE;
	}
	return keeper;
}

/* Who keeps what came of the sizes or types of a cause, or with none of what came in all, by bytes. */
static struct keeper keeper_of(const struct question *question, const struct growth_cause *cause)
{
	const struct census *census = question->census;

	if (!census || !census->has_owners ||
	    (cause ? cause->bytes : growth_bytes(&question->growth->total)) <= 0)
		return (struct keeper){ .owner = KEEPER_NONE, .second = KEEPER_NONE };

	const struct series *kept = question->by_type ? &census->label_kept : &census->kept;
	_cleanup_free_ int64_t *came = xcalloc(census->names.v.n + 1, sizeof(*came));

	for (size_t row = 0; row < kept->keys.n; row++) {
		uint64_t key = kept->keys.v[row], what = census_key_size(key);
		struct series_value before = series_get(kept, row, question->from),
				    now = series_get(kept, row, question->to);

		if (cause ? !is_of_cause(question, cause, what) : !question->by_type && what < question->min_size)
			continue;
		came[census_key_owner(key)] += (int64_t)(now.bytes - before.bytes);
	}
	return keeper_find(census, came);
}

/* «3,968 more of 8,200 bytes (+31.0 MiB, kept by g_conn_table)». */
static char *cause_phrase(const struct writer *writer, const struct question *question,
			  const struct growth_cause *cause)
{
	_cleanup_free_ char *parts = parts_phrase(writer, question, cause, true), *with = parts_phrase(writer, question, cause, false);
	_cleanup_free_ char *bytes = writer_format_value(writer, value_bytes_change(cause->bytes));
	struct keeper keeper = keeper_of(question, cause);
	bool is_told = keeper.owner == question->keeper && keeper.second == question->second;
	_cleanup_free_ char *kept = keeper.owner != KEEPER_NONE && !is_told ? keeper_phrase(writer, question->census, &keeper) : NULL;

	// In a range there can be fewer chunks that are larger.
	if (!cause->count || (cause->count < 0) != (cause->bytes < 0))
		return xasprintf("%s ones among %s%s (%s)", cause->bytes < 0 ? "smaller" : "larger", question->by_type ? "" : "those of ", parts, bytes);

	_cleanup_free_ char *count = count_phrase(cause->count, "");
	size_t n_once = parts_count(cause, true);

	return xasprintf("%s %s%s%s%s%s (%s%s%s)", count, n_once > 1 ? "each of " : question->by_type ? "" : "of ", parts, with ? ", with " : "", with ? with : "",
			 with ? " to each" : "", bytes, kept ? ", " : "", kept ? kept : "");
}

/* «A; B; and C make up 97 % of the growth.» NULL when nothing changed that way. */
static char *causes_sentence(const struct writer *writer, const struct question *question,
			     bool shrinking)
{
	growth_cause_array causes;
	double share;
	char *sentence = NULL;

	growth_explain(question->growth, shrinking, CAUSES_MAX, &causes, &share);
	for (size_t i = 0; i < causes.n; i++) {
		_cleanup_free_ char *phrase = cause_phrase(writer, question, &causes.v[i]);
		char *longer = xasprintf("%s%s%s", sentence ? sentence : "",
					 !i		     ? ""
					 : i + 1 == causes.n ? (i > 1 ? ", and " : " and ")
							     : ", ",
					 phrase);

		free(sentence);
		sentence = longer;
	}
	if (sentence) {
		bool one = causes.n == 1 && causes.v[0].parts.n == 1 &&
			   (causes.v[0].count == 1 || causes.v[0].count == -1);
		char *whole = xasprintf("%s %s %.0f %% of %s.", sentence, one ? "is" : "are",
					share * 100, shrinking ? "what went" : "the growth");

		free(sentence);
		sentence = whole;
	}
	growth_causes_deinit(&causes);
	return sentence;
}

struct types_shares types_shares(const struct census *census, size_t from, size_t to)
{
	uint64_t telling = 0, named = 0, all = 0;

	for (size_t row = 0; census->has_labels && row < census->labels.keys.n; row++) {
		uint64_t before = series_get(&census->labels, row, from).bytes, now = series_get(&census->labels, row, to).bytes;
		uint64_t change = now > before ? now - before : before - now, label = census->labels.keys.v[row];

		all += change;
		// The first name is that of what has none.
		named += label ? change : 0;
		telling += census->label_tells.v[label] ? change : 0;
	}
	return all ? (struct types_shares){ (double)named / (double)all, (double)telling / (double)all } : (struct types_shares){ 0, 0 };
}

bool types_tell(const struct census *census, size_t from, size_t to)
{
	static const double NAMED = 0.5, TELLING = 0.05;
	struct types_shares shares = types_shares(census, from, to);

	return shares.named >= NAMED && shares.telling >= TELLING;
}

/* The sentences on a growth, by size or by type. */
static void causes_tell(struct writer *writer, const struct question *asked)
{
	const struct growth *growth = asked->growth;
	int64_t bytes = growth_bytes(&growth->total), count = growth_count(&growth->total);
	struct question question = *asked;
	struct keeper keeper = keeper_of(&question, NULL);
	_cleanup_free_ char *kept = keeper.owner == KEEPER_NONE ? NULL : keeper_phrase(writer, question.census, &keeper);

	if (keeper.share >= NEARLY || keeper.second != KEEPER_NONE) {
		question.keeper = keeper.owner;
		question.second = keeper.second;
	}

	_cleanup_free_ char *change = writer_format_value(writer, value_bytes_change(bytes));
	_cleanup_free_ char *chunks = count_phrase(count,
						   count == 1 || count == -1 ? "chunk" : "chunks");
	_cleanup_free_ char *sentence = causes_sentence(writer, &question, bytes < 0);
	_cleanup_free_ char *text = NULL;

	if (!growth->grown && !growth->shrunk)
		text = xasprintf("In use: the same, %s.", question.by_type ? "type by type" : "size by size");
	else if (!bytes)
		text = xasprintf("In use: as much as before, but not the same. %s",
				 sentence ? sentence : "");
	else
		text = xasprintf("In use: %s, %s%s%s. %s", change, chunks, kept ? ", " : "",
				 kept ? kept : "", sentence ? sentence : "");
	print_paragraph(writer, 0, text);
}

void print_causes(struct writer *writer, const struct growth *growth, const struct census *census,
		  size_t from, size_t to, uint64_t min_size)
{
	struct question question = { .growth = growth, .census = census, .from = from, .to = to, .min_size = min_size, .keeper = KEEPER_NONE, .second = KEEPER_NONE };
	const struct growth_options options = { .mode = GROWTH_EXACT, .only_changed = true, .from = from, .to = to };
	struct growth by_type = { .steps = 0 };

	if (writer_options(writer)->format != FORMAT_TEXT)
		return;
	// Types have no least size.
	if (census && !min_size && types_tell(census, from, to)) {
		growth_compute(&census->labels, &options, &by_type);
		question.by_type = true;
		question.growth = &by_type;
	}
	causes_tell(writer, &question);
	growth_deinit(&by_type);
}

/* A table of what has names: of a series whose keys are indexes of these. */
struct named_table {
	const char *key, *name_key, *name_title, *count_title;
	bool is_main;
	const struct series *series;
	char *const *names;
	/** By number who keeps what changed of it, NULL for nobody; NULL for a table without. Unescaped. */
	char *const *keepers;
	/** By number how many survived; NULL when that is not known. */
	const struct sizes *surviving;
	/** Rows that are left out are one, and so are those that did not change. */
	bool adds_up;
};

static void named_row(struct writer *writer, const struct named_table *named, const struct growth *growth, const struct growth_row *row, const char *label)
{
	bool has_trend = growth->steps > 2, known = named->surviving && !label;
	const char *keeper = named->keepers && !label ? named->keepers[row->min] : NULL;
	char trend[TREND_BYTES] = "";

	if (row->bytes)
		trend_text(trend, writer, row->bytes, growth->steps);
	writer_row(writer, (struct value[]){
				   label ? value_word(label) : value_text(named->names[row->min]),
				   value_count(row->from.count),
				   value_count(row->to.count),
				   value_count_change(growth_count(row)),
				   value_bytes(row->from.bytes),
				   value_bytes(row->to.bytes),
				   value_bytes_change(growth_bytes(row)),
				   known ? value_count(row->to.count - row->surviving) : value_none(),
				   known ? value_count(row->from.count - row->surviving) : value_none(),
				   has_trend ? value_flag(row->never_shrank) : value_none(),
				   has_trend && row->kind ? value_word(growth_kind_name(row->kind)) : value_none(),
				   value_word(trend),
				   value_text(keeper),
			   });
}

static void print_named(struct writer *writer, const struct named_table *named, size_t from, size_t to, size_t limit)
{
	bool text = writer_options(writer)->format == FORMAT_TEXT, has_trend = to - from > 1;
	const struct column columns[] = {
		{ .key = named->name_key, .title = named->name_title },
		{ .key = "old_count" },
		{ .key = "new_count", .title = named->count_title, .flags = COLUMN_RIGHT },
		{ .key = "count_change", .title = "change", .flags = COLUMN_RIGHT },
		{ .key = "old_bytes" },
		{ .key = "new_bytes", .title = "bytes", .flags = COLUMN_RIGHT },
		{ .key = "bytes_change", .title = "change", .flags = COLUMN_RIGHT },
		{ .key = named->adds_up ? "made" : NULL },
		{ .key = named->adds_up ? "freed" : NULL },
		{ .key = "never_shrank" },
		{ .key = "growth", .title = has_trend ? "grew" : NULL },
		{ .title = has_trend ? "trend" : NULL },
		// A screen is no wider.
		{ .key = named->keepers ? "kept_by" : NULL, .title = named->keepers && !has_trend ? "kept by" : NULL },
	};
	const struct table table = { .key = named->key,
				     .columns = columns,
				     .n_columns = sizeof(columns) / sizeof(columns[0]),
				     .is_main = named->is_main };
	struct growth_options options = { .mode = GROWTH_EXACT,
					  .limit = text ? limit : 0,
					  .only_changed = text,
					  .from = from,
					  .to = to,
					  .surviving = named->surviving };
	struct growth growth;

	growth_compute(named->series, &options, &growth);
	if (growth.rows.n)
		writer_print(writer, STYLE_PLAIN, "\n");
	writer_table_begin(writer, &table);
	for (size_t i = 0; i < growth.rows.n; i++)
		named_row(writer, named, &growth, &growth.rows.v[i], NULL);
	if (text && named->adds_up && growth.rest_rows) {
		_cleanup_free_ char *label = xasprintf("%zu more row%s", growth.rest_rows, growth.rest_rows == 1 ? "" : "s");

		named_row(writer, named, &growth, &growth.rest, label);
	}
	if (text && named->adds_up && growth.unchanged.sizes && growth.rows.n)
		named_row(writer, named, &growth, &growth.unchanged, "unchanged");
	writer_table_end(writer);
	growth_deinit(&growth);
}

void print_owners(struct writer *writer, const char *key, const struct census *census, size_t from,
		  size_t to, size_t limit)
{
	const struct named_table named = { .key = key, .name_key = "owner", .name_title = "kept by", .count_title = "chunks", .series = &census->owners, .names = census->names.v.v };

	if (census->has_owners)
		print_named(writer, &named, from, to, limit);
}

void print_types(struct writer *writer, const char *key, const struct census *census, size_t from, size_t to, size_t limit)
{
	const struct named_table named = { .key = key, .name_key = "type", .name_title = "Python type", .count_title = "objects", .series = &census->types, .names = census->type_names.v.v };

	if (census->has_types)
		print_named(writer, &named, from, to, limit);
}

/* Who keeps most of what changed of each label: names of the census, NULL for nobody. Owner: the caller, the array alone. */
static char **keepers_of_labels(const struct census *census, size_t from, size_t to)
{
	size_t n = census->label_names.v.n;
	char **keepers = xcalloc(n + 1, sizeof(*keepers));
	_cleanup_free_ uint64_t *most = xcalloc(n + 1, sizeof(*most));
	_cleanup_free_ uint64_t *owner = xcalloc(n + 1, sizeof(*owner));

	for (size_t row = 0; row < census->label_kept.keys.n; row++) {
		uint64_t key = census->label_kept.keys.v[row], label = census_key_size(key);
		struct series_value before = series_get(&census->label_kept, row, from), now = series_get(&census->label_kept, row, to);
		uint64_t change = now.bytes > before.bytes ? now.bytes - before.bytes : before.bytes - now.bytes;

		if (change <= most[label])
			continue;
		most[label] = change;
		owner[label] = census_key_owner(key);
	}
	for (size_t i = 0; i < n; i++)
		keepers[i] = most[i] ? census->names.v.v[owner[i]] : NULL;
	return keepers;
}

void print_labels(struct writer *writer, const char *key, bool is_main, const struct census *census, const struct sizes *surviving, size_t from, size_t to, size_t limit)
{
	struct named_table named = { .key = key,
				     .is_main = is_main,
				     .name_key = "type",
				     .name_title = "type",
				     .count_title = "chunks",
				     .series = &census->labels,
				     .names = census->label_names.v.v,
				     .surviving = surviving,
				     .adds_up = true };
	_cleanup_free_ char **keepers = NULL;

	// Of nothing but what is unknown, sizes say more.
	if (!census->has_labels || (writer_options(writer)->format == FORMAT_TEXT && types_shares(census, from, to).telling <= 0))
		return;
	named.keepers = keepers = keepers_of_labels(census, from, to);
	print_named(writer, &named, from, to, limit);
}
