/* SPDX-License-Identifier: MIT */
#include "report/summary.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static char *escaped(const char *string)
{
	return string ? text_escape(string, strlen(string)) : xstrdup("?");
}

static uint64_t totals_free_count(const struct heap_totals *totals)
{
	return totals->count[CHUNK_TCACHE] + totals->count[CHUNK_FAST] +
	       totals->count[CHUNK_UNSORTED] + totals->count[CHUNK_SMALL] +
	       totals->count[CHUNK_LARGE] + totals->count[CHUNK_FREE];
}

static uint64_t failed_checks(const struct heap *heap)
{
	uint64_t failed = 0;

	for (size_t i = 0; i < heap->checks.n; i++)
		failed += heap->checks.v[i].result == CHECK_FAILED;
	return failed;
}

static uint64_t all_findings(const struct heap *heap)
{
	return heap->findings.n + heap->findings_dropped;
}

/* «2 checks failed, 1 finding»: why the result is not exact. */
static char *why_not_exact(const struct heap *heap)
{
	uint64_t checks = failed_checks(heap), findings = all_findings(heap);
	char number[TEXT_NUMBER_MAX], other[TEXT_NUMBER_MAX];

	text_count(number, checks);
	text_count(other, findings);
	if (checks && findings)
		return xasprintf("%s check%s failed, %s finding%s", number, plural(checks), other,
				 plural(findings));
	if (checks)
		return xasprintf("%s check%s failed", number, plural(checks));
	return xasprintf("%s finding%s", other, plural(findings));
}

static void head_fields(struct writer *writer, const struct snapshot *snapshot)
{
	const struct heap *heap = &snapshot->heap;
	bool live = snapshot->kind == SNAPSHOT_LIVE;

	writer_group_begin(writer, "program");
	writer_field(writer, "name", value_text(snapshot->name));
	writer_field(writer, "pid",
		     snapshot->pid ? value_number((uint64_t)snapshot->pid) : value_none());
	writer_field(writer, "exe", value_text(snapshot->exe));
	writer_field(writer, "command_line", value_text(snapshot->command));
	writer_field(writer, "core", value_text(snapshot->core));
	writer_field(writer, "signal",
		     snapshot->signal ? value_number((uint64_t)snapshot->signal) : value_none());
	writer_field(writer, "fault_address",
		     snapshot->fault_address ? value_address(snapshot->fault_address)
					     : value_none());
	writer_field(writer, "time", value_time(snapshot->time));
	writer_field(writer, "machine", value_word(snapshot->machine));
	writer_field(writer, "page_size", value_number(snapshot->page_size));
	writer_field(writer, "threads", value_count(snapshot->threads.n));
	writer_group_end(writer);

	writer_group_begin(writer, "stop");
	writer_field(writer, "pause_ms", live ? value_duration(snapshot->pause_ns) : value_none());
	writer_field(writer, "copy_ms", live ? value_duration(snapshot->copy_ns) : value_none());
	writer_field(writer, "quiesce_ms",
		     live ? value_duration(snapshot->quiesce_ns) : value_none());
	writer_field(writer, "copied_bytes",
		     live ? value_bytes(snapshot->copied_bytes) : value_none());
	writer_field(writer, "steps", live ? value_count(snapshot->steps) : value_none());
	writer_field(writer, "threads_stepped",
		     live ? value_count(snapshot->threads_stepped) : value_none());
	writer_field(writer, "spooled", value_flag(snapshot->spooled));
	writer_field(writer, "held_by_debugger", value_flag(snapshot->held_by_debugger));
	writer_group_end(writer);

	writer_field(writer, "exact", value_flag(heap_is_exact(heap)));
	writer_field(writer, "foreign_allocator", value_text(snapshot->foreign_allocator));
	writer_field(writer, "allocator_evidence", value_text(snapshot->allocator_evidence));
	writer_field(writer, "runtime", value_text(snapshot->runtime));

	static const struct column columns[] = {
		{ .key = "name" },	   { .key = "version" },	{ .key = "module" },
		{ .key = "offsets" },	   { .key = "mmapped_chunks" }, { .key = "mmapped_bytes" },
		{ .key = "found_chunks" }, { .key = "found_bytes" },
	};
	static const struct table table = { .key = "allocators",
					    .columns = columns,
					    .n_columns = 8 };

	writer_table_begin(writer, &table);
	for (size_t i = 0; i < heap->allocators.n; i++) {
		const struct heap_allocator *allocator = &heap->allocators.v[i];

		writer_row(writer, (struct value[]){
					   value_text(allocator->name),
					   value_text(allocator->version),
					   value_text(allocator->module),
					   value_text(allocator->offsets),
					   value_count(allocator->n_mmaps),
					   value_bytes(allocator->mmapped_bytes),
					   value_count(allocator->found_mmaps),
					   value_bytes(allocator->found_mmapped_bytes),
				   });
	}
	writer_table_end(writer);
}

