/* SPDX-License-Identifier: MIT */
/*
 * heapsnap [COMMAND] TARGET [OPTION...]
 *
 * The command is the first word that is no option; without one it is `report`. Everything else is cmd/options.c and the commands' own files.
 */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "cmd/command.h"
#include "cmd/message.h"

/* Help went to stdout by stdio; a full disk there is an error like any other. */
static enum status flushed(enum status status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	message("cannot write the output");
	return STATUS_UNREADABLE;
}

/* A word that is no command, no number and no file: most likely a mistyped command. */
static bool is_stray_word(const char *word)
{
	return word[0] != '-' && !strpbrk(word, "/.0123456789") && access(word, F_OK) != 0;
}

static enum status stray_word(const char *word)
{
	const char *close = command_suggest(word);

	if (close)
		message("there is no command \"%s\"; did you mean %s?", word, close);
	else
		message("\"%s\" is no command, no process id and no file; heapsnap --help lists "
			"the commands",
			word);
	return STATUS_USAGE;
}

/* The first word that is no option and no option's value; argc when there is none. */
static int first_word(int argc, char **argv)
{
	int at = 1;

	while (at < argc) {
		size_t skipped = options_skip(argv + at);

		if (!skipped)
			return at;
		at += (int)skipped;
	}
	return argc;
}

static enum status run(int argc, char **argv, char *debuginfod_urls)
{
	const struct command *command = &command_report;
	struct options options;

	if (argc < 2) {
		message("nothing to do: give a process id, a core or a snapshot (heapsnap --help "
			"says "
			"more)");
		return STATUS_USAGE;
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		command = &command_version;
		argv[1] = argv[0];
		argc--;
		argv++;
	} else if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		commands_print_help();
		return STATUS_DONE;
	} else {
		int at = first_word(argc, argv);

		if (at < argc && command_find(argv[at])) {
			command = command_find(argv[at]);
			memmove(argv + at, argv + at + 1, (size_t)(argc - at) * sizeof(*argv));
			argc--;
		} else if (at < argc && is_stray_word(argv[at])) {
			return stray_word(argv[at]);
		}
	}

	options_init(&options, command);
	options.debuginfod_urls = debuginfod_urls;

	struct error *error = options_parse(command, argc, argv, &options);

	if (!error && options.help) {
		command_print_help(command);
		return STATUS_DONE;
	}
	if (error) {
		enum status status = message_error(error);

		message("'heapsnap %s --help' lists the options", command->name);
		return status;
	}
	return command->run(&options);
}

int main(int argc, char **argv)
{
	const char *urls = getenv("DEBUGINFOD_URLS");
	_cleanup_free_ char *debuginfod_urls = urls && *urls ? xstrdup(urls) : NULL;

	// libdwfl would ask these servers for every module, and wait minutes for one that is silent.
	unsetenv("DEBUGINFOD_URLS");
	// Only which characters the terminal has; numbers and messages do not change with the locale.
	setlocale(LC_CTYPE, "");
	// A reader that went away is seen by write(), never by a signal while a target stands still.
	signal(SIGPIPE, SIG_IGN);
	return flushed(run(argc, argv, debuginfod_urls));
}
