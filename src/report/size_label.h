/* SPDX-License-Identifier: MIT */
/*
 * What a size, or a range of sizes, is called in text.
 */
#ifndef HEAPSNAP_REPORT_SIZE_LABEL_H
#define HEAPSNAP_REPORT_SIZE_LABEL_H

#include <stdint.h>

#include "report/writer.h"

/** «96», «1,032-2,040», «64.0 KiB-127 KiB». Owner: the caller. */
char *size_label(const struct writer *writer, uint64_t min, uint64_t max);

/** The same with its unit: «96 bytes», «64.0 KiB-127 KiB». Owner: the caller. */
char *size_phrase(const struct writer *writer, uint64_t min, uint64_t max);

#endif
