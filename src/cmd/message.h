/* SPDX-License-Identifier: MIT */
/*
 * Messages on stderr, each with «heapsnap: » before it; and errors turned into exit statuses.
 */
#ifndef HEAPSNAP_CMD_MESSAGE_H
#define HEAPSNAP_CMD_MESSAGE_H

#include "base/error.h"
#include "cmd/status.h"

/** Prints a message, control bytes escaped. */
void message(const char *format, ...) _printf_(1, 2);

/** Prints an error, frees it, and gives the exit status that fits it. */
enum status message_error(struct error *error);

/** The exit status that fits an error. */
enum status error_status(const struct error *error);

#endif
