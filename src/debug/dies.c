/* SPDX-License-Identifier: MIT */
#include "debug/dies.h"

#include <dwarf.h>

enum {
	/** Abbreviations of one unit, and their attributes. */
	ABBREVS_MAX = 1 << 18,
	ATTRIBUTES_MAX = 1 << 20,
	/** A code may leave so many unused below it. */
	CODE_GAP = 1024,
	SIZE_VARIES = UINT32_MAX,
	/** How often all of .debug_abbrev may be read; units that share their abbreviations, but are not neighbours, read them again. */
	ABBREV_ROUNDS = 16,
	ABBREV_BUDGET = 16 << 20,
};

void die_reader_init(struct die_reader *reader, const struct dwarf_sections *sections)
{
	*reader = (struct die_reader){ .sections = sections,
				       .abbrevs.offset = UINT64_MAX,
				       .budget = sections->abbrev.size * ABBREV_ROUNDS + ABBREV_BUDGET,
				       .at_end = true };
}

void die_reader_deinit(struct die_reader *reader)
{
	array_deinit(&reader->abbrevs.v);
	array_deinit(&reader->abbrevs.attributes);
}

/* ---- forms ---- */

/* The size of a form; SIZE_VARIES when the DIE says, or the form is unknown. */
static uint32_t form_size(const struct die_unit *unit, unsigned form)
{
	switch (form) {
	case DW_FORM_flag_present:
	case DW_FORM_implicit_const:
		return 0;
	case DW_FORM_data1:
	case DW_FORM_ref1:
	case DW_FORM_flag:
	case DW_FORM_strx1:
	case DW_FORM_addrx1:
		return 1;
	case DW_FORM_data2:
	case DW_FORM_ref2:
	case DW_FORM_strx2:
	case DW_FORM_addrx2:
		return 2;
	case DW_FORM_strx3:
	case DW_FORM_addrx3:
		return 3;
	case DW_FORM_data4:
	case DW_FORM_ref4:
	case DW_FORM_ref_sup4:
	case DW_FORM_strx4:
	case DW_FORM_addrx4:
		return 4;
	case DW_FORM_data8:
	case DW_FORM_ref8:
	case DW_FORM_ref_sig8:
	case DW_FORM_ref_sup8:
		return 8;
	case DW_FORM_data16:
		return 16;
	case DW_FORM_addr:
		return unit->address_size;
	case DW_FORM_strp:
	case DW_FORM_line_strp:
	case DW_FORM_strp_sup:
	case DW_FORM_sec_offset:
	case DW_FORM_GNU_ref_alt:
	case DW_FORM_GNU_strp_alt:
		return unit->offset_size;
	case DW_FORM_ref_addr:
		return unit->version < 3 ? unit->address_size : unit->offset_size;
	default:
		return SIZE_VARIES;
	}
}

/* Steps over a form whose size the DIE says. */
static void form_skip(struct cursor *at, const struct die_unit *unit, uint64_t form)
{
	// An indirect form may be indirect again, but then it has used a byte up.
	while (form == DW_FORM_indirect && !at->failed)
		form = cursor_uleb(at);

	uint32_t size = form <= UINT16_MAX ? form_size(unit, (unsigned)form) : SIZE_VARIES;

	if (size != SIZE_VARIES) {
		cursor_skip(at, size);
		return;
	}
	switch (form) {
	case DW_FORM_block1:
		cursor_skip(at, cursor_number(at, 1));
		break;
	case DW_FORM_block2:
		cursor_skip(at, cursor_number(at, 2));
		break;
	case DW_FORM_block4:
		cursor_skip(at, cursor_number(at, 4));
		break;
	case DW_FORM_block:
	case DW_FORM_exprloc:
		cursor_skip(at, cursor_uleb(at));
		break;
	case DW_FORM_string:
		cursor_string(at);
		break;
	case DW_FORM_sdata:
	case DW_FORM_udata:
	case DW_FORM_ref_udata:
	case DW_FORM_strx:
	case DW_FORM_addrx:
	case DW_FORM_loclistx:
	case DW_FORM_rnglistx:
	case DW_FORM_GNU_addr_index:
	case DW_FORM_GNU_str_index:
		cursor_uleb(at);
		break;
	default:
		cursor_fail(at);
	}
}