/* A line as wide as the terminal at most: a command line may be endless. */
static void print_cut(struct writer *writer, enum style style, const char *string)
{
	const struct writer_options *options = writer_options(writer);
	_cleanup_free_ char *text = escaped(string);
	size_t width = options->width > 4 ? options->width : 80;

	if (writer_width(text) <= width) {
		writer_print(writer, style, "%s\n", text);
		return;
	}

	size_t end = 0;

	for (size_t keep = width - 3; keep; keep--)
		do
			end++;
		while ((text[end] & 0xc0) == 0x80);
	writer_print(writer, style, "%.*s...\n", (int)end, text);
}

static void print_allocators(struct writer *writer, const struct snapshot *snapshot)
{
	const struct heap *heap = &snapshot->heap;

	for (size_t i = 0; i < heap->allocators.n; i++) {
		_cleanup_free_ char *name = escaped(heap->allocators.v[i].name);
		_cleanup_free_ char *version = escaped(heap->allocators.v[i].version);
		_cleanup_free_ char *offsets = escaped(heap->allocators.v[i].offsets);
		_cleanup_free_ char *module = escaped(heap->allocators.v[i].module);

		writer_print(writer, STYLE_PLAIN, "%s %s, offsets from %s", name, version, offsets);
		// Two of a name need to be told apart.
		if (heap->allocators.n > 1)
			writer_print(writer, STYLE_PLAIN, " (%s)", module);
		writer_print(writer, STYLE_PLAIN, "\n");
	}
}

/* Where the program faulted, if that is in malloc's memory. */
static void print_fault(struct writer *writer, const struct snapshot *snapshot)
{
	const struct chunks *chunks = &snapshot->heap.chunks;
	chunk_id chunk = chunks_find(chunks, snapshot->fault_address);

	writer_print(writer, STYLE_PLAIN, "it faulted at 0x%" PRIxVADDR, snapshot->fault_address);
	if (chunk != CHUNK_NONE)
		writer_print(writer, STYLE_PLAIN,
			     ", %" PRIu64 " bytes into the chunk at 0x%" PRIxVADDR " (%s, %" PRIu64
			     " bytes)",
			     snapshot->fault_address - chunks->mem[chunk], chunks->mem[chunk],
			     chunk_state_name(chunks->state[chunk]), chunk_usable(chunks, chunk));
	writer_print(writer, STYLE_PLAIN, "\n");
}

