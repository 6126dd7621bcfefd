/* SPDX-License-Identifier: MIT */
#include "report/print_type.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "graph/retained.h"
#include "report/graph_text.h"
#include "report/hints.h"
#include "report/paragraph.h"
#include "report/place_label.h"
#include "report/print_report.h"
#include "report/summary.h"

enum {
	/** Addresses that text shows. */
	EXAMPLES = 4,
};

/* Chunks that go together: of one evidence, at one place, of one owner. */
struct share {
	/** What they have in common: enum type_evidence, a label, an owner. */
	uint32_t what;
	uint64_t count, bytes, confidence;
};

typedef ARRAY(struct share) share_array;

struct about {
	const struct snapshot *snapshot;
	label_id label;
	uint64_t count, bytes, leaked, confidence;
	/** The smallest and the largest. Units: bytes. */
	uint64_t min, max;
	/** UINT64_MAX when not known. */
	uint64_t retained;
	share_array evidence, places, owners;
	chunk_id examples[EXAMPLES];
	size_t n_examples;
};

static int compare_shares(const void *left, const void *right)
{
	const struct share *a = left, *b = right;

	if (a->count != b->count)
		return a->count > b->count ? -1 : 1;
	return a->what < b->what ? -1 : a->what > b->what;
}

/* Sums of n kinds, those that there are. */
static void shares_take(share_array *shares, const struct share *sums, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (sums[i].count)
			array_append(shares, sums[i]);
	if (shares->n)
		qsort(shares->v, shares->n, sizeof(*shares->v), compare_shares);
}

static void share_add(struct share *sums, uint32_t what, uint64_t usable, uint8_t confidence)
{
	sums[what].what = what;
	sums[what].count++;
	sums[what].bytes += usable;
	sums[what].confidence += confidence;
}

static void about_find(struct about *about, const struct snapshot *snapshot, label_id label)
{
	const struct types *types = &snapshot->types;
	const struct chunks *chunks = &snapshot->heap.chunks;
	const struct graph *graph = &snapshot->graph;
	const struct owners *owners = graph->is_built && graph->options.with_owners ? &graph->owners : NULL;
	struct share evidence[EVIDENCES] = { { 0 } };
	_cleanup_free_ struct share *places = xcalloc(types->labels.n + 1, sizeof(*places));
	_cleanup_free_ struct share *keepers = xcalloc((owners ? owners->v.n : 0) + 1, sizeof(*keepers));

	*about = (struct about){ .snapshot = snapshot, .label = label, .min = UINT64_MAX, .retained = UINT64_MAX };
	for (chunk_id i = 0; i < chunks->n; i++) {
		uint64_t usable = chunk_usable(chunks, i);

		if (chunks->state[i] != CHUNK_IN_USE || types->label[i] != label)
			continue;
		about->count++;
		about->bytes += usable;
		about->confidence += types->confidence[i];
		about->min = usable < about->min ? usable : about->min;
		about->max = usable > about->max ? usable : about->max;
		about->leaked += graph->is_built && reach_is_leaked(&graph->reach, i);
		share_add(evidence, types->evidence[i], usable, types->confidence[i]);
		if (types->role[i])
			share_add(places, types->role[i], usable, types->confidence[i]);
		if (owners && owners->of[i] != OWNER_NONE)
			share_add(keepers, owners->of[i], usable, types->confidence[i]);
		if (about->n_examples < EXAMPLES)
			about->examples[about->n_examples++] = i;
	}
	shares_take(&about->evidence, evidence, EVIDENCES);
	shares_take(&about->places, places, types->labels.n);
	shares_take(&about->owners, keepers, owners ? owners->v.n : 0);
	if (graph->is_built && graph->options.with_dominators) {
		_cleanup_free_ uint32_t *group = xmalloc((chunks->n + 1) * sizeof(*group));

		for (chunk_id i = 0; i < chunks->n; i++)
			group[i] = types->label[i] == label ? 0 : UINT32_MAX;
		retained_by_group(&graph->dominators, group, 1, &about->retained);
	}
}

static void about_deinit(struct about *about)
{
	array_deinit(&about->evidence);
	array_deinit(&about->places);
	array_deinit(&about->owners);
}

/* ---- printing ---- */