/* ---- abbreviations ---- */

static bool attribute_is_of_interest(uint64_t name)
{
	switch (name) {
	case DW_AT_sibling:
	case DW_AT_location:
	case DW_AT_low_pc:
	case DW_AT_high_pc:
	case DW_AT_ranges:
	case DW_AT_specification:
	case DW_AT_abstract_origin:
	case DW_AT_addr_base:
	case DW_AT_GNU_addr_base:
	case DW_AT_str_offsets_base:
	case DW_AT_loclists_base:
		return true;
	default:
		return false;
	}
}

/* Reads the attributes of one abbreviation. */
static struct abbrev abbrev_read(struct abbrevs *abbrevs, const struct die_unit *unit, struct cursor *at)
{
	struct abbrev abbrev = { .is_known = true, .is_plain = true };
	uint64_t tag = cursor_uleb(at), size = 0;

	abbrev.tag = tag <= UINT16_MAX ? (uint16_t)tag : 0;
	abbrev.has_children = cursor_number(at, 1) == DW_CHILDREN_yes;
	abbrev.first = (uint32_t)abbrevs->attributes.n;
	while (!at->failed && abbrevs->attributes.n < ATTRIBUTES_MAX) {
		uint64_t name = cursor_uleb(at), form = cursor_uleb(at);

		if (name == 0 && form == 0) {
			abbrev.count = (uint32_t)abbrevs->attributes.n - abbrev.first;
			abbrev.size = size < SIZE_VARIES ? (uint32_t)size : SIZE_VARIES;
			return abbrev;
		}
		int64_t constant = form == DW_FORM_implicit_const ? cursor_sleb(at) : 0;

		if (form > UINT16_MAX)
			break;

		uint32_t one = form_size(unit, (unsigned)form);

		size = one == SIZE_VARIES || size >= SIZE_VARIES ? SIZE_VARIES : size + one;
		if (attribute_is_of_interest(name))
			abbrev.is_plain = false;
		array_append(&abbrevs->attributes,
			     (struct abbrev_attribute){ name <= UINT16_MAX ? (uint16_t)name : 0, (uint16_t)form, constant });
	}
	return (struct abbrev){ .is_known = false };
}

/* Has the abbreviations of the unit at hand. */
static bool abbrevs_read(struct die_reader *reader)
{
	struct abbrevs *abbrevs = &reader->abbrevs;
	const struct die_unit *unit = &reader->unit;
	const struct dwarf_bytes *bytes = &reader->sections->abbrev;
	struct cursor at = cursor_of(bytes->bytes, bytes->size, unit->abbrev_offset);

	if (abbrevs->offset == unit->abbrev_offset && abbrevs->version == unit->version && abbrevs->address_size == unit->address_size &&
	    abbrevs->offset_size == unit->offset_size)
		return true;
	abbrevs->offset = UINT64_MAX;
	abbrevs->v.n = abbrevs->attributes.n = 0;
	if (at.failed)
		return false;

	const uint8_t *start = at.at;
	uint64_t code;

	while ((code = cursor_uleb(&at)) != 0 && (uint64_t)(at.at - start) < reader->budget) {
		struct abbrev abbrev = abbrev_read(abbrevs, unit, &at);

		if (!abbrev.is_known || code >= ABBREVS_MAX || code > abbrevs->v.n * 4 + CODE_GAP)
			return false;
		while (abbrevs->v.n <= code)
			array_append(&abbrevs->v, (struct abbrev){ .is_known = false });
		abbrevs->v.v[code] = abbrev;
	}
	reader->budget -= (uint64_t)(at.at - start) < reader->budget ? (uint64_t)(at.at - start) : reader->budget;
	if (at.failed || code != 0)
		return false;
	abbrevs->offset = unit->abbrev_offset;
	abbrevs->version = unit->version;
	abbrevs->address_size = unit->address_size;
	abbrevs->offset_size = unit->offset_size;
	return true;
}

/* ---- units ---- */