static void print_stop(struct writer *writer, const struct snapshot *snapshot)
{
	const struct heap *heap = &snapshot->heap;
	char arenas[TEXT_NUMBER_MAX], threads[TEXT_NUMBER_MAX];

	text_count(arenas, heap->arenas.n);
	text_count(threads, snapshot->threads.n);
	writer_print(writer, STYLE_PLAIN, "%s arena%s, %s thread%s", arenas, plural(heap->arenas.n),
		     threads, plural(snapshot->threads.n));
	if (snapshot->kind == SNAPSHOT_CORE) {
		_cleanup_free_ char *time = writer_format_value(writer, value_time(snapshot->time));

		writer_print(writer, STYLE_PLAIN, "; core of %s", time);
		if (snapshot->signal)
			writer_print(writer, STYLE_PLAIN, ", ended by signal %d (%s)",
				     snapshot->signal, strsignal(snapshot->signal));
		writer_print(writer, STYLE_PLAIN, "\n");
		if (snapshot->fault_address)
			print_fault(writer, snapshot);
		return;
	}

	_cleanup_free_ char *pause = writer_format_value(writer,
							 value_duration(snapshot->pause_ns));
	_cleanup_free_ char *copied = writer_prose_bytes(writer, snapshot->copied_bytes);

	if (snapshot->held_by_debugger)
		writer_print(writer, STYLE_PLAIN, "; held by a debugger, %s copied", copied);
	else
		writer_print(writer, STYLE_PLAIN, "; stopped for %s, %s copied", pause, copied);
	if (snapshot->spooled)
		writer_print(writer, STYLE_PLAIN, " to a file");
	if (snapshot->steps) {
		char steps[TEXT_NUMBER_MAX];

		writer_print(writer, STYLE_PLAIN, ", let out of malloc %s time%s",
			     text_count(steps, snapshot->steps), plural(snapshot->steps));
	}
	writer_print(writer, STYLE_PLAIN, "\n");
}

void print_head(struct writer *writer, const struct snapshot *snapshot)
{
	const struct heap *heap = &snapshot->heap;
	_cleanup_free_ char *name = escaped(snapshot->name);
	_cleanup_free_ char *bytes = writer_prose_bytes(writer, heap->totals.bytes[CHUNK_IN_USE]);
	char count[TEXT_NUMBER_MAX];

	head_fields(writer, snapshot);

	writer_print(writer, STYLE_BOLD, "%s", name);
	if (snapshot->pid)
		writer_print(writer, STYLE_BOLD, ", pid %lld", (long long)snapshot->pid);
	if (!heap->allocators.n || (snapshot->foreign_allocator && !heap->chunks.n)) {
		writer_print(writer, STYLE_PLAIN, ": ");
		writer_print(writer, STYLE_BAD, "its chunks cannot be listed\n");
	} else {
		text_count(count, heap->totals.count[CHUNK_IN_USE]);
		writer_print(writer, STYLE_PLAIN, ": %s in %s chunk%s in use, ", bytes, count,
			     plural(heap->totals.count[CHUNK_IN_USE]));
		if (heap_is_exact(heap)) {
			writer_print(writer, STYLE_GOOD, "exact\n");
		} else {
			_cleanup_free_ char *why = why_not_exact(heap);

			writer_print(writer, STYLE_BAD, "NOT exact");
			writer_print(writer, STYLE_PLAIN, ": %s, below\n", why);
		}
	}
	if (snapshot->core)
		print_cut(writer, STYLE_FAINT, snapshot->core);
	if (snapshot->command || snapshot->exe)
		print_cut(writer, STYLE_FAINT,
			  snapshot->command ? snapshot->command : snapshot->exe);
	print_allocators(writer, snapshot);
	print_stop(writer, snapshot);
}

/* ---- the account ---- */

/* A line of one of the two columns of text: a label and two values at the right edge. */
struct line {
	char *label, *first, *second;
};

struct lines {
	ARRAY(struct line) v;
	/** Widths of the three. */
	size_t label, first, second;
};

static size_t longer(size_t width, const char *text)
{
	return writer_width(text) > width ? writer_width(text) : width;
}

static void lines_add(struct lines *lines, char *label, char *first, char *second)
{
	lines->label = longer(lines->label, label);
	lines->first = longer(lines->first, first);
	lines->second = longer(lines->second, second);
	array_append(&lines->v, (struct line){ label, first, second });
}

