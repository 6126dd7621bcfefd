/* SPDX-License-Identifier: MIT */
/*
 * Which addresses are types, and the few things that must be read through objects to say what they are called: str and dict.
 *
 * A type is told by its own type, whose chain of bases ends in `type`, and by members that make sense; what was found out of an address is kept. A few
 * hundred types answer for millions of objects.
 */
#include <string.h>

#include "base/alloc.h"
#include "cpython/walk.h"

enum {
	BASES_MAX = 64,
	NAME_MAX_BYTES = 512,
	BASICSIZE_MAX = 1 << 20,
	ITEMSIZE_MAX = 1 << 16,
	TYPES_MAX = 1 << 20,
	SLOTS_MAX = 1 << 23,
	NOT_A_TYPE = UINT32_MAX - 1,
	STR_LENGTH = 16,
	STR_STATE = 32,
};

/* ---- str ---- */

static size_t utf8_put(char *to, uint32_t point)
{
	if (point < 0x80) {
		to[0] = (char)point;
		return 1;
	}
	if (point < 0x800) {
		to[0] = (char)(0xc0 | point >> 6);
		to[1] = (char)(0x80 | (point & 0x3f));
		return 2;
	}
	if (point < 0x10000) {
		to[0] = (char)(0xe0 | point >> 12);
		to[1] = (char)(0x80 | (point >> 6 & 0x3f));
		to[2] = (char)(0x80 | (point & 0x3f));
		return 3;
	}
	to[0] = (char)(0xf0 | (point >> 18 & 7));
	to[1] = (char)(0x80 | (point >> 12 & 0x3f));
	to[2] = (char)(0x80 | (point >> 6 & 0x3f));
	to[3] = (char)(0x80 | (point & 0x3f));
	return 4;
}

char *str_text(struct py_walk *walk, vaddr object, size_t maximum)
{
	uint32_t type = py_types_at(walk, py_at(walk, object + OBJECT_TYPE)), state = py_u32(walk, object + STR_STATE), width = state >> 2 & 7;
	uint64_t length;
	vaddr data;

	if (type == UINT32_MAX || walk->types.v[type].kind != KIND_STR || !py_word(walk, object + STR_LENGTH, &length))
		return NULL;
	if (width != 1 && width != 2 && width != 4)
		return NULL;
	if (state >> 5 & 1)
		data = object + (state >> 6 & 1 ? walk->layout.str_ascii : walk->layout.str_compact);
	else
		data = py_at(walk, object + walk->layout.str_compact);
	if (length > maximum)
		length = maximum;

	_cleanup_free_ uint8_t *bytes = xmalloc(length * width + 1);
	char *text;
	size_t n = 0;

	if (!image_get(&walk->target->image, data, bytes, length * width))
		return NULL;
	text = xmalloc(length * 4 + 1);
	for (size_t i = 0; i < length; i++) {
		uint32_t point = 0;

		memcpy(&point, bytes + i * width, width);
		n += utf8_put(text + n, point);
	}
	text[n] = '\0';
	return text;
}

bool str_is_ascii(struct py_walk *walk, vaddr object)
{
	return (py_u32(walk, object + STR_STATE) >> 5 & 3) == 3;
}

/* Whether a str object is this ASCII text. */
static bool str_is(struct py_walk *walk, vaddr object, const char *text)
{
	size_t length = strlen(text);
	char bytes[64];

	return py_at(walk, object + STR_LENGTH) == length && length <= sizeof(bytes) && str_is_ascii(walk, object) &&
	       image_get(&walk->target->image, object + walk->layout.str_ascii, bytes, length) && !memcmp(bytes, text, length);
}

/* ---- dict ---- */