bool die_reader_unit(struct die_reader *reader, uint64_t offset)
{
	const struct dwarf_bytes *bytes = &reader->sections->info;
	struct cursor at = cursor_of(bytes->bytes, bytes->size, offset);
	struct die_unit unit = { .offset = offset, .offset_size = 4, .type = DW_UT_compile };
	uint64_t length = cursor_number(&at, 4);

	reader->at_end = true;
	reader->unit = unit;
	if (length == UINT32_MAX) {
		length = cursor_number(&at, 8);
		unit.offset_size = 8;
	}
	if (at.failed || length > cursor_left(&at) || length == 0)
		return false;
	at.end = at.at + length;
	unit.end = (uint64_t)(at.end - bytes->bytes);
	reader->unit.end = unit.end;
	unit.version = (uint8_t)cursor_number(&at, 2);
	if (unit.version >= 5) {
		unit.type = (uint8_t)cursor_number(&at, 1);
		unit.address_size = (uint8_t)cursor_number(&at, 1);
		unit.abbrev_offset = cursor_number(&at, unit.offset_size);
		if (unit.type == DW_UT_skeleton || unit.type == DW_UT_split_compile)
			cursor_skip(&at, 8);
		else if (unit.type == DW_UT_type || unit.type == DW_UT_split_type)
			cursor_skip(&at, 8 + unit.offset_size);
		// Behind the headers of these sections.
		unit.addr_base = unit.str_offsets_base = 2 * (uint64_t)unit.offset_size;
		unit.loclists_base = (uint64_t)unit.offset_size * 2 + 4;
	} else {
		unit.abbrev_offset = cursor_number(&at, unit.offset_size);
		unit.address_size = (uint8_t)cursor_number(&at, 1);
	}
	if (at.failed || unit.version < 2 || unit.version > 5 || (unit.address_size != 4 && unit.address_size != 8))
		return false;
	unit.first = (uint64_t)(at.at - bytes->bytes);
	reader->unit = unit;
	if (!abbrevs_read(reader))
		return false;
	reader->at = at;
	reader->depth = 0;
	reader->at_end = false;
	return true;
}

bool die_reader_address(const struct die_reader *reader, uint64_t index, vaddr *ret)
{
	const struct dwarf_bytes *bytes = &reader->sections->addr;
	const struct die_unit *unit = &reader->unit;
	uint64_t offset;

	if (__builtin_mul_overflow(index, unit->address_size, &offset) || __builtin_add_overflow(offset, unit->addr_base, &offset))
		return false;

	struct cursor at = cursor_of(bytes->bytes, bytes->size, offset);
	uint64_t value = cursor_number(&at, unit->address_size);

	if (at.failed)
		return false;
	*ret = value;
	return true;
}

/* ---- DIEs ---- */

/* Reads an address in any of its forms. */
static bool address_read(const struct die_reader *reader, struct cursor *at, unsigned form, vaddr *ret)
{
	uint64_t index;

	switch (form) {
	case DW_FORM_addr:
		*ret = cursor_number(at, reader->unit.address_size);
		return !at->failed;
	case DW_FORM_addrx1:
	case DW_FORM_addrx2:
	case DW_FORM_addrx3:
	case DW_FORM_addrx4:
		index = cursor_number(at, form_size(&reader->unit, form));
		break;
	case DW_FORM_addrx:
	case DW_FORM_GNU_addr_index:
		index = cursor_uleb(at);
		break;
	default:
		form_skip(at, &reader->unit, form);
		return false;
	}
	return !at->failed && die_reader_address(reader, index, ret);
}

/* Reads DW_AT_high_pc: an address, or how far it is from DW_AT_low_pc. */
static bool high_read(const struct die_reader *reader, struct cursor *at, unsigned form, vaddr *ret, bool *is_offset_ret)
{
	*is_offset_ret = true;
	switch (form) {
	case DW_FORM_data1:
	case DW_FORM_data2:
	case DW_FORM_data4:
	case DW_FORM_data8:
		*ret = cursor_number(at, form_size(&reader->unit, form));
		return !at->failed;
	case DW_FORM_udata:
		*ret = cursor_uleb(at);
		return !at->failed;
	default:
		*is_offset_ret = false;
		return address_read(reader, at, form, ret);
	}
}