static void lines_deinit(struct lines *lines)
{
	for (size_t i = 0; i < lines->v.n; i++) {
		free(lines->v.v[i].label);
		free(lines->v.v[i].first);
		free(lines->v.v[i].second);
	}
	array_deinit(&lines->v);
}

static size_t lines_width(const struct lines *lines)
{
	return lines->label + 2 + lines->first + 2 + lines->second;
}

static void line_print(struct writer *writer, enum style style, const struct lines *lines, size_t i)
{
	const struct line *line = &lines->v.v[i];

	writer_print(writer, style, "%s%*s%s%*s%s", line->label,
		     (int)(lines->label - writer_width(line->label) + 2 + lines->first -
			   writer_width(line->first)),
		     "", line->first, (int)(2 + lines->second - writer_width(line->second)), "",
		     line->second);
}

static void account_add(struct lines *lines, struct writer *writer, const char *label,
			uint64_t bytes, uint64_t whole)
{
	lines_add(lines, xstrdup(label), writer_format_value(writer, value_bytes(bytes)),
		  writer_format_value(writer, value_share(bytes, whole)));
}

static const struct {
	enum chunk_state state;
	const char *label;
	const char *key;
} free_kinds[] = {
	{ CHUNK_TCACHE, "  in thread caches", "tcache" },
	{ CHUNK_FAST, "  in fast bins", "fast" },
	{ CHUNK_UNSORTED, "  unsorted", "unsorted" },
	{ CHUNK_SMALL, "  in small bins", "small" },
	{ CHUNK_LARGE, "  in large bins", "large" },
	{ CHUNK_FREE, "  in no bin", "unbinned" },
};

enum { FREE_KINDS = sizeof(free_kinds) / sizeof(free_kinds[0]) };

static void account_lines(struct writer *writer, const struct heap *heap, struct lines *lines)
{
	const struct heap_totals *totals = &heap->totals;
	uint64_t whole = heap->system_bytes;

	lines_add(lines, xstrdup("malloc"), xstrdup("bytes"), xstrdup("share"));
	account_add(lines, writer, "in use", totals->bytes[CHUNK_IN_USE], whole);
	account_add(lines, writer, "libc's own", totals->bytes[CHUNK_INTERNAL], whole);
	account_add(lines, writer, "free", heap_totals_free(totals), whole);
	for (size_t i = 0; i < FREE_KINDS; i++)
		if (totals->bytes[free_kinds[i].state])
			account_add(lines, writer, free_kinds[i].label,
				    totals->bytes[free_kinds[i].state], whole);
	account_add(lines, writer, "top", totals->bytes[CHUNK_TOP], whole);
	account_add(lines, writer, "overhead", totals->overhead, whole);
	if (totals->foreign)
		account_add(lines, writer, "not malloc's", totals->foreign, whole);
	if (totals->unwalked)
		account_add(lines, writer, "not walked", totals->unwalked, whole);
	account_add(lines, writer, "= from the system", whole, whole);
}

static char *resident_text(struct writer *writer, uint64_t rss, bool resident)
{
	return resident ? writer_format_value(writer, value_known_bytes(rss)) : xstrdup("");
}

static void memory_lines(struct writer *writer, const struct snapshot *snapshot,
			 struct lines *lines)
{
	static const char *const labels[MEMORY_KINDS] = {
		[MEMORY_HEAP] = "malloc",	   [MEMORY_ANONYMOUS] = "other anonymous",
		[MEMORY_STACK] = "stacks",	   [MEMORY_FILE] = "files",
		[MEMORY_SHARED] = "shared memory", [MEMORY_KERNEL] = "kernel's (vdso)",
	};
	struct snapshot_memory total = snapshot_memory_total(snapshot);
	// A core does not say what was resident.
	bool resident = total.rss != UINT64_MAX;

