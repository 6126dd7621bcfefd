/* SPDX-License-Identifier: MIT */
/*
 * Two tables a module: the exported symbols, found as the dynamic loader finds them (PT_DYNAMIC, so it works without section
 * headers), and the full ones, .symtab of the file or of its separate debug file. Each is read with two reads when it is
 * first asked for, and then serves names through a hash table of its own and addresses through a sorted index.
 *
 * The hash is over the name up to the first «.» or «@», so that main_arena finds main_arena.lto_priv.0 in the same chain.
 */
#include "debug/symbols.h"

#include <elf.h>
#include <string.h>

#include "base/alloc.h"
#include "base/array.h"
#include "debug/debug_files.h"
#include "debug/elf_file.h"

enum {
	/** Symbols that one table may have: some four times the most seen. */
	SYMBOLS_MAX = 16 << 20,
	/** Symbols before an address that are tried when the nearest one ends before it. */
	NESTING_MAX = 4096,
};

#define STRINGS_SIZE_MAX (UINT64_C(1) << 30)

/* Symbols of one kind by address. */
struct symbol_order {
	bool is_sorted;
	/** Indices in the table, and the furthest end up to each. */
	uint32_t *sorted;
	uint64_t *furthest;
	size_t n;
};

struct symbol_table {
	bool loaded;
	Elf64_Sym *symbols;
	size_t count;
	/** NUL-terminated whatever the file says. */
	char *strings;
	size_t strings_size;
	/** Chains by hash of the base name: heads and next hold index + 1, 0 ends. n_heads is a power of two. */
	uint32_t *heads, *next;
	size_t n_heads;
	/** Functions and objects; thread-local variables. */
	struct symbol_order places, thread_locals;
};

struct symbol_tables {
	struct symbol_table exported, full;
};

struct symbol_tables *symbol_tables_create(void)
{
	return xcalloc(1, sizeof(struct symbol_tables));
}

static void table_deinit(struct symbol_table *table)
{
	free(table->symbols);
	free(table->strings);
	free(table->heads);
	free(table->next);
	free(table->places.sorted);
	free(table->places.furthest);
	free(table->thread_locals.sorted);
	free(table->thread_locals.furthest);
}

void symbol_tables_destroy(struct symbol_tables *tables)
{
	if (!tables)
		return;
	table_deinit(&tables->exported);
	table_deinit(&tables->full);
	free(tables);
}

static size_t base_length(const char *name)
{
	// A name may begin with a dot (.Lfoo); only what follows something is a suffix.
	return *name ? 1 + strcspn(name + 1, ".@") : 0;
}

static uint32_t name_hash(const char *name, size_t length)
{
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (unsigned char)name[i]) * 16777619u;
	return hash;
}

/* The name of a defined symbol; NULL for any other entry. */
static const char *table_name(const struct symbol_table *table, size_t index)
{
	const Elf64_Sym *symbol = &table->symbols[index];

	if (symbol->st_shndx == SHN_UNDEF || symbol->st_name == 0 || symbol->st_name >= table->strings_size)
		return NULL;
	unsigned type = ELF64_ST_TYPE(symbol->st_info);
	if (type == STT_SECTION || type == STT_FILE)
		return NULL;
	return table->strings + symbol->st_name;
}

static void table_index(struct symbol_table *table)
{
	table->n_heads = 16;
	while (table->n_heads < table->count)
		table->n_heads *= 2;
	table->heads = xcalloc(table->n_heads, sizeof(*table->heads));
	table->next = xcalloc(table->count + 1, sizeof(*table->next));
	// From the last to the first, so that a chain has them in the order of the table.
	for (size_t i = table->count; i-- > 0;) {
		const char *name = table_name(table, i);

		if (!name)
			continue;
		uint32_t *head = &table->heads[name_hash(name, base_length(name)) & (table->n_heads - 1)];
		table->next[i] = *head;
		*head = (uint32_t)i + 1;
	}
}