/* Takes an expression, which blocks were before DWARF 4. */
static void location_read(struct die *die, struct cursor *at, const struct die_unit *unit, unsigned form)
{
	uint64_t size;

	switch (form) {
	case DW_FORM_exprloc:
	case DW_FORM_block:
		size = cursor_uleb(at);
		break;
	case DW_FORM_block1:
		size = cursor_number(at, 1);
		break;
	case DW_FORM_block2:
		size = cursor_number(at, 2);
		break;
	case DW_FORM_block4:
		size = cursor_number(at, 4);
		break;
	default:
		form_skip(at, unit, form);
		return;
	}
	const uint8_t *start = at->at;

	cursor_skip(at, size);
	if (at->failed)
		return;
	die->location = start;
	die->location_size = (size_t)size;
}

/* Where a reference within the unit leads; 0 for none. */
static uint64_t sibling_read(const struct die_reader *reader, struct cursor *at, unsigned form)
{
	uint64_t offset;

	switch (form) {
	case DW_FORM_ref1:
	case DW_FORM_ref2:
	case DW_FORM_ref4:
	case DW_FORM_ref8:
		offset = cursor_number(at, form_size(&reader->unit, form));
		break;
	case DW_FORM_ref_udata:
		offset = cursor_uleb(at);
		break;
	default:
		form_skip(at, &reader->unit, form);
		return 0;
	}
	return at->failed || offset >= reader->unit.end - reader->unit.offset ? 0 : reader->unit.offset + offset;
}

/* Reads the attributes of a DIE. */
static void attributes_read(struct die_reader *reader, const struct abbrev *abbrev)
{
	struct cursor *at = &reader->at;
	struct die_unit *unit = &reader->unit;
	struct die *die = &reader->die;
	vaddr low = 0, high = 0;
	bool has_low = false, has_high = false, high_is_offset = false;

	for (uint32_t i = 0; i < abbrev->count && !at->failed; i++) {
		const struct abbrev_attribute *attribute = &reader->abbrevs.attributes.v[abbrev->first + i];

		switch (attribute->name) {
		case DW_AT_sibling:
			die->sibling = sibling_read(reader, at, attribute->form);
			break;
		case DW_AT_location:
			location_read(die, at, unit, attribute->form);
			break;
		case DW_AT_low_pc:
			has_low = address_read(reader, at, attribute->form, &low);
			break;
		case DW_AT_high_pc:
			has_high = high_read(reader, at, attribute->form, &high, &high_is_offset);
			break;
		case DW_AT_addr_base:
		case DW_AT_GNU_addr_base:
			if (attribute->form == DW_FORM_sec_offset && die->depth == 0)
				unit->addr_base = cursor_number(at, unit->offset_size);
			else
				form_skip(at, unit, attribute->form);
			break;
		case DW_AT_str_offsets_base:
		case DW_AT_loclists_base:
			if (attribute->form == DW_FORM_sec_offset && die->depth == 0)
				*(attribute->name == DW_AT_loclists_base ? &unit->loclists_base : &unit->str_offsets_base) =
					cursor_number(at, unit->offset_size);
			else
				form_skip(at, unit, attribute->form);
			break;
		default:
			die->has_ranges |= attribute->name == DW_AT_ranges;
			die->has_origin |= attribute->name == DW_AT_specification || attribute->name == DW_AT_abstract_origin;
			form_skip(at, unit, attribute->form);
		}
	}
	if (has_low && has_high && !(high_is_offset && __builtin_add_overflow(low, high, &high)) && low < high) {
		die->low = low;
		die->high = high;
	}
	if (die->offset == unit->first && has_low)
		unit->base_address = low;
}

/* Reads the attributes of the unit's own DIE, whose addresses may come before what says where they are. */
static void unit_attributes_read(struct die_reader *reader, const struct abbrev *abbrev)
{
	struct cursor start = reader->at;
	const struct die die = reader->die;

	attributes_read(reader, abbrev);
	reader->at = start;
	reader->die = die;
	attributes_read(reader, abbrev);
}

