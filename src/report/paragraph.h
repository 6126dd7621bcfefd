/* SPDX-License-Identifier: MIT */
/*
 * Prose in reports.
 */
#ifndef HEAPSNAP_REPORT_PARAGRAPH_H
#define HEAPSNAP_REPORT_PARAGRAPH_H

#include <stddef.h>

#include "report/writer.h"

/** Prints prose, in text: broken at blanks so that it fits the terminal, each line behind `indent` blanks. What came from the target must have passed text_escape(). */
void print_paragraph(struct writer *writer, size_t indent, const char *text);

#endif