/* How many entries .dynsym has, which only its hash tables say. */
static uint64_t exported_count(const struct module *module)
{
	uint64_t at;
	uint32_t header[4];

	if (module_dynamic(module, DT_HASH, 0, &at)) {
		// nbucket, nchain: there is one chain entry for each symbol.
		return module_get(module, at, header, 8) ? header[1] : 0;
	}
	if (!module_dynamic(module, DT_GNU_HASH, 0, &at) || !module_get(module, at, header, 16))
		return 0;
	// nbuckets, the first symbol that is hashed, words of the bloom filter (8 bytes), its shift; then the filter, the
	// buckets (the first symbol of each chain), the chains (bit 0 set in the last one of a chain).
	uint64_t n_buckets = header[0], first = header[1];
	uint64_t buckets = at + 16 + (uint64_t)header[2] * 8, chains = buckets + n_buckets * 4;
	uint32_t part[256];
	uint64_t last = 0;
	if (n_buckets > SYMBOLS_MAX)
		return 0;
	for (uint64_t i = 0; i < n_buckets; i += 256) {
		size_t n = n_buckets - i < 256 ? (size_t)(n_buckets - i) : 256;

		if (!module_get(module, buckets + i * 4, part, n * 4))
			return 0;
		for (size_t j = 0; j < n; j++)
			last = part[j] > last ? part[j] : last;
	}
	if (last < first)
		return first <= SYMBOLS_MAX ? first : 0;
	for (uint64_t i = 0; i < SYMBOLS_MAX; i++) {
		uint32_t link;

		if (!module_get(module, chains + (last - first + i) * 4, &link, 4))
			return 0;
		if (link & 1)
			return last + i + 1;
	}
	return 0;
}

static void exported_load(const struct module *module)
{
	struct symbol_table *table = &module->symbols->exported;
	uint64_t symbols, strings, strings_size, count;

	if (table->loaded)
		return;
	table->loaded = true;
	if (!module_dynamic(module, DT_SYMTAB, 0, &symbols) || !module_dynamic(module, DT_STRTAB, 0, &strings) ||
	    !module_dynamic(module, DT_STRSZ, 0, &strings_size))
		return;
	count = exported_count(module);
	// Neither can be longer than the file that holds them.
	if (count == 0 || count > SYMBOLS_MAX || count * sizeof(Elf64_Sym) > module->file_length ||
	    strings_size == 0 || strings_size > module->file_length || strings_size > STRINGS_SIZE_MAX)
		return;
	table->symbols = xcalloc(count, sizeof(*table->symbols));
	table->strings = xcalloc(strings_size + 1, 1);
	if (!module_get(module, symbols, table->symbols, count * sizeof(Elf64_Sym)) ||
	    !module_get(module, strings, table->strings, strings_size))
		return;
	table->count = count;
	table->strings_size = strings_size;
	table_index(table);
}

static void full_load(struct modules *modules, struct module *module)
{
	struct symbol_table *table = &module->symbols->full;
	GElf_Shdr header;

	if (table->loaded)
		return;
	table->loaded = true;
	Elf *elf = module_debug_file(modules, module);
	Elf_Scn *section = section_named(elf, ".symtab", &header);
	if (!section && elf != module->elf) {
		elf = module->elf;
		section = section_named(elf, ".symtab", &header);
	}
	if (!section || header.sh_type != SHT_SYMTAB || header.sh_entsize != sizeof(Elf64_Sym))
		return;
	const Elf_Data *symbols = section_bytes(section);
	const Elf_Data *strings = section_bytes(elf_getscn(elf, header.sh_link));
	if (!symbols || !strings || symbols->d_size / sizeof(Elf64_Sym) > SYMBOLS_MAX)
		return;
	table->count = symbols->d_size / sizeof(Elf64_Sym);
	table->symbols = xmemdup(symbols->d_buf, table->count * sizeof(Elf64_Sym));
	table->strings_size = strings->d_size;
	table->strings = xcalloc(strings->d_size + 1, 1);
	memcpy(table->strings, strings->d_buf, strings->d_size);
	table_index(table);
}

