/* SPDX-License-Identifier: MIT */
/*
 * The image of a live target, put together from what was copied, what is known to be zero, and the files behind it.
 */
#ifndef HEAPSNAP_TARGET_ASSEMBLE_H
#define HEAPSNAP_TARGET_ASSEMBLE_H

#include "target/copy.h"
#include "target/image.h"
#include "target/maps.h"
#include "target/plan.h"
#include "target/store.h"
#include "target/target.h"

/** Adds everything to an empty image and seals it. `files` has the open files (mapping.file); `fill`: what is not copied of a module's small
    writable mapping is read from its file into the store, which must be writable there. */
void assemble_image(const struct target *files, const mapping_array *mappings,
		    const struct plan *plan, const copy_hole_array *holes,
		    const struct store *store, bool fill, struct image *image);

#endif
