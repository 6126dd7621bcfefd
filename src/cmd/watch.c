/* SPDX-License-Identifier: MIT */
/*
 * One snapshot after the other of a running process, until there are enough, the process ends, or somebody has seen enough (SIGINT, SIGTERM, SIGHUP): in
 * each case the whole is told in the end.
 *
 * A stop that would take longer than --max-pause is left out. How long it would take is told from what there is to copy now and from the quickest stop so
 * far, so one that was slow because the machine was busy does not end the watch.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/text.h"
#include "cmd/command.h"
#include "cmd/cost.h"
#include "cmd/message.h"
#include "cmd/open.h"
#include "cmd/progress.h"
#include "report/print_watch.h"
#include "snapshot/diff.h"
#include "snapshot/file.h"
#include "target/lifetime.h"

static const uint64_t SECOND = 1000000000;

enum {
	INTERVAL_DEFAULT = 60,
	/** What grows fits the screen, round after round. */
	ROWS_DEFAULT = 8,
};

struct looking {
	const struct options *options;
	struct target_choice choice;
	struct lifetime lifetime;
	struct watch watch;
	/** What the process was at first; has_first says whether there is that. */
	struct diff_side first;
	bool has_first;
	/** Of the quickest stop: ns for a byte; 0 before the first. */
	double pace;
	/** Files that were written, oldest first. Owned. */
	ARRAY(char *) files;
	/** The worst so far. */
	enum status status;
	/** Signals that end it are blocked by the one, and let through by the other. */
	sigset_t held, open;
};

/* ---- signals ---- */

static volatile sig_atomic_t signalled;

static void remember(int number)
{
	signalled = number;
}

/*
 * Signals that end a watch are remembered; a second one of its kind does what it always did. They are let through while a snapshot is taken, where the stop
 * window makes way for them, and while it waits.
 */
static void signals_hold(struct looking *looking)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = remember, .sa_flags = SA_RESTART | SA_RESETHAND },
			 before;

	sigemptyset(&looking->held);
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		sigaction(ends[i], NULL, &before);
		// What is ignored (nohup) stays so.
		if (before.sa_handler == SIG_IGN)
			continue;
		sigaction(ends[i], &action, NULL);
		sigaddset(&looking->held, ends[i]);
	}
	sigprocmask(SIG_BLOCK, &looking->held, &looking->open);
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
		sigdelset(&looking->open, ends[i]);
}

/* ---- one look ---- */

/* Why no snapshot is taken now, NULL when one is. Owner: the caller. */
static char *too_long(struct looking *looking)
{
	uint64_t max = looking->options->max_pause, bytes;

	if (!max)
		return NULL;
	bytes = cost_bytes(looking->choice.pid);
	if (bytes == UINT64_MAX)
		return NULL;

	uint64_t pause = looking->pace > 0 ? (uint64_t)(looking->pace * (double)bytes)
					   : cost_pause(bytes);

	if (pause <= max)
		return NULL;
	return xasprintf("the stop would take about %.1f ms, more than %g ms",
			 (double)pause / 1e6, (double)max / 1e6);
}

/* Keeps a snapshot in the directory, under a name of its own; NULL when that failed, which was told. */
static const char *keep(struct looking *looking, const struct snapshot *snapshot)
{
	const struct options *options = looking->options;
	time_t when = (time_t)snapshot->time;
	struct tm utc;
	char stamp[32] = "";

	if (gmtime_r(&when, &utc))
		strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &utc);

	char *path = xasprintf("%s/%d-%s-%04zu.hsnap", options->output, (int)snapshot->pid, stamp,
			       looking->watch.rounds.n + 1);
	struct error *error = snapshot_write(snapshot, path);

	if (error) {
		// The next one may find room.
		looking->status = message_error(error);
		free(path);
		return NULL;
	}
	array_append(&looking->files, path);
	while (options->keep && looking->files.n > options->keep) {
		unlink(looking->files.v[0]);
		free(looking->files.v[0]);
		looking->files.n--;
		memmove(looking->files.v, looking->files.v + 1,
			looking->files.n * sizeof(*looking->files.v));
	}
	return path;
}