bool die_reader_next(struct die_reader *reader)
{
	const uint8_t *bytes = reader->sections->info.bytes;

	while (!reader->at_end && cursor_left(&reader->at)) {
		uint64_t offset = (uint64_t)(reader->at.at - bytes), code = cursor_uleb(&reader->at);

		if (code == 0 && !reader->at.failed) {
			// The end of some children; and of the unit with those of its own DIE.
			if (reader->depth <= 1)
				break;
			reader->depth--;
			continue;
		}
		if (reader->at.failed || code >= reader->abbrevs.v.n || !reader->abbrevs.v.v[code].is_known)
			break;

		const struct abbrev *abbrev = &reader->abbrevs.v.v[code];

		reader->attributes = reader->at;
		reader->abbrev = (uint32_t)code;
		reader->die = (struct die){ .offset = offset, .tag = abbrev->tag, .depth = reader->depth, .has_children = abbrev->has_children };
		if (abbrev->is_plain && abbrev->size != SIZE_VARIES)
			cursor_skip(&reader->at, abbrev->size);
		else if (offset == reader->unit.first)
			unit_attributes_read(reader, abbrev);
		else
			attributes_read(reader, abbrev);
		if (reader->at.failed)
			break;
		reader->depth += abbrev->has_children;
		// A DIE beside the unit's own is nonsense.
		reader->at_end = reader->depth == 0;
		return true;
	}
	reader->at_end = true;
	return false;
}

/* ---- values ---- */

/* A string that ends inside its section, as a value. */
static void string_value(struct die_value *value, const struct dwarf_bytes *section, uint64_t offset)
{
	struct cursor at = cursor_of(section->bytes, section->size, offset);
	const char *string = cursor_string(&at);

	if (at.failed)
		return;
	value->kind = DIE_STRING;
	value->string = string;
	value->size = (size_t)(at.at - (const uint8_t *)string) - 1;
}

/* A string by its index in .debug_str_offsets. */
static void indexed_string_value(const struct die_reader *reader, struct die_value *value, uint64_t index)
{
	const struct dwarf_bytes *bytes = &reader->sections->str_offsets;
	uint64_t offset;

	if (__builtin_mul_overflow(index, reader->unit.offset_size, &offset) ||
	    __builtin_add_overflow(offset, reader->unit.str_offsets_base, &offset))
		return;

	struct cursor at = cursor_of(bytes->bytes, bytes->size, offset);

	offset = cursor_number(&at, reader->unit.offset_size);
	if (!at.failed)
		string_value(value, &reader->sections->str, offset);
}

static void block_value(struct die_value *value, struct cursor *at, uint64_t size)
{
	value->kind = DIE_BLOCK;
	value->bytes = at->at;
	value->size = (size_t)size;
	cursor_skip(at, size);
}

/* A reference to a DIE of the same unit. */
static void reference_value(const struct die_reader *reader, struct die_value *value, uint64_t offset)
{
	if (offset >= reader->unit.end - reader->unit.offset)
		return;
	value->kind = DIE_REFERENCE;
	value->number = reader->unit.offset + offset;
}