static void print_sums(struct writer *writer, const struct about *about)
{
	const struct snapshot *snapshot = about->snapshot;
	const char *name = snapshot->types.labels.v[about->label].name;
	uint64_t all = snapshot->heap.totals.bytes[CHUNK_IN_USE];
	_cleanup_free_ char *escaped = text_escape(name, strlen(name)), *bytes = writer_prose_bytes(writer, about->bytes);
	_cleanup_free_ char *share = writer_format_value(writer, value_share(about->bytes, all)), *each = NULL, *keeps = NULL, *sentence = NULL;
	char count[TEXT_NUMBER_MAX], leaked[TEXT_NUMBER_MAX];

	writer_field(writer, "type", value_text(name));
	writer_field(writer, "count", value_count(about->count));
	writer_field(writer, "bytes", value_bytes(about->bytes));
	writer_field(writer, "share", value_share(about->bytes, all));
	writer_field(writer, "retained", value_known_bytes(about->retained));
	writer_field(writer, "leaked", snapshot->graph.is_built ? value_count(about->leaked) : value_none());
	writer_field(writer, "confidence", about->confidence ? value_confidence(about->confidence / about->count) : value_none());
	if (about->min == about->max)
		each = size_text(writer, about->min);
	writer_print(writer, STYLE_BOLD, "%s\n", escaped);
	if (about->retained != UINT64_MAX) {
		_cleanup_free_ char *retained = writer_prose_bytes(writer, about->retained), *part = writer_format_value(writer, value_share(about->retained, all));

		keeps = xasprintf("; with all that %s alive %s, %s", about->count == 1 ? "it keeps" : "they keep", retained, part);
	}
	sentence = xasprintf("%s chunk%s%s%s%s: %s, %s of what is in use%s.", text_count(count, about->count), about->count == 1 ? "" : "s", each ? " of " : "",
			     each ? each : "", each && about->count > 1 ? " each" : "", bytes, share, keeps ? keeps : "");
	if (writer_options(writer)->format == FORMAT_TEXT)
		print_paragraph(writer, 0, sentence);
	if (about->leaked)
		writer_print(writer, STYLE_BAD, "%s of them %s leaked.\n", text_count(leaked, about->leaked), about->leaked == 1 ? "is" : "are");
}

static void print_evidence(struct writer *writer, const struct about *about)
{
	static const struct column columns[] = {
		{ .key = "count", .title = "chunks", .flags = COLUMN_RIGHT },
		{ .key = "confidence", .title = "sure", .flags = COLUMN_RIGHT },
		{ .key = "evidence", .title = "told by" },
		{ .title = "" },
	};
	static const struct table table = { .key = "evidence", .columns = columns, .n_columns = sizeof(columns) / sizeof(columns[0]) };
	static const char *const meanings[EVIDENCES] = {
		[EVIDENCE_NONE] = "nothing is known about them",
		[EVIDENCE_VTABLE] = "they begin with its vtable",
		[EVIDENCE_PYTHON] = "they are CPython's",
		[EVIDENCE_POINTER] = "typed pointers lead to them",
		[EVIDENCE_CONTAINER] = "a container of a library leads to them",
		[EVIDENCE_EMBEDDED] = "typed pointers lead to a member of them",
		[EVIDENCE_SITE] = "code allocates such a type in their size",
		[EVIDENCE_FLOW] = "code takes what hangs there for such a type",
		[EVIDENCE_SHAPE] = "their bytes fit it",
		[EVIDENCE_ROLE] = "no type: they hang there",
		[EVIDENCE_CONTENT] = "their bytes look so",
	};

	writer_print(writer, STYLE_PLAIN, "\n");
	writer_table_begin(writer, &table);
	for (size_t i = 0; i < about->evidence.n; i++) {
		const struct share *share = &about->evidence.v[i];

		writer_row(writer, (struct value[]){
					   value_count(share->count),
					   share->confidence ? value_confidence(share->confidence / share->count) : value_none(),
					   share->what ? value_word(type_evidence_name((enum type_evidence)share->what)) : value_none(),
					   value_word(meanings[share->what]),
				   });
	}
	writer_table_end(writer);
}

