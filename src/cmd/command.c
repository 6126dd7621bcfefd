/* SPDX-License-Identifier: MIT */
#include "cmd/command.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "cmd/message.h"
#include "cmd/open.h"
#include "cmd/phase.h"
#include "cmd/progress.h"
#include "snapshot/file.h"
#include "types/labels.h"

const struct command *const commands[] = {
	&command_report, &command_leaks,  &command_top,	   &command_why,   &command_show,
	&command_list,	 &command_python, &command_arenas, &command_save,  &command_diff,
	&command_watch,	 &command_sql,	  &command_doctor, &command_help,  &command_version,
	NULL,
};

const struct command *command_find(const char *name)
{
	for (size_t i = 0; commands[i]; i++)
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	return NULL;
}

/* Keeps the snapshot where -o says. What was seen is shown all the same where that fails, unless keeping it was all. */
static bool keep(const struct options *options, const struct snapshot *snapshot,
		 enum status *status)
{
	if (!options->output)
		return true;
	progress_phase("writing the snapshot");

	struct error *error = snapshot_write(snapshot, options->output);

	if (!error)
		return true;
	*status = message_error(error);
	return options->command != &command_save;
}

enum status command_print(const struct options *options, size_t n_operands, command_printer *print)
{
	_cleanup_snapshot_ struct snapshot snapshot = { 0 };
	struct target_choice choice;
	enum status status = STATUS_DONE, trouble;
	struct error *error = target_choose_with(options, n_operands, &choice);

	if (!error && choice.n_operands < n_operands)
		error = error_create(ERROR_USAGE, "%s needs more than a target: heapsnap %s %s",
				     options->command->name, options->command->name,
				     options->command->usage);
	if (!error) {
		progress_begin(!options->quiet && !options->verbose);
		error = open_snapshot(options, &choice, &snapshot);
	}
	if (error) {
		progress_end();
		return message_error(error);
	}

	struct phase phase = phase_start(options->verbose && !options->quiet);

	trouble = snapshot_status(&snapshot);

	bool goes_on = keep(options, &snapshot, &trouble);

	progress_end();
	if (options->output)
		phase_next(&phase, "save");
	if (!goes_on)
		return trouble;

	struct writer_options settings = options_writer(options);
	_cleanup_writer_ struct writer *writer = writer_create(&settings);
	_cleanup_free_ char *target = target_retype(options, &choice);

	writer_begin(writer, options->command->name);
	error = print(writer, &snapshot, options, target, choice.operands, &status);
	if (!error)
		error = writer_finish(writer);
	if (error)
		return message_error(error);
	phase_next(&phase, "print");
	phase_tell_peak(&phase);
	return trouble != STATUS_DONE ? trouble : status;
}

struct error *operand_chunk(const struct snapshot *snapshot, const char *operand,
			    vaddr *address_ret, chunk_id *ret)
{
	uint64_t address;
	chunk_id chunk;

	if (!text_parse_u64(operand, &address))
		return error_create(ERROR_USAGE, "\"%s\" is no address; heapsnap list has those of chunks, as 0x...", operand);
	chunk = chunks_find(&snapshot->heap.chunks, address);
	if (chunk == CHUNK_NONE)
		return error_create(ERROR_USAGE, "there is no chunk at 0x%" PRIxVADDR "; heapsnap list has the addresses of those that there are", address);
	*address_ret = address;
	*ret = chunk;
	return NULL;
}

/* «struct conn, struct conn[] and 3 more»: labels whose names have that in them; NULL for none. Owner: the caller. */
static char *labels_like(const struct types *types, const char *word)
{
	enum { NAMED = 4 };
	char *list = NULL;
	size_t n = 0;

	for (size_t i = 1; i < types->labels.n; i++) {
		const char *name = types->labels.v[i].name;

		if (!types->labels.v[i].is_type || !*word || !strcasestr(name, word) || n++ >= NAMED)
			continue;

		_cleanup_free_ char *escaped = text_escape(name, strlen(name)), *before = list;

		list = xasprintf("%s%s\"%s\"", before ? before : "", before ? ", " : "", escaped);
	}
	if (n > NAMED) {
		_cleanup_free_ char *before = list;

		list = xasprintf("%s and %zu more", before, n - NAMED);
	}
	return list;
}

/* A name without the «_t» of a typedef; NULL where it has none. Owner: the caller. */
static char *stem_of(const char *name)
{
	size_t length = strlen(name);

	return length > 2 && !strcmp(name + length - 2, "_t") ? xstrndup(name, length - 2) : NULL;
}

struct error *operand_label(const struct snapshot *snapshot, const char *operand, label_id *ret)
{
	const struct types *types = &snapshot->types;
	label_id found[2];
	size_t n;