bool dict_keys_read(struct py_walk *walk, vaddr keys, struct dict_keys *ret)
{
	struct dict_keys head = { .entry_size = 24 };
	uint64_t size, word;

	if (!keys || keys % 8 || !py_word(walk, keys, &head.references) || !py_word(walk, keys + 8, &word) ||
	    !py_word(walk, keys + walk->layout.keys_n_entries, &head.n_entries))
		return false;
	if (walk->layout.keys_log2) {
		uint8_t log2 = (uint8_t)word, index_log2 = (uint8_t)(word >> 8), kind = (uint8_t)(word >> 16);

		if (log2 > 40 || index_log2 > 43 || kind > 2)
			return false;
		size = UINT64_C(1) << log2;
		head.entries = keys + walk->layout.keys_entries + (UINT64_C(1) << index_log2);
		head.is_unicode = kind != 0;
		head.is_split = kind == 2;
		if (kind)
			head.entry_size = 16;
	} else {
		size = word;
		if (!size || size & (size - 1) || size > UINT64_C(1) << 40)
			return false;
		head.entries = keys + walk->layout.keys_entries +
			       size * (size <= 0xff ? 1 : size <= 0xffff ? 2 : size <= UINT32_MAX ? 4 : 8);
	}
	head.usable = (size << 1) / 3;
	if (head.n_entries > head.usable)
		return false;
	head.size = head.entries - keys + head.usable * head.entry_size;
	*ret = head;
	return true;
}

void dict_walk(struct py_walk *walk, vaddr dict, dict_take *take, void *context)
{
	vaddr keys = py_at(walk, dict + DICT_KEYS), values = py_at(walk, dict + DICT_VALUES);
	struct dict_keys head;

	if (!dict_keys_read(walk, keys, &head))
		return;
	for (uint64_t i = 0; i < head.n_entries; i++) {
		vaddr entry = head.entries + i * head.entry_size + (head.is_unicode ? 0 : 8);
		uint64_t key, value;

		if (!py_word(walk, entry, &key))
			return;
		if (!py_word(walk, values ? values + walk->layout.values_header + i * 8 : entry + 8, &value))
			return;
		if (key && value && !take(context, key, value))
			return;
	}
}

struct get {
	struct py_walk *walk;
	const char *key;
	vaddr value;
};

static bool get_take(void *context, vaddr key, vaddr value)
{
	struct get *get = context;

	if (!str_is(get->walk, key, get->key))
		return true;
	get->value = value;
	return false;
}

vaddr dict_get(struct py_walk *walk, vaddr dict, const char *key)
{
	struct get get = { walk, key, 0 };

	dict_walk(walk, dict, get_take, &get);
	return get.value;
}

/* ---- types ---- */

void py_types_init(struct py_walk *walk)
{
	walk->n_slots = 4096;
	walk->slots = xcalloc(walk->n_slots, sizeof(*walk->slots));
	walk->n_used = 0;
}

void py_types_deinit(struct py_walk *walk)
{
	array_deinit(&walk->types);
	free(walk->slots);
	walk->slots = NULL;
}