static struct symbol table_symbol(const struct symbol_table *table, size_t index)
{
	const Elf64_Sym *symbol = &table->symbols[index];

	return (struct symbol){
		.name = table->strings + symbol->st_name,
		.value = symbol->st_value,
		.size = symbol->st_size,
		.type = ELF64_ST_TYPE(symbol->st_info),
		.binding = ELF64_ST_BIND(symbol->st_info),
	};
}

static bool symbol_is_exported(const Elf64_Sym *symbol)
{
	unsigned binding = ELF64_ST_BIND(symbol->st_info), visibility = ELF64_ST_VISIBILITY(symbol->st_other);

	return (binding == STB_GLOBAL || binding == STB_WEAK || binding == STB_GNU_UNIQUE) &&
	       (visibility == STV_DEFAULT || visibility == STV_PROTECTED);
}

/* The first symbol with this very name, else, if allowed, the first one that only has a suffix more. */
static bool table_find(const struct symbol_table *table, const char *name, bool exported, bool suffix, struct symbol *ret)
{
	size_t length = strlen(name), candidate = SIZE_MAX;

	if (table->count == 0)
		return false;
	uint32_t at = table->heads[name_hash(name, base_length(name)) & (table->n_heads - 1)];
	for (; at != 0; at = table->next[at - 1]) {
		const char *found = table_name(table, at - 1);

		if (strncmp(found, name, length) != 0 || (exported && !symbol_is_exported(&table->symbols[at - 1])))
			continue;
		if (found[length] == '\0') {
			*ret = table_symbol(table, at - 1);
			return true;
		}
		if (suffix && candidate == SIZE_MAX && (found[length] == '.' || found[length] == '@'))
			candidate = at - 1;
	}
	if (candidate == SIZE_MAX)
		return false;
	*ret = table_symbol(table, candidate);
	return true;
}

bool symbol_exported(const struct module *module, const char *name, struct symbol *ret)
{
	exported_load(module);
	return table_find(&module->symbols->exported, name, true, false, ret);
}

bool symbol_named(struct modules *modules, struct module *module, const char *name, struct symbol *ret)
{
	if (symbol_exported(module, name, ret))
		return true;
	full_load(modules, module);
	return table_find(&module->symbols->full, name, false, true, ret);
}

void symbols_exported(const struct module *module, const char *prefix, bool (*visit)(const struct symbol *symbol, void *context), void *context)
{
	const struct symbol_table *table = &module->symbols->exported;
	size_t length = strlen(prefix);

	exported_load(module);
	for (size_t i = 0; i < table->count; i++) {
		const char *name = table_name(table, i);

		if (!name || strncmp(name, prefix, length) != 0 || !symbol_is_exported(&table->symbols[i]))
			continue;
		struct symbol symbol = table_symbol(table, i);
		if (!visit(&symbol, context))
			return;
	}
}

void symbols_prefixed(struct modules *modules, struct module *module, const char *prefix, bool (*visit)(const struct symbol *symbol, void *context),
		      void *context)
{
	size_t length = strlen(prefix);

	exported_load(module);
	full_load(modules, module);
	const struct symbol_table *const tables[] = {&module->symbols->exported, &module->symbols->full};
	for (size_t t = 0; t < 2; t++) {
		for (size_t i = 0; i < tables[t]->count; i++) {
			const char *name = table_name(tables[t], i);

			if (!name || strncmp(name, prefix, length) != 0)
				continue;
			struct symbol symbol = table_symbol(tables[t], i);
			if (!visit(&symbol, context))
				return;
		}
	}
}

/* Whether one name of an address is the better one for people: global before weak before local, then fewer leading
   underscores, then shorter. */