	if (!types->is_built)
		return error_create(ERROR_USAGE, "\"%s\" asks for types, which this %s", operand,
				    snapshot->heap.chunks.n ? "has none of: --no-types leaves them out, and an old snapshot may be without" : "target has none of");
	n = labels_find(types, operand, found, 2);
	if (n == 1) {
		*ret = found[0];
		return NULL;
	}

	_cleanup_free_ char *stem = stem_of(text_without_keyword(operand)), *like = labels_like(types, text_without_keyword(operand));

	// «conn_t» is what people call struct conn, or struct conn_s.
	if (!like && stem)
		like = labels_like(types, stem);

	if (n)
		return error_create(ERROR_USAGE, "\"%s\" may be one of several types: %s", operand, like);
	if (like)
		return error_create(ERROR_USAGE, "no chunk is called \"%s\"; there are %s", operand, like);
	return error_create(ERROR_USAGE, "no chunk is called \"%s\"; heapsnap report lists what there is", operand);
}

const char *operand_python_type(const char *operand)
{
	return !strncmp(operand, "py:", 3) && operand[3] ? operand + 3 : NULL;
}

enum { WORD_MAX = 24 };

/* How many letters must be put in, taken out, changed or swapped with a neighbour to make one word of the other. */
static unsigned distance(const char *a, const char *b)
{
	unsigned rows[3][WORD_MAX + 1];
	size_t n = strlen(a), m = strlen(b);

	if (n > WORD_MAX || m > WORD_MAX)
		return UINT32_MAX;
	for (size_t j = 0; j <= m; j++)
		rows[0][j] = (unsigned)j;
	for (size_t i = 1; i <= n; i++) {
		unsigned *row = rows[i % 3], *above = rows[(i - 1) % 3],
			 *above_that = rows[(i + 1) % 3];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= m; j++) {
			unsigned best = above[j - 1] + (a[i - 1] != b[j - 1]);

			if (above[j] + 1 < best)
				best = above[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    above_that[j - 2] + 1 < best)
				best = above_that[j - 2] + 1;
			row[j] = best;
		}
	}
	return rows[n % 3][m];
}

const char *name_suggest(const char *word, const char *(*next)(size_t index))
{
	// One slip for three letters or fewer, two for longer words: more is another word.
	unsigned best = strlen(word) <= 3 ? 2 : 3;
	const char *found = NULL, *name;

	for (size_t i = 0; (name = next(i)); i++) {
		unsigned away = distance(word, name);

		// Someone who stops typing after two letters or more means what begins so.
		if (strlen(word) >= 2 && !strncmp(name, word, strlen(word)))
			away = 1;
		if (away < best) {
			best = away;
			found = name;
		}
	}
	return found;
}

static const char *command_name(size_t index)
{
	return commands[index] ? commands[index]->name : NULL;
}

const char *command_suggest(const char *word)
{
	return name_suggest(word, command_name);
}

static void print_orders(const struct command *command)
{
	if (!command->orders)
		return;
	printf("\nOrders for -s: ");
	for (size_t i = 0; command->orders[i]; i++)
		printf("%s%s%s", i ? ", " : "", command->orders[i], i ? "" : " (the default)");
	printf(".\n");
}

void command_print_help(const struct command *command)
{
	printf("Usage: heapsnap %s %s\n%s.\n", command->name, command->usage, command->summary);
	if (command->description) {
		putchar('\n');
		print_wrapped(command->description, 0, 0);
	}
	print_orders(command);
	if (command->options) {
		printf("\nOptions:\n");
		options_print(command->options);
	}
	printf("\nAll of it, with examples: man heapsnap\n");
}

void commands_print_help(void)
{
	printf("Usage: heapsnap [COMMAND] TARGET [OPTION...]\n"
	       "Tells who owns a running program's memory, from outside and without a restart.\n"
	       "\n"
	       "TARGET is -p PID, --core FILE, or just a PID, or the path of a core or a "
	       "snapshot.\n"
	       "\n"
	       "Commands:\n");
	for (size_t i = 0; commands[i]; i++)
		printf("  %-10s%s%s\n", commands[i]->name, commands[i]->summary,
		       commands[i] == &command_report ? " (the default)" : "");
	print_orders(&command_report);
	printf("\n"
	       "Options of report; 'heapsnap COMMAND --help' has those of another command:\n");
	options_print(command_report.options);
	printf("\n"
	       "Exit status: 0 done; 1 done and something was found; 2 usage; 3 the target\n"
	       "could not be read; 4 not supported; 5 printed, but partial or the heap is\n"
	       "inconsistent.\n"
	       "\n"
	       "Examples:\n"
	       "  heapsnap -p 4711                   who owns the memory of process 4711\n"
	       "  heapsnap list 4711 --min-size 1M   its large chunks, one row each\n"
	       "  heapsnap arenas core.4711          what a core says of arenas and free memory\n"
	       "  heapsnap doctor 4711               what stands in the way, and the fix\n");
}
