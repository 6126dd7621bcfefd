/* SPDX-License-Identifier: MIT */
/*
 * Offsets out of the interpreter's own debug information. Private to cpython/.
 */
#ifndef HEAPSNAP_CPYTHON_DESCRIBED_H
#define HEAPSNAP_CPYTHON_DESCRIBED_H

#include <stdbool.h>

#include "cpython/layouts.h"
#include "debug/modules.h"

/** Overrides the members that a layout has by what the DWARF of the module says of them; gives how many it says something of. What is absent in the layout stays so:
    its presence decides behaviour. Cost: opening the debug file. */
size_t py_layout_described(struct modules *modules, struct module *module, struct py_layout *layout);

#endif
