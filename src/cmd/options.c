/* SPDX-License-Identifier: MIT */
#include "cmd/options.h"

#include <assert.h>
#include <getopt.h>
#include <langinfo.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/text.h"
#include "cmd/command.h"
#include "heap/chunks.h"

const struct option_entry option_entries[OPTION_IDS] = {
	{ OPTION_PID, 'p', "pid", "PID", "read the running process PID" },
	{ OPTION_CORE, 0, "core", "FILE", "read the core FILE (plain or zstd-compressed)" },
	{ OPTION_EXE, 'e', "exe", "FILE",
	  "the executable that dumped the core, where it is not found" },
	{ OPTION_SYSROOT, 0, "sysroot", "DIR", "look for the target's files below DIR first" },
	{ OPTION_DEBUGINFO_PATH, 0, "debuginfo-path", "DIR[:DIR]...",
	  "look for debug information in these directories, not in /usr/lib/debug" },
	{ OPTION_NO_STEP, 0, "no-step", NULL,
	  "never let a stopped thread run on to get it out of malloc; the result may not be exact "
	  "then" },
	{ OPTION_SPOOL, 0, "spool", "DIR",
	  "where a copy that memory is too small for is put (an unlinked file); $TMPDIR or /tmp "
	  "by default" },
	{ OPTION_JOBS, 'j', "jobs", "N", "threads to copy and to scan with; by default as many as help" },
	{ OPTION_SIZES, 0, "sizes", "exact|class",
	  "exact: one row for each size; class: ranges of sizes alone; by default sizes that hold "
	  "much, and ranges for the rest" },
	{ OPTION_SORT, 's', "sort", "ORDER", "order of the rows, which are named above" },
	{ OPTION_LIMIT, 'n', "limit", "N", "at most N rows; 0 for all" },
	{ OPTION_MIN_SIZE, 0, "min-size", "SIZE",
	  "only chunks of at least SIZE usable bytes (4096, 64k, 1.5M)" },
	{ OPTION_MAX_SIZE, 0, "max-size", "SIZE", "only chunks of at most SIZE usable bytes" },
	{ OPTION_ALL, 'a', "all", NULL, "chunks in every state, not just those in use" },
	{ OPTION_STATE, 0, "state", "STATE[,STATE]...",
	  "only chunks in these states: in-use, internal, tcache, fast, unsorted, small, large, "
	  "free, top" },
	{ OPTION_KIND, 0, "kind", "KIND[,KIND]...",
	  "only chunks of these kinds: heap, mmapped, pymalloc" },
	{ OPTION_ARENA, 0, "arena", "ARENA",
	  "only chunks of one arena: its index, its address, or main" },
	{ OPTION_CHAINS, 'k', "chains", "N", "look for N ways from roots, not just one" },
	{ OPTION_DEPTH, 0, "depth", "N", "N levels of the tree" },
	{ OPTION_CONTENTS, 0, "contents", NULL, "print the words of chunks, too" },
	{ OPTION_SUPPRESS, 0, "suppress", "FILE|type:NAME", "leave out the leaks that the rules in FILE are for, or those of a type" },
	{ OPTION_TAGGED_TOP_BYTE, 0, "tagged-top-byte", NULL,
	  "pointers may have a tag in their highest byte" },
	{ OPTION_UNALIGNED, 0, "unaligned", NULL,
	  "pointers may lie at any address, as in packed structs; slower" },
	{ OPTION_NO_TYPES, 0, "no-types", NULL, "do not find out what types chunks are of; faster" },
	{ OPTION_NO_CACHE, 0, "no-cache", NULL, "neither use nor keep what was read of debug information" },
	{ OPTION_TYPE, 0, "type", "TYPE", "only chunks of this type, as the report names it («struct conn», «conn[]»)" },
	{ OPTION_RETAINED, 0, "retained", NULL,
	  "what the chunks of each type keep alive, too; takes a second look at all pointers, and 20 bytes for each chunk" },
	{ OPTION_OUTPUT, 'o', "output", "FILE", "keep the snapshot in FILE" },
	{ OPTION_FAIL_IF, 0, "fail-if", "CONDITION",
	  "exit with status 1 if the change is such: bytes>10M, count>=1000, resident>5%" },
	{ OPTION_INTERVAL, 0, "interval", "TIME",
	  "from one snapshot to the next (30, 5m, 1h); a minute by default" },
	{ OPTION_COUNT, 0, "count", "N", "end after N snapshots" },
	{ OPTION_FOR, 0, "for", "TIME", "end after TIME" },
	{ OPTION_KEEP, 0, "keep", "N", "keep the last N snapshots only" },
	{ OPTION_MAX_PAUSE, 0, "max-pause", "MS",
	  "leave out a snapshot for which the process would stand still for more than MS "
	  "milliseconds" },
	{ OPTION_FORMAT, 0, "format", "text|json|csv",
	  "how to print; csv has the main table alone" },
	{ OPTION_BYTES, 0, "bytes", NULL, "plain numbers of bytes, no KiB and MiB" },
	{ OPTION_COLOR, 0, "color", "auto|always|never",
	  "colours; auto: on terminals, unless NO_COLOR is set" },
	{ OPTION_QUIET, 'q', "quiet", NULL, "no hints and no notes on stderr" },
	{ OPTION_VERBOSE, 'v', "verbose", NULL, "say more, and how long each phase took" },
	{ OPTION_HELP, 'h', "help", NULL, "this help" },
};

