/* SPDX-License-Identifier: MIT */
/*
 * Rust names, from what the linker calls them, in both of the schemes.
 *
 *   _ZN4core3ptr13drop_in_place17h0123456789abcdefE        core::ptr::drop_in_place                 legacy: looks like C++, the last part is a hash
 *   _RINvNtCs1234_4core3ptr13drop_in_placeNtCsab_3zoo3DogE  core::ptr::drop_in_place::<zoo::Dog>     v0
 *
 * Hashes of crates are left out, as are lifetimes that say nothing. Names are hostile: depth and length are bounded.
 *
 * Source: rust-lang/rustc-demangle, legacy.rs; RFC 2603 «Rust Symbol Name Mangling v0», and The rustc book, «v0 Symbol Format».
 */
#ifndef HEAPSNAP_TYPES_RUST_NAMES_H
#define HEAPSNAP_TYPES_RUST_NAMES_H

#include <stddef.h>

/** The name of a symbol (_ZN…) of the legacy scheme; NULL when it is none. Owner: the caller. */
char *rust_legacy_name(const char *symbol, size_t length);

/** The name of a symbol (_R…) of the v0 scheme; NULL when it is none, or not understood. Owner: the caller. */
char *rust_v0_name(const char *symbol, size_t length);

#endif
