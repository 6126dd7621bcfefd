/* SPDX-License-Identifier: MIT */
#include "debug/thread_db.h"

#include "debug/symbols.h"

/* Far beyond any struct of libc. Units: bytes. */
enum { OFFSET_MAX = 1 << 16 };

/* The word of that index behind a symbol, in the first module that has it. */
static uint32_t exported_word(const struct modules *modules, const char *name, size_t index)
{
	for (size_t i = 0; i < modules->v.n; i++) {
		const struct module *module = &modules->v.v[i];
		struct symbol symbol;
		uint32_t words[3];

		if (module->type && symbol_exported(module, name, &symbol) &&
		    module_get(module, symbol.value, words, (index + 1) * sizeof(*words)) && words[index] < OFFSET_MAX)
			return words[index];
	}
	return MEMBER_ABSENT;
}

void thread_db_read(const struct modules *modules, struct thread_db *ret)
{
	enum { OFFSET = 2 };

	*ret = (struct thread_db){
		.link_map = { exported_word(modules, "_thread_db_link_map_l_tls_modid", OFFSET),
			      exported_word(modules, "_thread_db_link_map_l_tls_offset", OFFSET) },
		.pthread = { exported_word(modules, "_thread_db_pthread_tid", OFFSET),
			     exported_word(modules, "_thread_db_pthread_specific", OFFSET),
			     exported_word(modules, "_thread_db_sizeof_pthread", 0) },
	};
}