	lines_add(lines, xstrdup("memory"), xstrdup(resident ? "resident" : ""), xstrdup("mapped"));
	for (size_t i = 0; i < MEMORY_KINDS; i++)
		if (snapshot->memory[i].n_mappings || snapshot->memory[i].mapped)
			lines_add(lines, xstrdup(labels[i]),
				  resident_text(writer, snapshot->memory[i].rss, resident),
				  writer_format_value(writer,
						      value_bytes(snapshot->memory[i].mapped)));
	lines_add(lines, xstrdup("= the process"), resident_text(writer, total.rss, resident),
		  writer_format_value(writer, value_bytes(total.mapped)));
}

static void account_fields(struct writer *writer, const struct snapshot *snapshot)
{
	const struct heap_totals *totals = &snapshot->heap.totals;

	writer_group_begin(writer, "heap");
	writer_field(writer, "system_bytes", value_bytes(snapshot->heap.system_bytes));
	writer_field(writer, "in_use_bytes", value_bytes(totals->bytes[CHUNK_IN_USE]));
	writer_field(writer, "in_use_chunks", value_count(totals->count[CHUNK_IN_USE]));
	writer_field(writer, "internal_bytes", value_bytes(totals->bytes[CHUNK_INTERNAL]));
	writer_field(writer, "internal_chunks", value_count(totals->count[CHUNK_INTERNAL]));
	writer_field(writer, "free_bytes", value_bytes(heap_totals_free(totals)));
	writer_field(writer, "free_chunks", value_count(totals_free_count(totals)));
	for (size_t i = 0; i < FREE_KINDS; i++) {
		_cleanup_free_ char *bytes = xasprintf("%s_bytes", free_kinds[i].key);
		_cleanup_free_ char *chunks = xasprintf("%s_chunks", free_kinds[i].key);

		writer_field(writer, bytes, value_bytes(totals->bytes[free_kinds[i].state]));
		writer_field(writer, chunks, value_count(totals->count[free_kinds[i].state]));
	}
	writer_field(writer, "top_bytes", value_bytes(totals->bytes[CHUNK_TOP]));
	writer_field(writer, "overhead_bytes", value_bytes(totals->overhead));
	writer_field(writer, "foreign_bytes", value_bytes(totals->foreign));
	writer_field(writer, "unwalked_bytes", value_bytes(totals->unwalked));
	writer_group_end(writer);

	static const struct column columns[] = {
		{ .key = "kind" },
		{ .key = "resident_bytes" },
		{ .key = "mapped_bytes" },
		{ .key = "mappings" },
	};
	static const struct table table = { .key = "memory", .columns = columns, .n_columns = 4 };

	if (writer_options(writer)->format != FORMAT_JSON)
		return;
	writer_table_begin(writer, &table);
	for (size_t i = 0; i < MEMORY_KINDS; i++)
		writer_row(writer, (struct value[]){
					   value_word(memory_kind_name((enum memory_kind)i)),
					   value_known_bytes(snapshot->memory[i].rss),
					   value_bytes(snapshot->memory[i].mapped),
					   value_count(snapshot->memory[i].n_mappings),
				   });
	writer_table_end(writer);
}