static size_t slot_of(const struct py_walk *walk, vaddr address)
{
	size_t slot = (address >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 20 & (walk->n_slots - 1);

	while (walk->slots[slot].address && walk->slots[slot].address != address)
		slot = (slot + 1) & (walk->n_slots - 1);
	return slot;
}

static void slots_grow(struct py_walk *walk)
{
	size_t n = walk->n_slots;
	__typeof__(walk->slots) old = walk->slots;

	walk->n_slots = n * 2;
	walk->slots = xcalloc(walk->n_slots, sizeof(*walk->slots));
	for (size_t i = 0; i < n; i++)
		if (old[i].address)
			walk->slots[slot_of(walk, old[i].address)] = old[i];
	free(old);
}

static void remember(struct py_walk *walk, vaddr address, uint32_t type)
{
	// Damage may hold any number of addresses that are none.
	if (walk->n_used >= SLOTS_MAX)
		return;
	if (walk->n_used * 2 >= walk->n_slots)
		slots_grow(walk);

	size_t slot = slot_of(walk, address);

	walk->n_used += !walk->slots[slot].address;
	walk->slots[slot].address = address;
	walk->slots[slot].type = type;
}

/* Whether the chain of bases of a type ends in `type`. */
static bool is_metatype(struct py_walk *walk, vaddr address)
{
	for (size_t i = 0; i < BASES_MAX && address; i++) {
		if (address == walk->type_type)
			return true;
		address = py_at(walk, address + TYPE_BASE);
	}
	return false;
}

static bool is_type(struct py_walk *walk, vaddr address)
{
	uint64_t meta, basicsize, itemsize, flags;

	if (address % 8 || !py_word(walk, address + OBJECT_TYPE, &meta) || !is_metatype(walk, meta) ||
	    !py_word(walk, address + TYPE_FLAGS, &flags) || !(flags & TYPE_FLAG_READY) || !py_word(walk, address + TYPE_BASICSIZE, &basicsize) ||
	    !py_word(walk, address + TYPE_ITEMSIZE, &itemsize))
		return false;
	return basicsize >= OBJECT_HEADER && basicsize < BASICSIZE_MAX && itemsize < ITEMSIZE_MAX;
}

static bool is_prefixed(const char *text)
{
	for (size_t i = 0; text[i]; i++)
		if ((unsigned char)text[i] < ' ' && text[i] != '\t')
			return false;
	return *text;
}

/* «module.qualname», as Python itself would say it. */
static char *type_name(struct py_walk *walk, vaddr address, uint64_t flags)
{
	if (flags & TYPE_FLAG_HEAP) {
		_cleanup_free_ char *qualname = str_text(walk, py_at(walk, address + walk->layout.class_qualname), NAME_MAX_BYTES);
		vaddr dict = py_at(walk, address + TYPE_DICT);
		_cleanup_free_ char *module = dict ? str_text(walk, dict_get(walk, dict, "__module__"), NAME_MAX_BYTES) : NULL;

		if (qualname && module && strcmp(module, "builtins"))
			return xasprintf("%s.%s", module, qualname);
		if (qualname && module)
			return take_pointer(qualname);
	}

	char *name = image_get_string(&walk->target->image, py_at(walk, address + TYPE_NAME), NAME_MAX_BYTES);

	if (name && is_prefixed(name)) {
		if (!strncmp(name, "builtins.", 9))
			memmove(name, name + 9, strlen(name + 9) + 1);
		return name;
	}
	free(name);
	return NULL;
}

static const struct {
	const char *name;
	enum py_kind kind;
} kinds[] = {
	{ "float", KIND_FLOAT },
	{ "bytearray", KIND_BYTEARRAY },
	{ "set", KIND_SET },
	{ "frozenset", KIND_SET },
	{ "collections.OrderedDict", KIND_ORDERED_DICT },
	{ "collections.deque", KIND_DEQUE },
	{ "function", KIND_FUNCTION },
	{ "module", KIND_MODULE },
	{ "code", KIND_CODE },
	{ "frame", KIND_FRAME },
	{ "generator", KIND_GENERATOR },
	{ "coroutine", KIND_GENERATOR },
	{ "async_generator", KIND_GENERATOR },
	{ "weakref", KIND_WEAKREF },
	{ "weakproxy", KIND_WEAKREF },
	{ "weakcallableproxy", KIND_WEAKREF },
	{ "weakref.ReferenceType", KIND_WEAKREF },
	{ "weakref.ProxyType", KIND_WEAKREF },
	{ "weakref.CallableProxyType", KIND_WEAKREF },
	{ "cell", KIND_CELL },
	{ "method", KIND_METHOD },
	{ "traceback", KIND_TRACEBACK },
};

static enum py_kind kind_named(const char *name)
{
	for (size_t i = 0; name && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(name, kinds[i].name))
			return kinds[i].kind;
	return KIND_OTHER;
}

/* What the nearest base says that the interpreter handles in a way of its own. */
static enum py_kind kind_of(struct py_walk *walk, vaddr address, uint64_t flags)
{
	static const struct {
		uint64_t flag;
		enum py_kind kind;
	} flagged[] = {
		{ TYPE_FLAG_LONG, KIND_INT },	{ TYPE_FLAG_LIST, KIND_LIST }, { TYPE_FLAG_TUPLE, KIND_TUPLE }, { TYPE_FLAG_BYTES, KIND_BYTES },
		{ TYPE_FLAG_STR, KIND_STR },	{ TYPE_FLAG_TYPE, KIND_TYPE },
	};

	for (size_t i = 0; i < sizeof(flagged) / sizeof(flagged[0]); i++)
		if (flags & flagged[i].flag)
			return flagged[i].kind;
	for (size_t i = 0; i < BASES_MAX && address; i++, address = py_at(walk, address + TYPE_BASE)) {
		_cleanup_free_ char *name = image_get_string(&walk->target->image, py_at(walk, address + TYPE_NAME), NAME_MAX_BYTES);
		enum py_kind kind = kind_named(name);

		// A class of the program may be called «deque», too; the interpreter's own have their module in the name, or none at all and no heap flag.
		if (kind != KIND_OTHER && (strchr(name, '.') || !(py_at(walk, address + TYPE_FLAGS) & TYPE_FLAG_HEAP)))
			return kind;
	}
	return flags & TYPE_FLAG_DICT ? KIND_DICT : KIND_OTHER;
}

/* Whether a type has another one, known by its name, among its bases. */
static bool has_base(struct py_walk *walk, vaddr address, const char *wanted)
{
	for (size_t i = 0; i < BASES_MAX && address; i++, address = py_at(walk, address + TYPE_BASE)) {
		_cleanup_free_ char *name = image_get_string(&walk->target->image, py_at(walk, address + TYPE_NAME), NAME_MAX_BYTES);

		if (name && !strcmp(name, wanted))
			return true;
	}
	return false;
}

static uint32_t type_add(struct py_walk *walk, vaddr address)
{
	const struct py_layout *layout = &walk->layout;
	uint64_t flags = py_at(walk, address + TYPE_FLAGS);
	struct py_type type = {
		.address = address,
		.base = py_at(walk, address + TYPE_BASE),
		.class = (uint32_t)walk->python->classes.n,
		.basicsize = (uint32_t)py_at(walk, address + TYPE_BASICSIZE),
		.itemsize = (uint32_t)py_at(walk, address + TYPE_ITEMSIZE),
		.flags = flags,
		.dictoffset = (int64_t)py_at(walk, address + TYPE_DICTOFFSET),
	};
	struct py_class class = { .address = address };
	uint32_t id = (uint32_t)walk->types.n;

	type.lead = flags & TYPE_FLAG_GC ? GC_HEAD : 0;
	if (type.lead && flags & (layout->flag_managed_dict | layout->flag_managed_weakref))
		type.lead = GC_HEAD + 16;
	if (flags & TYPE_FLAG_HEAP)
		type.cached_keys = py_at(walk, address + layout->class_cached_keys);
	array_append(&walk->types, type);
	array_append(&walk->python->classes, class);
	remember(walk, address, id);
	// Its name is a str, whose type is looked up as any other; so this one must be there first.
	walk->types.v[id].kind = kind_of(walk, address, flags);
	walk->types.v[id].is_thread_local = has_base(walk, address, "_thread._local");
	walk->types.v[id].is_lru_cache = has_base(walk, address, "functools._lru_cache_wrapper");
	walk->python->classes.v[type.class].name = type_name(walk, address, flags);
	if (!walk->python->classes.v[type.class].name)
		walk->python->classes.v[type.class].name = xasprintf("type at 0x%" PRIxVADDR, address);
	return id;
}

uint32_t py_types_at(struct py_walk *walk, vaddr address)
{
	size_t slot;
	chunk_id chunk;

	if (address < 4096 || address >= CHUNK_MEM_END)
		return UINT32_MAX;
	slot = slot_of(walk, address);
	if (walk->slots[slot].address)
		return walk->slots[slot].type == NOT_A_TYPE ? UINT32_MAX : walk->slots[slot].type;
	// No type is so small that it could be a block; and these are what tables are full of.
	chunk = chunks_find(&walk->heap->chunks, address);
	if (chunk != CHUNK_NONE && walk->heap->chunks.kind[chunk] == CHUNK_PYMALLOC)
		return UINT32_MAX;
	if (walk->types.n >= TYPES_MAX || !is_type(walk, address)) {
		remember(walk, address, NOT_A_TYPE);
		return UINT32_MAX;
	}
	return type_add(walk, address);
}

const struct py_type *py_types_of_class(const struct py_walk *walk, uint32_t class)
{
	size_t low = 0, high = walk->types.n;

	// Both are in the order in which they were met; where there is one runtime, they have the same numbers.
	if (class < walk->types.n && walk->types.v[class].class == class)
		return &walk->types.v[class];
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (walk->types.v[middle].class < class)
			low = middle + 1;
		else
			high = middle;
	}
	return low < walk->types.n && walk->types.v[low].class == class ? &walk->types.v[low] : NULL;
}