static void learn_pace(struct looking *looking, const struct snapshot *snapshot)
{
	double pace = snapshot->copied_bytes
			      ? (double)snapshot->pause_ns / (double)snapshot->copied_bytes
			      : 0;

	if (pace > 0 && (looking->pace <= 0 || pace < looking->pace))
		looking->pace = pace;
}

/* The process is another than it was: it has executed another program. */
static bool is_replaced(struct looking *looking, const struct snapshot *snapshot)
{
	const char *reason;

	if (!looking->has_first) {
		diff_side_init(&looking->first, "", snapshot);
		looking->has_first = true;
		return false;
	}

	struct diff_side now;

	diff_side_init(&now, "", snapshot);

	bool replaced = diff_compare(&looking->first, &now, &reason) > DIFF_SAME_ADDRESSES;

	diff_side_deinit(&now);
	return replaced;
}

/* Takes a snapshot and prints it. False when the watch is over; then *end_ret says why, unless there is an error. */
static bool look(struct looking *looking, enum watch_end *end_ret, struct error **error_ret)
{
	_cleanup_snapshot_ struct snapshot snapshot = { 0 };
	char *reason = too_long(looking);

	if (reason) {
		watch_skip(&looking->watch, (int64_t)time(NULL), reason);
		return true;
	}
	progress_begin(!looking->options->quiet && !looking->options->verbose);
	sigprocmask(SIG_SETMASK, &looking->open, NULL);

	struct error *error = open_snapshot(looking->options, &looking->choice, &snapshot);

	sigprocmask(SIG_BLOCK, &looking->held, NULL);
	progress_end();
	if (error && signalled) {
		error_destroy(error);
		*end_ret = WATCH_INTERRUPTED;
		return false;
	}
	if (error && lifetime_is_over(&looking->lifetime)) {
		error_destroy(error);
		*end_ret = WATCH_EXITED;
		return false;
	}
	// Whatever is wrong the first time will be so the next time; later it may be a matter of the moment.
	if (error && !looking->has_first) {
		*error_ret = error;
		return false;
	}
	if (error) {
		watch_skip(&looking->watch, (int64_t)time(NULL),
			   text_escape(error->message, strlen(error->message)));
		error_destroy(error);
		return true;
	}
	if (is_replaced(looking, &snapshot)) {
		*end_ret = WATCH_REPLACED;
		return false;
	}
	learn_pace(looking, &snapshot);
	if (snapshot_status(&snapshot) > looking->status)
		looking->status = snapshot_status(&snapshot);
	watch_look(&looking->watch, &snapshot,
		   looking->options->output ? keep(looking, &snapshot) : NULL);
	return true;
}

/* ---- all of them ---- */

static struct timespec later(struct timespec time, uint64_t nanoseconds)
{
	nanoseconds += (uint64_t)time.tv_nsec;
	return (struct timespec){ time.tv_sec + (time_t)(nanoseconds / SECOND),
				  (long)(nanoseconds % SECOND) };
}