void print_account(struct writer *writer, const struct snapshot *snapshot)
{
	enum { BETWEEN = 4 };
	struct lines left = { 0 }, right = { 0 };

	account_fields(writer, snapshot);
	if (snapshot->heap.allocators.n &&
	    (snapshot->heap.system_bytes || !snapshot->foreign_allocator))
		account_lines(writer, &snapshot->heap, &left);
	memory_lines(writer, snapshot, &right);

	bool beside = lines_width(&left) + BETWEEN + lines_width(&right) <=
		      writer_options(writer)->width;
	size_t rows = left.v.n > right.v.n ? left.v.n : right.v.n;

	for (size_t i = 0; beside && i < rows; i++) {
		enum style style = i == 0 ? STYLE_BOLD : STYLE_PLAIN;

		if (i < left.v.n)
			line_print(writer, style, &left, i);
		if (i < right.v.n) {
			if (left.v.n)
				writer_print(
					writer, STYLE_PLAIN, "%*s",
					(int)(BETWEEN + (i < left.v.n ? 0 : lines_width(&left))),
					"");
			line_print(writer, style, &right, i);
		}
		writer_print(writer, STYLE_PLAIN, "\n");
	}
	for (size_t i = 0; !beside && i < left.v.n; i++) {
		line_print(writer, i == 0 ? STYLE_BOLD : STYLE_PLAIN, &left, i);
		writer_print(writer, STYLE_PLAIN, "\n");
	}
	if (!beside && left.v.n)
		writer_print(writer, STYLE_PLAIN, "\n");
	for (size_t i = 0; !beside && i < right.v.n; i++) {
		line_print(writer, i == 0 ? STYLE_BOLD : STYLE_PLAIN, &right, i);
		writer_print(writer, STYLE_PLAIN, "\n");
	}
	lines_deinit(&left);
	lines_deinit(&right);
}

static int percent(uint64_t part, uint64_t whole)
{
	return whole ? (int)((double)part / (double)whole * 100 + 0.5) : 0;
}

void print_verdict(struct writer *writer, const struct snapshot *snapshot)
{
	const struct heap *heap = &snapshot->heap;
	struct snapshot_memory total = snapshot_memory_total(snapshot);
	uint64_t resident = snapshot->memory[MEMORY_HEAP].rss;
	uint64_t other = snapshot->memory[MEMORY_ANONYMOUS].rss;

	if (!heap->allocators.n || !heap->system_bytes)
		return;
	if (total.rss != UINT64_MAX && total.rss) {
		_cleanup_free_ char *ours = writer_prose_bytes(writer, resident);
		_cleanup_free_ char *all = writer_prose_bytes(writer, total.rss);

		writer_print(writer, STYLE_PLAIN,
			     "malloc has %s of the %s that are resident (%d %%).\n", ours, all,
			     percent(resident, total.rss));
		if (other > resident && other > total.rss / 4) {
			_cleanup_free_ char *anonymous = writer_prose_bytes(writer, other);

			writer_print(
				writer, STYLE_BOLD,
				"Most is elsewhere: %s of anonymous memory are not malloc's.\n",
				anonymous);
		}
	}
	writer_print(writer, STYLE_PLAIN,
		     "Of what malloc got, the program holds %d %%; %d %% is free, %d %% is top.\n",
		     percent(heap->totals.bytes[CHUNK_IN_USE], heap->system_bytes),
		     percent(heap_totals_free(&heap->totals), heap->system_bytes),
		     percent(heap->totals.bytes[CHUNK_TOP], heap->system_bytes));
}

/* ---- what does not add up ---- */

static const char *finding_word(enum finding_kind kind)
{
	switch (kind) {
	case FINDING_CORRUPTION:
		return "corruption";
	case FINDING_AMBIGUOUS:
		return "ambiguous";
	case FINDING_MISSING:
		return "missing";
	}
	return "unknown";
}

static const char *check_word(enum check_result result)
{
	switch (result) {
	case CHECK_PASSED:
		return "passed";
	case CHECK_FAILED:
		return "failed";
	case CHECK_SKIPPED:
		return "skipped";
	}
	return "unknown";
}