void options_init(struct options *options, const struct command *command)
{
	*options = (struct options){ .command = command, .max_size = UINT64_MAX };
}

bool options_has(const struct options *options, enum option_id id)
{
	return options->given & OPTION_BIT(id);
}

/* ---- values ---- */

static struct error *bad_value(const struct option_entry *entry, const char *value,
			       const char *wanted)
{
	return error_create(ERROR_USAGE, "--%s takes %s, not \"%s\"", entry->name, wanted, value);
}

/* The index of a word in a list, or -1. */
static int word_index(const char *const *words, const char *word, size_t length)
{
	for (int i = 0; words[i]; i++)
		if (strlen(words[i]) == length && !memcmp(words[i], word, length))
			return i;
	return -1;
}

static char *words_join(const char *const *words)
{
	char *joined = xstrdup(words[0]);

	for (size_t i = 1; words[i]; i++) {
		char *longer = xasprintf("%s%s%s", joined, words[i + 1] ? ", " : " or ", words[i]);

		free(joined);
		joined = longer;
	}
	return joined;
}

static struct error *parse_word(const struct option_entry *entry, const char *value,
				const char *const *words, unsigned *ret)
{
	int index = word_index(words, value, strlen(value));

	if (index < 0) {
		_cleanup_free_ char *wanted = words_join(words);

		return bad_value(entry, value, wanted);
	}
	*ret = (unsigned)index;
	return NULL;
}

/* «tcache,fast» as bits. */
static struct error *parse_set(const struct option_entry *entry, const char *value,
			       const char *const *words, unsigned *ret)
{
	unsigned set = 0;

	for (const char *word = value;;) {
		size_t length = strcspn(word, ",");
		int index = word_index(words, word, length);

		if (index < 0) {
			_cleanup_free_ char *wanted = words_join(words);
			_cleanup_free_ char *bad = xstrndup(word, length);

			return bad_value(entry, bad, wanted);
		}
		set |= 1u << index;
		if (!word[length])
			break;
		word += length + 1;
	}
	*ret |= set;
	return NULL;
}

static struct error *parse_size(const struct option_entry *entry, const char *value, uint64_t *ret)
{
	if (!text_parse_bytes(value, ret))
		return bad_value(entry, value, "a size such as 4096, 64k or 1.5M");
	return NULL;
}

static struct error *parse_number(const struct option_entry *entry, const char *value, uint64_t min,
				  uint64_t max, const char *wanted, uint64_t *ret)
{
	uint64_t number;

	if (!text_parse_u64(value, &number) || number < min || number > max)
		return bad_value(entry, value, wanted);
	*ret = number;
	return NULL;
}

static struct error *parse_time(const struct option_entry *entry, const char *value, uint64_t *ret)
{
	if (!text_parse_seconds(value, 1, ret))
		return bad_value(entry, value, "a time such as 30, 5m or 1.5h");
	return NULL;
}

static struct error *parse_states(const struct option_entry *entry, const char *value,
				  unsigned *ret)
{
	const char *words[CHUNK_STATES + 1] = { NULL };

	for (unsigned i = 0; i < CHUNK_STATES; i++)
		words[i] = chunk_state_name((enum chunk_state)i);
	return parse_set(entry, value, words, ret);
}

static struct error *parse_kinds(const struct option_entry *entry, const char *value, unsigned *ret)
{
	const char *words[CHUNK_KINDS + 1] = { NULL };