static void shares_print(struct writer *writer, const struct about *about, const struct table *table, const share_array *shares, const struct type_options *options,
			 char *(*name_of)(const struct snapshot *snapshot, uint32_t what))
{
	bool text = writer_options(writer)->format == FORMAT_TEXT;
	char count[TEXT_NUMBER_MAX];
	size_t n = text && options->rows && shares->n > options->rows ? options->rows : shares->n;

	if (text && !n)
		return;
	writer_print(writer, STYLE_PLAIN, "\n");
	writer_table_begin(writer, table);
	for (size_t i = 0; i < n; i++) {
		const struct share *share = &shares->v[i];
		_cleanup_free_ char *name = name_of(about->snapshot, share->what);

		writer_row(writer, (struct value[]){ value_count(share->count), value_bytes(share->bytes), value_share(share->count, about->count), value_text(name) });
	}
	writer_table_end(writer);
	if (n < shares->n)
		writer_print(writer, STYLE_FAINT, "(and %s more)\n", text_count(count, shares->n - n));
}

static char *place_name(const struct snapshot *snapshot, uint32_t what)
{
	return xstrdup(snapshot->types.labels.v[what].name);
}

static char *owner_name(const struct snapshot *snapshot, uint32_t what)
{
	return owner_label(&snapshot->graph.roots, &snapshot->graph.owners.v.v[what]);
}

static void print_holders(struct writer *writer, const struct about *about, const struct type_options *options)
{
	static const struct column places[] = {
		{ .key = "count", .title = "chunks", .flags = COLUMN_RIGHT },
		{ .key = "bytes", .title = "bytes", .flags = COLUMN_RIGHT },
		{ .key = "share", .title = "share", .flags = COLUMN_RIGHT },
		{ .key = "place", .title = "hang from" },
	};
	static const struct column owners[] = {
		{ .key = "count", .title = "chunks", .flags = COLUMN_RIGHT },
		{ .key = "bytes", .title = "bytes", .flags = COLUMN_RIGHT },
		{ .key = "share", .title = "share", .flags = COLUMN_RIGHT },
		{ .key = "owner", .title = "kept by" },
	};
	static const struct table place_table = { .key = "places", .columns = places, .n_columns = 4 };
	static const struct table owner_table = { .key = "owners", .columns = owners, .n_columns = 4 };

	shares_print(writer, about, &place_table, &about->places, options, place_name);
	shares_print(writer, about, &owner_table, &about->owners, options, owner_name);
}

static void print_sites(struct writer *writer, const struct about *about, const struct type_options *options)
{
	static const struct column columns[] = {
		{ .key = "confidence", .title = "sure", .flags = COLUMN_RIGHT },
		{ .key = "function" },
		{ .key = "source" },
		{ .key = "allocator" },
		{ .key = "size" },
		{ .title = "allocated in (inferred from the code)" },
		{ .title = "by" },
	};
	static const struct table table = { .key = "sites", .columns = columns, .n_columns = sizeof(columns) / sizeof(columns[0]) };
	bool text = writer_options(writer)->format == FORMAT_TEXT;
	char count[TEXT_NUMBER_MAX];
	size_t n, shown;
	const struct type_site *sites = label_sites(&about->snapshot->types, about->label, &n);

	shown = text && options->rows && n > options->rows ? options->rows : n;
	if (text && !n)
		return;
	writer_print(writer, STYLE_PLAIN, "\n");
	writer_table_begin(writer, &table);
	for (size_t i = 0; i < shown; i++) {
		const struct type_site *site = &sites[i];
		_cleanup_free_ char *where = site_phrase(site), *escaped = text_escape(where, strlen(where));
		_cleanup_free_ char *size = site->size == UINT64_MAX ? xstrdup("…") : xasprintf("%" PRIu64, site->size);
		_cleanup_free_ char *call = xasprintf("%s(%s)", site->allocator ? site->allocator : "?", writer_options(writer)->has_utf8 || site->size != UINT64_MAX ? size : "..."),
				    *call_escaped = text_escape(call, strlen(call));

		writer_row(writer, (struct value[]){
					   value_confidence(site->confidence),
					   value_text(site->function),
					   value_text(site->source),
					   value_text(site->allocator),
					   site->size == UINT64_MAX ? value_none() : value_number(site->size),
					   value_word(escaped),
					   value_word(call_escaped),
				   });
	}
	writer_table_end(writer);
	if (shown < n)
		writer_print(writer, STYLE_FAINT, "(and %s more)\n", text_count(count, n - shown));
}

/* «struct slot[8]», «unsigned int: 3»: a member's type as it is declared. Owner: the caller; unescaped. */
static char *declared_type(const struct type_part *part)
{
	if (part->bit_size)
		return xasprintf("%s: %" PRIu32, part->type, part->bit_size);
	if (!part->is_array)
		return xstrdup(part->type);
	return part->count ? xasprintf("%s[%" PRIu64 "]", part->type, part->count) : xasprintf("%s[]", part->type);
}