static void trouble_fields(struct writer *writer, const struct snapshot *snapshot)
{
	static const struct column check_columns[] = {
		{ .key = "name" },
		{ .key = "result" },
		{ .key = "failures" },
		{ .key = "detail" },
	};
	static const struct column finding_columns[] = {
		{ .key = "kind" },
		{ .key = "address" },
		{ .key = "arena" },
		{ .key = "text" },
	};
	static const struct table checks = { .key = "checks",
					     .columns = check_columns,
					     .n_columns = 4 };
	static const struct table findings = { .key = "findings",
					       .columns = finding_columns,
					       .n_columns = 4 };
	const struct heap *heap = &snapshot->heap;

	writer_table_begin(writer, &checks);
	for (size_t i = 0; i < heap->checks.n; i++)
		writer_row(writer, (struct value[]){
					   value_word(heap->checks.v[i].name),
					   value_word(check_word(heap->checks.v[i].result)),
					   value_count(heap->checks.v[i].failures),
					   value_text(heap->checks.v[i].detail),
				   });
	writer_table_end(writer);
	writer_table_begin(writer, &findings);
	for (size_t i = 0; i < heap->findings.n; i++) {
		const struct heap_finding *finding = &heap->findings.v[i];

		writer_row(writer,
			   (struct value[]){
				   value_word(finding_word(finding->kind)),
				   value_address(finding->address),
				   finding->arena == UINT32_MAX ? value_none()
								: value_number(finding->arena),
				   value_text(finding->text),
			   });
	}
	writer_table_end(writer);
	writer_field(writer, "findings_total", value_count(all_findings(heap)));
	writer_strings(writer, "notices", (const char *const *)snapshot->notices.v,
		       snapshot->notices.n);
}

static void print_checks(struct writer *writer, const struct heap *heap)
{
	if (!failed_checks(heap))
		return;
	writer_print(writer, STYLE_PLAIN, "\n");
	writer_print(writer, STYLE_BAD, "Checks that failed\n");
	for (size_t i = 0; i < heap->checks.n; i++) {
		const struct heap_check *check = &heap->checks.v[i];

		if (check->result != CHECK_FAILED)
			continue;
		if (check->detail) {
			_cleanup_free_ char *detail = escaped(check->detail);

			writer_print(writer, STYLE_PLAIN, "  %s: %s\n", check->name, detail);
		} else {
			char number[TEXT_NUMBER_MAX];

			writer_print(writer, STYLE_PLAIN, "  %s: %s\n", check->name,
				     text_count(number, check->failures));
		}
	}
}

static void print_findings(struct writer *writer, const struct heap *heap, size_t limit)
{
	uint64_t total = all_findings(heap);
	char number[TEXT_NUMBER_MAX];

	if (!total)
		return;
	writer_print(writer, STYLE_PLAIN, "\n");
	writer_print(writer, STYLE_BAD, "%s finding%s\n", text_count(number, total), plural(total));
	for (size_t i = 0; i < heap->findings.n && i < limit; i++) {
		const struct heap_finding *finding = &heap->findings.v[i];
		_cleanup_free_ char *text = escaped(finding->text);

		writer_print(writer, STYLE_PLAIN, "  0x%" PRIxVADDR " (%s", finding->address,
			     finding_word(finding->kind));
		if (finding->arena != UINT32_MAX)
			writer_print(writer, STYLE_PLAIN, ", arena %" PRIu32, finding->arena);
		writer_print(writer, STYLE_PLAIN, "): %s\n", text);
	}
	if (heap->findings.n > limit)
		writer_print(writer, STYLE_PLAIN,
			     "  and %s more (-v shows %zu, --format json as well)\n",
			     text_count(number, total - limit), heap->findings.n);
	else if (total > heap->findings.n)
		writer_print(writer, STYLE_PLAIN, "  and %s more, which were only counted\n",
			     text_count(number, total - heap->findings.n));
}