	for (unsigned i = 0; i < CHUNK_KINDS; i++)
		words[i] = chunk_kind_name((enum chunk_kind)i);
	return parse_set(entry, value, words, ret);
}

static struct error *option_set(struct options *options, const struct option_entry *entry,
				const char *value)
{
	static const char *const formats[] = { "text", "json", "csv", NULL };
	static const char *const colors[] = { "auto", "always", "never", NULL };
	static const char *const sizes[] = { "exact", "class", NULL };
	struct error *error = NULL;
	unsigned choice = 0;
	uint64_t number = 0;

	switch (entry->id) {
	case OPTION_PID:
		error = parse_number(entry, value, 1, INT_MAX, "a process id", &number);
		options->pid = (pid_t)number;
		break;
	case OPTION_CORE:
		options->core = value;
		break;
	case OPTION_EXE:
		options->exe = value;
		break;
	case OPTION_SYSROOT:
		options->sysroot = value;
		break;
	case OPTION_DEBUGINFO_PATH:
		options->debug_path = value;
		break;
	case OPTION_NO_STEP:
		options->no_step = true;
		break;
	case OPTION_SPOOL:
		options->spool_dir = value;
		break;
	case OPTION_JOBS:
		error = parse_number(entry, value, 1, 1024, "a number from 1 to 1024", &number);
		options->jobs = (unsigned)number;
		break;
	case OPTION_SIZES:
		error = parse_word(entry, value, sizes, &choice);
		options->sizes = choice == 0 ? SIZES_EXACT : SIZES_CLASS;
		break;
	case OPTION_SORT:
		error = parse_word(entry, value, options->command->orders, &options->order);
		break;
	case OPTION_LIMIT:
		error = parse_number(entry, value, 0, UINT64_MAX, "a number", &options->limit);
		break;
	case OPTION_MIN_SIZE:
		error = parse_size(entry, value, &options->min_size);
		break;
	case OPTION_MAX_SIZE:
		error = parse_size(entry, value, &options->max_size);
		break;
	case OPTION_ALL:
		options->all = true;
		break;
	case OPTION_STATE:
		error = parse_states(entry, value, &options->states);
		break;
	case OPTION_KIND:
		error = parse_kinds(entry, value, &options->kinds);
		break;
	case OPTION_ARENA:
		if (strcmp(value, "main"))
			error = parse_number(entry, value, 0, UINT64_MAX,
					     "an index, an address or main", &number);
		options->arena = value;
		break;
	case OPTION_CHAINS:
		error = parse_number(entry, value, 1, 1000, "a number from 1 to 1000", &options->chains);
		break;
	case OPTION_DEPTH:
		error = parse_number(entry, value, 0, 100, "a number up to 100", &options->depth);
		break;
	case OPTION_CONTENTS:
		options->contents = true;
		break;
	case OPTION_SUPPRESS:
		options->suppress = value;
		break;
	case OPTION_TAGGED_TOP_BYTE:
		options->tagged_top_byte = true;
		break;
	case OPTION_UNALIGNED:
		options->unaligned = true;
		break;
	case OPTION_TYPE:
		options->type = value;
		break;
	case OPTION_RETAINED:
		options->retained = true;
		break;
	case OPTION_NO_TYPES:
		options->no_types = true;
		break;
	case OPTION_NO_CACHE:
		options->no_cache = true;
		break;
	case OPTION_OUTPUT:
		if (!*value)
			error = bad_value(entry, value, "a file");
		options->output = value;
		break;
	case OPTION_FAIL_IF:
		if (options->n_fail_if == FAIL_IF_MAX)
			error = bad_value(entry, value, "at most 64 conditions");
		else
			options->fail_if[options->n_fail_if++] = value;
		break;
	case OPTION_INTERVAL:
		error = parse_time(entry, value, &options->interval);
		break;
	case OPTION_COUNT:
		error = parse_number(entry, value, 1, UINT64_MAX, "a number from 1 on",
				     &options->count);
		break;
	case OPTION_FOR:
		error = parse_time(entry, value, &options->duration);
		break;
	case OPTION_KEEP:
		error = parse_number(entry, value, 1, UINT64_MAX, "a number from 1 on",
				     &options->keep);
		break;
	case OPTION_MAX_PAUSE:
		if (!text_parse_seconds(value, 1e-3, &options->max_pause))
			error = bad_value(entry, value, "milliseconds");
		break;
	case OPTION_FORMAT:
		error = parse_word(entry, value, formats, &choice);
		options->format = (enum format)choice;
		break;
	case OPTION_BYTES:
		options->bytes = true;
		break;
	case OPTION_COLOR:
		error = parse_word(entry, value, colors, &choice);
		options->color = (enum color_mode)choice;
		break;
	case OPTION_QUIET:
		options->quiet = true;
		break;
	case OPTION_VERBOSE:
		options->verbose = true;
		break;
	case OPTION_HELP:
		options->help = true;
		break;
	case OPTION_IDS:
		assert(false);
	}
	options->given |= OPTION_BIT(entry->id);
	return error;
}