static void print_parts(struct writer *writer, const struct about *about, const struct type_options *options)
{
	static const struct column columns[] = {
		{ .key = "offset" },
		{ .key = "size" },
		{ .key = "count" },
		{ .key = "depth" },
		{ .key = "kind" },
		{ .key = "name" },
		{ .key = "type" },
		{ .title = "offset", .flags = COLUMN_RIGHT },
		{ .title = "member" },
		{ .title = "type" },
	};
	static const struct table table = { .key = "members", .columns = columns, .n_columns = sizeof(columns) / sizeof(columns[0]) };
	bool text = writer_options(writer)->format == FORMAT_TEXT;
	char count[TEXT_NUMBER_MAX];
	size_t n, shown;
	const struct type_part *parts = label_parts(&about->snapshot->types, about->label, &n);

	shown = text && options->members && n > options->members + 1 ? options->members + 1 : n;
	if (text && n < 2)
		return;
	writer_print(writer, STYLE_PLAIN, "\n");
	writer_table_begin(writer, &table);
	// The first is the whole.
	for (size_t i = 1; i < shown; i++) {
		const struct type_part *part = &parts[i];
		_cleanup_free_ char *type = declared_type(part), *escaped = text_escape(part->name, strlen(part->name)), *offset = xasprintf("+0x%" PRIx64, part->offset);
		_cleanup_free_ char *name = xasprintf("%*s%s", (int)(part->depth > PART_DEPTH_MAX ? PART_DEPTH_MAX : part->depth - 1) * 2, "", *escaped ? escaped : "-");

		writer_row(writer, (struct value[]){
					   value_number(part->offset),
					   value_number(part->size),
					   value_number(part->count),
					   value_number(part->depth),
					   value_word(part_kind_name(part->kind)),
					   value_text(part->name),
					   value_text(type),
					   value_word(offset),
					   value_word(name),
					   value_text(type),
				   });
	}
	writer_table_end(writer);
	if (shown < n)
		writer_print(writer, STYLE_FAINT, "(and %s more members)\n", text_count(count, n - shown));
}

static void print_addresses(struct writer *writer, const struct about *about)
{
	static const struct column columns[] = { { .key = "address" }, { .key = "size" } };
	static const struct table table = { .key = "examples", .columns = columns, .n_columns = 2 };
	const struct chunks *chunks = &about->snapshot->heap.chunks;

	writer_print(writer, STYLE_PLAIN, "\n");
	writer_print(writer, STYLE_BOLD, "For example");
	writer_table_begin(writer, &table);
	for (size_t i = 0; i < about->n_examples; i++) {
		chunk_id chunk = about->examples[i];

		writer_row(writer, (struct value[]){ value_address(chunks->mem[chunk]), value_number(chunk_usable(chunks, chunk)) });
		writer_print(writer, STYLE_PLAIN, "  0x%" PRIxVADDR, chunks->mem[chunk]);
	}
	writer_table_end(writer);
	writer_print(writer, STYLE_PLAIN, "\n");
}

void print_type(struct writer *writer, const struct snapshot *snapshot, label_id label, const struct type_options *options)
{
	struct histogram_options sizes = options->histogram;
	struct histogram histogram;
	struct about about;
	hint_array hints;

	sizes.groups = snapshot->types.label;
	sizes.group = label;
	about_find(&about, snapshot, label);
	histogram_compute(&snapshot->heap.chunks, &sizes, &histogram);
	print_head(writer, snapshot);
	writer_print(writer, STYLE_PLAIN, "\n");
	print_sums(writer, &about);
	if (about.min != about.max || options->wants_sizes || writer_options(writer)->format != FORMAT_TEXT)
		print_sizes(writer, &histogram, true);
	print_evidence(writer, &about);
	print_holders(writer, &about, options);
	print_sites(writer, &about, options);
	print_parts(writer, &about, options);
	print_addresses(writer, &about);
	print_trouble(writer, snapshot, options->lines);
	if (!options->quiet) {
		hints_type(snapshot, label, about.n_examples ? about.examples[0] : CHUNK_NONE, options->target, &hints);
		hints_print(writer, &hints);
		hints_deinit(&hints);
	}
	histogram_deinit(&histogram);
	about_deinit(&about);
}