void print_trouble(struct writer *writer, const struct snapshot *snapshot, size_t limit)
{
	if (writer_options(writer)->format == FORMAT_JSON) {
		trouble_fields(writer, snapshot);
		return;
	}
	print_checks(writer, &snapshot->heap);
	print_findings(writer, &snapshot->heap, limit);
	if (!snapshot->notices.n)
		return;
	writer_print(writer, STYLE_PLAIN, "\n");
	writer_print(writer, STYLE_BOLD, "Notes\n");
	for (size_t i = 0; i < snapshot->notices.n; i++) {
		_cleanup_free_ char *notice = escaped(snapshot->notices.v[i]);

		if (i == limit) {
			writer_print(writer, STYLE_PLAIN, "  and %zu more (-v)\n",
				     snapshot->notices.n - i);
			break;
		}
		writer_print(writer, STYLE_PLAIN, "  %s\n", notice);
	}
}

void print_modules(struct writer *writer, const struct snapshot *snapshot, size_t limit)
{
	static const struct column columns[] = {
		{ .key = "start", .title = "start" },
		{ .key = "end" },
		{ .key = "build_id" },
		{ .key = "debug" },
		{ .key = "replaced" },
		{ .key = "absent" },
		{ .key = "path", .title = "module" },
	};
	static const struct table table = { .key = "modules", .columns = columns, .n_columns = 7 };
	bool json = writer_options(writer)->format == FORMAT_JSON;

	if (!json && (!limit || !snapshot->modules.n))
		return;
	writer_print(writer, STYLE_PLAIN, "\n");
	writer_table_begin(writer, &table);
	for (size_t i = 0; i < snapshot->modules.n && (json || i < limit); i++) {
		const struct snapshot_module *module = &snapshot->modules.v[i];

		writer_row(writer, (struct value[]){
					   value_address(module->start),
					   value_address(module->end),
					   value_text(module->build_id),
					   value_text(module->debug),
					   value_flag(module->replaced),
					   value_text(module->why_absent),
					   value_text(module->path),
				   });
	}
	writer_table_end(writer);
	if (!json && snapshot->modules.n > limit)
		writer_print(writer, STYLE_PLAIN, "and %zu more modules\n",
			     snapshot->modules.n - limit);
}

void print_beyond(struct writer *writer, const struct snapshot *snapshot)
{
	const struct snapshot_memory *anonymous = &snapshot->memory[MEMORY_ANONYMOUS];
	bool is_resident = anonymous->rss != UINT64_MAX;
	_cleanup_free_ char *size = writer_prose_bytes(
		writer, is_resident ? anonymous->rss : anonymous->mapped);
	const char *what = is_resident ? "resident" : "mapped";

	if (!snapshot->foreign_allocator && !snapshot->heap.allocators.n) {
		_cleanup_free_ char *evidence = escaped(snapshot->allocator_evidence);

		writer_print(writer, STYLE_BAD, "No glibc malloc was found here.\n");
		if (snapshot->allocator_evidence)
			writer_print(writer, STYLE_PLAIN, "(%s)\n", evidence);
		writer_print(
			writer, STYLE_PLAIN,
			"What the program allocates is among the other anonymous memory, %s %s.\n",
			size, what);
		return;
	}
	if (snapshot->foreign_allocator) {
		_cleanup_free_ char *name = escaped(snapshot->foreign_allocator);
		_cleanup_free_ char *evidence = escaped(snapshot->allocator_evidence);

		writer_print(writer, STYLE_BAD, "malloc is not glibc's here: %s.\n", name);
		if (snapshot->allocator_evidence)
			writer_print(writer, STYLE_PLAIN, "(%s)\n", evidence);
		writer_print(writer, STYLE_PLAIN,
			     "What it holds is among the other anonymous memory, %s %s.\n", size,
			     what);
		if (!snapshot->heap.chunks.n)
			return;
		writer_print(writer, STYLE_PLAIN, "Below is glibc's part of the heap alone.\n");
	}
	if (snapshot->runtime) {
		_cleanup_free_ char *runtime = escaped(snapshot->runtime);

		writer_print(writer, STYLE_PLAIN,
			     "This is the native C heap only: the %s\n"
			     "keeps objects of its own elsewhere too, among the other anonymous\n"
			     "memory (%s %s).\n",
			     runtime, size, what);
	}
}