static bool symbol_is_nicer(const struct symbol *a, const struct symbol *b)
{
	unsigned rank_a = a->binding == STB_LOCAL ? 2 : a->binding == STB_WEAK;
	unsigned rank_b = b->binding == STB_LOCAL ? 2 : b->binding == STB_WEAK;
	size_t underscores_a = strspn(a->name, "_"), underscores_b = strspn(b->name, "_");

	if (rank_a != rank_b)
		return rank_a < rank_b;
	if (underscores_a != underscores_b)
		return underscores_a < underscores_b;
	return strlen(a->name) < strlen(b->name);
}

static int symbol_compare(const void *a, const void *b, void *context)
{
	const struct symbol_table *table = context;
	uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
	uint64_t left = table->symbols[i].st_value, right = table->symbols[j].st_value;

	if (left != right)
		return left < right ? -1 : 1;
	return i < j ? -1 : i > j;
}

static bool symbol_has_place(const Elf64_Sym *symbol)
{
	unsigned type = ELF64_ST_TYPE(symbol->st_info);

	// The names of versions are symbols too, at no place and without a size.
	return symbol->st_shndx != SHN_ABS && (type == STT_FUNC || type == STT_OBJECT || type == STT_GNU_IFUNC);
}

static bool symbol_is_thread_local(const Elf64_Sym *symbol)
{
	return ELF64_ST_TYPE(symbol->st_info) == STT_TLS;
}

static void table_sort(struct symbol_table *table, struct symbol_order *order, bool is_wanted(const Elf64_Sym *symbol))
{
	if (order->is_sorted)
		return;
	order->is_sorted = true;
	order->sorted = xcalloc(table->count + 1, sizeof(*order->sorted));
	order->furthest = xcalloc(table->count + 1, sizeof(*order->furthest));
	for (size_t i = 0; i < table->count; i++) {
		if (table_name(table, i) && is_wanted(&table->symbols[i]))
			order->sorted[order->n++] = (uint32_t)i;
	}
	qsort_r(order->sorted, order->n, sizeof(*order->sorted), symbol_compare, table);

	uint64_t furthest = 0;
	for (size_t i = 0; i < order->n; i++) {
		Elf64_Sym *symbol = &table->symbols[order->sorted[i]];
		uint64_t end;

		// Hand-written assembly often gives no size: it reaches to the next symbol.
		if (symbol->st_size == 0 && i + 1 < order->n)
			symbol->st_size = table->symbols[order->sorted[i + 1]].st_value - symbol->st_value;
		if (__builtin_add_overflow(symbol->st_value, symbol->st_size, &end))
			end = symbol->st_value;
		furthest = end > furthest ? end : furthest;
		order->furthest[i] = furthest;
	}
}

static bool table_at(struct symbol_table *table, bool is_thread_local, vaddr address, struct symbol *ret)
{
	struct symbol_order *order = is_thread_local ? &table->thread_locals : &table->places;

	table_sort(table, order, is_thread_local ? symbol_is_thread_local : symbol_has_place);

	size_t low = 0, high = order->n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (table->symbols[order->sorted[middle]].st_value <= address)
			low = middle + 1;
		else
			high = middle;
	}

	bool found = false;
	for (size_t i = low, steps = 0; i-- > 0 && steps < NESTING_MAX && order->furthest[i] > address; steps++) {
		struct symbol symbol = table_symbol(table, order->sorted[i]);

		if (found && symbol.value != ret->value)
			break;
		if (address - symbol.value >= symbol.size)
			continue;
		if (!found || symbol_is_nicer(&symbol, ret))
			*ret = symbol;
		found = true;
	}
	return found;
}

bool symbol_at(struct modules *modules, struct module *module, vaddr file_address, struct symbol *ret)
{
	full_load(modules, module);
	exported_load(module);
	return table_at(&module->symbols->full, false, file_address, ret) ||
	       table_at(&module->symbols->exported, false, file_address, ret);
}

bool symbol_thread_local(struct modules *modules, struct module *module, uint64_t offset, struct symbol *ret)
{
	full_load(modules, module);
	exported_load(module);
	return table_at(&module->symbols->full, true, offset, ret) || table_at(&module->symbols->exported, true, offset, ret);
}
