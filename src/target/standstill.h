/* SPDX-License-Identifier: MIT */
/*
 * The stop window: what is prepared before it, what happens in it, and what it leaves behind.
 *
 * Private to the live target. Everything is collected here; the target structure is only read, so that a window that fails leaves it as it was.
 */
#ifndef HEAPSNAP_TARGET_STANDSTILL_H
#define HEAPSNAP_TARGET_STANDSTILL_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/array.h"
#include "base/error.h"
#include "target/copy.h"
#include "target/live.h"
#include "target/pages.h"
#include "target/plan.h"
#include "target/process.h"
#include "target/spool.h"
#include "target/store.h"
#include "target/target.h"
#include "target/tracees.h"

struct named_thread {
	pid_t tid;
	char name[16];
};

struct standstill {
	const struct target *target;
	struct process *process;
	const struct live_options *options;
	quiesce_step *step;
	void *context;
	/** A debugger holds the process; we only look. */
	bool held;

	/** Before the stop. */
	ARRAY(struct named_thread) names;
	mapping_array before;
	struct plan earlier;
	struct store store;
	int spool;
	struct copier *copier;

	/** The stop. */
	struct tracees tracees;
	mapping_array mappings;
	page_run_array pages;
	struct plan plan;
	copy_part_array parts;
	spool_group_array groups;
	copy_hole_array holes;
	struct capture capture;
	struct error *error;
};

/** Starts with nothing; target, process, options, step and context are borrowed until it is freed. */
void standstill_init(struct standstill *standstill, const struct target *target,
		     struct process *process, const struct live_options *options,
		     quiesce_step *step, void *context);

/** Frees what was not taken out of it. */
void standstill_deinit(struct standstill *standstill);

/** Prepares, stops the process (or looks at one that a debugger holds), copies, lets it go. Errors: as live_capture() has them. */
struct error *standstill_run(struct standstill *standstill) _must_check_;

#endif