/* ---- parsing ---- */

static const char *option_name(size_t index)
{
	return index < OPTION_IDS ? option_entries[index].name : NULL;
}

static const struct option_entry *entry_named(const char *name, size_t length)
{
	for (size_t i = 0; i < OPTION_IDS; i++)
		if (strlen(option_entries[i].name) == length &&
		    !memcmp(option_entries[i].name, name, length))
			return &option_entries[i];
	return NULL;
}

static const struct option_entry *entry_lettered(char letter)
{
	for (size_t i = 0; i < OPTION_IDS; i++)
		if (option_entries[i].letter && option_entries[i].letter == letter)
			return &option_entries[i];
	return NULL;
}

/* Why an argument was no option of this command. */
static struct error *not_taken(const struct command *command, const struct option_entry *entry,
			       const char *shown)
{
	for (size_t i = 0; entry && commands[i]; i++)
		if (commands[i]->options & OPTION_BIT(entry->id))
			return error_create(ERROR_USAGE, "%s does not take %s (heapsnap %s does)",
					    command->name, shown, commands[i]->name);
	return error_create(ERROR_USAGE, "there is no option %s", shown);
}

static struct error *unknown_long(const struct command *command, const char *argument)
{
	size_t length = strcspn(argument + 2, "=");
	const struct option_entry *entry = entry_named(argument + 2, length);
	_cleanup_free_ char *name = xstrndup(argument + 2, length);
	_cleanup_free_ char *shown = xasprintf("--%s", name);

	if (entry && command->options & OPTION_BIT(entry->id))
		return error_create(ERROR_USAGE, "%s takes no value", shown);
	if (entry)
		return not_taken(command, entry, shown);

	// A prefix that fits more than one option.
	_cleanup_free_ char *fitting = NULL;
	size_t n_fitting = 0;

	for (size_t i = 0; i < OPTION_IDS && length; i++) {
		if (!(command->options & OPTION_BIT(i)) ||
		    strncmp(option_entries[i].name, name, length))
			continue;

		char *longer = xasprintf("%s%s--%s", fitting ? fitting : "", fitting ? " or " : "",
					 option_entries[i].name);

		free(fitting);
		fitting = longer;
		n_fitting++;
	}
	if (n_fitting > 1)
		return error_create(ERROR_USAGE, "%s can mean %s", shown, fitting);

	const char *close = name_suggest(name, option_name);

	if (close)
		return error_create(ERROR_USAGE, "there is no option %s; did you mean --%s?", shown,
				    close);
	return error_create(ERROR_USAGE, "there is no option %s", shown);
}

static struct error *parse_failed(const struct command *command, int result, const char *argument)
{
	if (result == ':') {
		const struct option_entry *entry = optopt ? entry_lettered((char)optopt) : NULL;

		// getopt gives a long option's value, which is its index here plus 256.
		if (optopt >= 256)
			entry = &option_entries[optopt - 256];
		if (entry && optopt < 256)
			return error_create(ERROR_USAGE, "-%c needs %s", entry->letter,
					    entry->argument);
		if (entry)
			return error_create(ERROR_USAGE, "--%s needs %s", entry->name,
					    entry->argument);
	}
	if (argument && !strncmp(argument, "--", 2))
		return unknown_long(command, argument);

	char shown[] = { '-', (char)optopt, '\0' };

	return not_taken(command, entry_lettered((char)optopt), shown);
}

