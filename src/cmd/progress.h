/* SPDX-License-Identifier: MIT */
/*
 * Progress: what takes long is told on stderr, where that is a terminal, from the second second on; one line, which goes away again.
 *
 * There is one at a time. A thread draws it, so that nothing else needs to look at the clock.
 */
#ifndef HEAPSNAP_CMD_PROGRESS_H
#define HEAPSNAP_CMD_PROGRESS_H

#include <stdbool.h>

/** Begins, if progress is wanted and stderr is a terminal. Nothing is shown before a second has passed. */
void progress_begin(bool is_wanted);

/** What is being done from now on: «walking the heap». Borrowed: for ever. */
void progress_phase(const char *what);

/** Takes the line away until it is drawn again: something else is going to be written to stderr. */
void progress_hide(void);

/** Ends it and takes the line away; nothing when it was not begun. */
void progress_end(void);

#endif