static void value_read(const struct die_reader *reader, struct cursor *at, const struct abbrev_attribute *attribute, struct die_value *value)
{
	const struct die_unit *unit = &reader->unit;
	uint64_t form = attribute->form;

	*value = (struct die_value){ .name = attribute->name, .kind = DIE_OTHER };
	while (form == DW_FORM_indirect && !at->failed)
		form = cursor_uleb(at);
	switch (form) {
	case DW_FORM_flag_present:
		value->kind = DIE_NUMBER;
		value->number = 1;
		break;
	case DW_FORM_implicit_const:
		value->kind = DIE_NUMBER;
		value->number = (uint64_t)attribute->constant;
		break;
	case DW_FORM_data4:
	case DW_FORM_data8:
		// Before DWARF 4 these were offsets in sections, too; whoever asks for such takes both.
	case DW_FORM_data1:
	case DW_FORM_data2:
	case DW_FORM_flag:
		value->kind = DIE_NUMBER;
		value->number = cursor_number(at, form_size(unit, (unsigned)form));
		break;
	case DW_FORM_udata:
		value->kind = DIE_NUMBER;
		value->number = cursor_uleb(at);
		break;
	case DW_FORM_sdata:
		value->kind = DIE_NUMBER;
		value->number = (uint64_t)cursor_sleb(at);
		break;
	case DW_FORM_addr:
	case DW_FORM_addrx:
	case DW_FORM_addrx1:
	case DW_FORM_addrx2:
	case DW_FORM_addrx3:
	case DW_FORM_addrx4:
	case DW_FORM_GNU_addr_index:
		if (address_read(reader, at, (unsigned)form, &value->number))
			value->kind = DIE_ADDRESS;
		break;
	case DW_FORM_ref1:
	case DW_FORM_ref2:
	case DW_FORM_ref4:
	case DW_FORM_ref8:
		reference_value(reader, value, cursor_number(at, form_size(unit, (unsigned)form)));
		break;
	case DW_FORM_ref_udata:
		reference_value(reader, value, cursor_uleb(at));
		break;
	case DW_FORM_ref_addr:
		value->kind = DIE_REFERENCE;
		value->number = cursor_number(at, form_size(unit, (unsigned)form));
		break;
	case DW_FORM_string: {
		const char *string = cursor_string(at);

		value->kind = DIE_STRING;
		value->string = string;
		value->size = at->failed ? 0 : (size_t)(at->at - (const uint8_t *)string) - 1;
		break;
	}
	case DW_FORM_strp:
		string_value(value, &reader->sections->str, cursor_number(at, unit->offset_size));
		break;
	case DW_FORM_line_strp:
		string_value(value, &reader->sections->line_str, cursor_number(at, unit->offset_size));
		break;
	case DW_FORM_strx1:
	case DW_FORM_strx2:
	case DW_FORM_strx3:
	case DW_FORM_strx4:
		indexed_string_value(reader, value, cursor_number(at, form_size(unit, (unsigned)form)));
		break;
	case DW_FORM_strx:
		indexed_string_value(reader, value, cursor_uleb(at));
		break;
	case DW_FORM_exprloc:
	case DW_FORM_block:
		block_value(value, at, cursor_uleb(at));
		break;
	case DW_FORM_block1:
		block_value(value, at, cursor_number(at, 1));
		break;
	case DW_FORM_block2:
		block_value(value, at, cursor_number(at, 2));
		break;
	case DW_FORM_block4:
		block_value(value, at, cursor_number(at, 4));
		break;
	case DW_FORM_sec_offset:
		value->kind = DIE_SECTION;
		value->number = cursor_number(at, unit->offset_size);
		break;
	case DW_FORM_loclistx:
		value->kind = DIE_LIST;
		value->number = cursor_uleb(at);
		break;
	default:
		form_skip(at, unit, form);
	}
}

size_t die_reader_values(const struct die_reader *reader, struct die_value *values, size_t max)
{
	const struct abbrev *abbrev = reader->abbrev < reader->abbrevs.v.n ? &reader->abbrevs.v.v[reader->abbrev] : NULL;
	struct cursor at = reader->attributes;
	size_t n = 0;

	for (uint32_t i = 0; abbrev && i < abbrev->count && n < max; i++) {
		value_read(reader, &at, &reader->abbrevs.attributes.v[abbrev->first + i], &values[n]);
		if (at.failed)
			break;
		n++;
	}
	return n;
}

const struct die_value *die_value_find(const struct die_value *values, size_t n, unsigned name)
{
	for (size_t i = 0; i < n; i++) {
		if (values[i].name == name)
			return &values[i];
	}
	return NULL;
}

void die_reader_skip(struct die_reader *reader)
{
	const struct die die = reader->die;
	uint64_t at = (uint64_t)(reader->at.at - reader->sections->info.bytes);

	if (!die.has_children || reader->at_end)
		return;
	if (die.sibling >= at) {
		cursor_skip(&reader->at, die.sibling - at);
		reader->depth = die.depth;
		reader->at_end = die.depth == 0;
		return;
	}

	// Read on until the DIE behind them comes, and give that one back.
	struct cursor before = reader->at;
	unsigned depth = reader->depth;

	while (die_reader_next(reader)) {
		if (reader->die.depth <= die.depth)
			break;
		before = reader->at;
		depth = reader->depth;
	}
	if (!reader->at_end) {
		reader->at = before;
		reader->depth = depth;
	}
	reader->die = die;
}

bool die_reader_seek(struct die_reader *reader, uint64_t unit_offset, uint64_t die_offset)
{
	// The unit's own DIE says where its addresses are.
	if (!die_reader_unit(reader, unit_offset) || die_offset < reader->unit.first || die_offset >= reader->unit.end || !die_reader_next(reader))
		return false;
	reader->at.at = reader->sections->info.bytes + die_offset;
	reader->depth = 0;
	reader->at_end = false;
	return true;
}