size_t options_skip(char *const *argv)
{
	const char *word = argv[0];

	if (word[0] != '-' || !word[1] || !strcmp(word, "--"))
		return 0;
	if (word[1] == '-') {
		size_t length = strcspn(word + 2, "=");
		const struct option_entry *entry = entry_named(word + 2, length);

		return entry && entry->argument && !word[2 + length] && argv[1] ? 2 : 1;
	}
	for (const char *letter = word + 1; *letter; letter++) {
		const struct option_entry *entry = entry_lettered(*letter);

		if (entry && entry->argument)
			return !letter[1] && argv[1] ? 2 : 1;
	}
	return 1;
}

struct error *options_parse(const struct command *command, int argc, char **argv,
			    struct options *ret)
{
	struct option longs[OPTION_IDS + 1] = { 0 };
	char letters[OPTION_IDS * 2 + 2] = ":";
	size_t n_longs = 0, n_letters = 1;
	int result;

	for (size_t i = 0; i < OPTION_IDS; i++) {
		const struct option_entry *entry = &option_entries[i];

		assert(entry->id == i);
		if (!(command->options & OPTION_BIT(i)))
			continue;
		longs[n_longs++] = (struct option){ entry->name,
						    entry->argument ? required_argument
								    : no_argument,
						    NULL, 256 + (int)i };
		if (entry->letter) {
			letters[n_letters++] = entry->letter;
			if (entry->argument)
				letters[n_letters++] = ':';
		}
	}
	letters[n_letters] = '\0';

	optind = 1;
	opterr = 0;
	for (;;) {
		int at = optind;

		result = getopt_long(argc, argv, letters, longs, NULL);
		if (result == -1)
			break;
		if (result == '?' || result == ':') {
			// getopt has moved operands behind; the argument it stumbled over is the one before optind, or
			// (within a cluster of letters) the one it stands at.
			const char *argument = optind > at && optind <= argc ? argv[optind - 1]
									     : NULL;

			return parse_failed(command, result, argument);
		}

		const struct option_entry *entry = result >= 256 ? &option_entries[result - 256]
								 : entry_lettered((char)result);
		struct error *error = option_set(ret, entry, optarg);

		if (error)
			return error;
	}
	ret->operands = argv + optind;
	ret->n_operands = (size_t)(argc - optind);
	if (ret->min_size > ret->max_size)
		return error_create(ERROR_USAGE, "--min-size is larger than --max-size");
	return NULL;
}

/* ---- help ---- */

void print_wrapped(const char *text, size_t column, size_t indent)
{
	enum { WIDTH = 80 };

	while (*text) {
		size_t length = strcspn(text, " \n");

		if (column > indent && column + 1 + length > WIDTH) {
			printf("\n%*s", (int)indent, "");
			column = indent;
		} else if (column > indent) {
			putchar(' ');
			column++;
		}
		printf("%.*s", (int)length, text);
		column += length;
		text += length;
		if (*text == '\n') {
			printf("\n%*s", (int)indent, "");
			column = indent;
		}
		text += *text != '\0';
	}
	putchar('\n');
}

void options_print(uint64_t mask)
{
	enum { COLUMN = 24 };

	for (size_t i = 0; i < OPTION_IDS; i++) {
		const struct option_entry *entry = &option_entries[i];

		if (!(mask & OPTION_BIT(i)))
			continue;

		_cleanup_free_ char *letter = entry->letter ? xasprintf("-%c, ", entry->letter)
							    : xstrdup("    ");
		_cleanup_free_ char *left = xasprintf("  %s--%s%s%s", letter, entry->name,
						      entry->argument ? " " : "",
						      entry->argument ? entry->argument : "");

		if (strlen(left) + 2 <= COLUMN)
			printf("%-*s", COLUMN, left);
		else
			printf("%s\n%*s", left, COLUMN, "");
		print_wrapped(entry->help, COLUMN, COLUMN);
	}
}

/* ---- the terminal ---- */

struct writer_options options_writer(const struct options *options)
{
	struct writer_options writer = {
		.format = options->format,
		.fd = STDOUT_FILENO,
		.width = 80,
		.is_terminal = isatty(STDOUT_FILENO) == 1,
		.plain_bytes = options->bytes,
		.has_utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8"),
	};
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
	struct winsize size;

	if (writer.is_terminal && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col > 0)
		writer.width = size.ws_col;
	switch (options->color) {
	case COLOR_AUTO:
		writer.has_color = writer.is_terminal && !(no_color && *no_color) &&
				   !(term && !strcmp(term, "dumb"));
		break;
	case COLOR_ALWAYS:
		writer.has_color = true;
		break;
	case COLOR_NEVER:
		break;
	}
	return writer;
}