static bool is_before(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

/* When the next look is due: at a multiple of the interval, none of which is made up for. */
static struct timespec next_time(struct timespec last, uint64_t interval)
{
	struct timespec now, next = later(last, interval);

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (is_before(&next, &now)) {
		uint64_t behind = (uint64_t)(now.tv_sec - last.tv_sec) * SECOND +
				  (uint64_t)now.tv_nsec - (uint64_t)last.tv_nsec;

		next = later(last, (behind / interval + 1) * interval);
	}
	return next;
}

static enum watch_end watch_on(struct looking *looking, struct error **error_ret)
{
	const struct options *options = looking->options;
	struct timespec due, end = { 0 };
	enum watch_end why = WATCH_COMPLETE;

	clock_gettime(CLOCK_MONOTONIC, &due);
	if (options->duration)
		end = later(due, options->duration);
	for (uint64_t round = 1;; round++) {
		if (!look(looking, &why, error_ret) || *error_ret)
			return why;
		if (signalled || writer_is_dead(looking->watch.writer))
			return WATCH_INTERRUPTED;
		if (options->count && round >= options->count)
			return WATCH_COMPLETE;
		due = next_time(due, options->interval);
		if (options->duration && is_before(&end, &due))
			return WATCH_COMPLETE;
		for (struct timespec now = { 0 };
		     !signalled && !lifetime_is_over(&looking->lifetime) && is_before(&now, &due);
		     clock_gettime(CLOCK_MONOTONIC, &now))
			lifetime_wait(&looking->lifetime, &due, &looking->open);
		if (signalled)
			return WATCH_INTERRUPTED;
		if (lifetime_is_over(&looking->lifetime))
			return WATCH_EXITED;
	}
}

static struct error *prepare(struct looking *looking)
{
	const struct options *options = looking->options;
	struct error *error = target_choose_with(options, 0, &looking->choice);

	if (error)
		return error;
	if (!looking->choice.pid)
		return error_create(ERROR_USAGE, "watch is for running processes; heapsnap diff "
						 "compares snapshots and cores");
	if (options->keep && !options->output)
		return error_create(ERROR_USAGE,
				    "--keep is about the snapshots in a directory: -o DIR");
	if (options->output && mkdir(options->output, 0700) && errno != EEXIST)
		return error_os(errno, "cannot make %s", options->output);

	struct stat status;

	if (options->output && !stat(options->output, &status) && !S_ISDIR(status.st_mode))
		return error_create(ERROR_USAGE,
				    "%s is no directory, which watch needs for its snapshots",
				    options->output);
	return lifetime_init(&looking->lifetime, looking->choice.pid);
}

static enum status run(const struct options *options)
{
	struct options with_defaults = *options;
	struct looking looking = { .options = &with_defaults, .lifetime = { -1, -1 } };
	struct error *error = prepare(&looking);

	if (error)
		return message_error(error);
	if (!options_has(options, OPTION_INTERVAL))
		with_defaults.interval = INTERVAL_DEFAULT * SECOND;

	struct writer_options settings = options_writer(options);
	_cleanup_writer_ struct writer *writer = writer_create(&settings);
	struct watch_options watch = {
		.limit = options_has(options, OPTION_LIMIT) ? options->limit : ROWS_DEFAULT,
		.min_size = options->min_size,
		.quiet = options->quiet,
	};
	_cleanup_free_ char *name = lifetime_name(&looking.lifetime);

	signals_hold(&looking);
	writer_begin(writer, options->command->name);
	watch_start(&looking.watch, writer, &watch, name, looking.choice.pid,
		    with_defaults.interval);

	enum watch_end end = watch_on(&looking, &error);

	if (!error) {
		watch_finish(&looking.watch, end);
		error = writer_finish(writer);
	}
	watch_deinit(&looking.watch);
	lifetime_deinit(&looking.lifetime);
	if (looking.has_first)
		diff_side_deinit(&looking.first);
	for (size_t i = 0; i < looking.files.n; i++)
		free(looking.files.v[i]);
	array_deinit(&looking.files);
	return error ? message_error(error) : looking.status;
}

const struct command command_watch = {
	.name = "watch",
	.usage = "PID [OPTION...]",
	.summary = "A snapshot every so often, and what grows from one to the next",
	.description =
		"After each snapshot the types that grew are shown (with --no-types, which takes "
		"less time for each, the sizes); at the end how each one grew (steadily, at times, once, or up and down), who keeps it, and what that "
		"is: leaking, or held and growing. It ends after --count "
		"snapshots or --for a time, else when the process does or with Ctrl-C; the "
		"end is told in any case. With -o DIR the snapshots are kept there, with "
		"--keep N the last N of them. --max-pause leaves out a snapshot for which "
		"the process would have to stand still for longer.",
	.needs = NEEDS_GRAPH | NEEDS_NAMES | NEEDS_OWNERS | NEEDS_TYPES,
	.options = ((OPTIONS_TARGET | OPTIONS_OUTPUT | OPTIONS_GRAPH) &
		    ~(OPTION_BIT(OPTION_CORE) | OPTION_BIT(OPTION_EXE))) |
		   OPTION_BIT(OPTION_LIMIT) | OPTION_BIT(OPTION_MIN_SIZE) |
		   OPTION_BIT(OPTION_OUTPUT) | OPTION_BIT(OPTION_INTERVAL) |
		   OPTION_BIT(OPTION_COUNT) | OPTION_BIT(OPTION_FOR) | OPTION_BIT(OPTION_KEEP) |
		   OPTION_BIT(OPTION_MAX_PAUSE) | OPTION_BIT(OPTION_NO_TYPES),
	.run = run,
};
