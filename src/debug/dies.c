/* SPDX-License-Identifier: MIT */
#include "debug/dies.h"

#include <dwarf.h>
#include <string.h>

#include "debug/die_facts.h"
#include "debug/forms.h"

enum {
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

void die_reader_with_facts(struct die_reader *reader, const struct dwarf_sections *shared)
{
	reader->with_facts = true;
	reader->shared = shared;
}

void die_reader_deinit(struct die_reader *reader)
{
	abbrevs_deinit(&reader->abbrevs);
}

/* ---- units ---- */

bool die_unit_read(const struct dwarf_sections *sections, uint64_t offset, struct die_unit *ret)
{
	const struct dwarf_bytes *bytes = &sections->info;
	struct cursor at = cursor_of(bytes->bytes, bytes->size, offset);
	struct die_unit unit = { .offset = offset, .offset_size = 4, .type = DW_UT_compile };
	uint64_t length = cursor_number(&at, 4);

	*ret = unit;
	if (length == UINT32_MAX) {
		length = cursor_number(&at, 8);
		unit.offset_size = 8;
	}
	if (at.failed || length > cursor_left(&at) || length == 0)
		return false;
	at.end = at.at + length;
	ret->end = unit.end = (uint64_t)(at.end - bytes->bytes);
	unit.version = (uint8_t)cursor_number(&at, 2);
	if (unit.version >= 5) {
		unit.type = (uint8_t)cursor_number(&at, 1);
		unit.address_size = (uint8_t)cursor_number(&at, 1);
		unit.abbrev_offset = cursor_number(&at, unit.offset_size);
		if (unit.type == DW_UT_skeleton || unit.type == DW_UT_split_compile)
			unit.signature = cursor_number(&at, 8);
		// Behind the headers of these sections.
		unit.addr_base = unit.str_offsets_base = 2 * (uint64_t)unit.offset_size;
		unit.loclists_base = (uint64_t)unit.offset_size * 2 + 4;
	} else {
		unit.abbrev_offset = cursor_number(&at, unit.offset_size);
		unit.address_size = (uint8_t)cursor_number(&at, 1);
		if (sections->types_from && offset >= sections->types_from)
			unit.type = DW_UT_type;
	}
	if (unit.type == DW_UT_type || unit.type == DW_UT_split_type) {
		unit.signature = cursor_number(&at, 8);
		unit.type_offset = cursor_number(&at, unit.offset_size);
	}
	if (sections->is_split)
		unit.addr_base = sections->split_addr_base;
	if (at.failed || unit.version < 2 || unit.version > 5 || (unit.address_size != 4 && unit.address_size != 8))
		return false;
	unit.first = (uint64_t)(at.at - bytes->bytes);
	*ret = unit;
	return true;
}

bool die_reader_unit(struct die_reader *reader, uint64_t offset)
{
	const struct dwarf_bytes *bytes = &reader->sections->info;

	reader->at_end = true;
	if (!die_unit_read(reader->sections, offset, &reader->unit) ||
	    !abbrevs_read(&reader->abbrevs, &reader->sections->abbrev, &reader->unit, reader->with_facts, &reader->budget))
		return false;
	reader->at = cursor_of(bytes->bytes, reader->unit.end, reader->unit.first);
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
		return form_address(reader, at, form, ret);
	}
}

/* Where a reference within the unit leads; 0 for none. */
static uint64_t sibling_read(const struct die_reader *reader, struct cursor *at, unsigned form)
{
	struct die_link link = form_link(reader, at, form);

	return link.space == LINK_INFO && !at->failed ? link.to : 0;
}

/* Reads the attributes of a DIE. */
static void attributes_read(struct die_reader *reader, const struct abbrev *abbrev)
{
	struct cursor *at = &reader->at;
	struct die_unit *unit = &reader->unit;
	struct die *die = &reader->die;
	vaddr low = 0, high = 0;
	bool has_low = false, has_high = false, high_is_offset = false;

	if (abbrev->has_facts)
		memset(&reader->facts, 0, sizeof(reader->facts));
	for (uint32_t i = 0; i < abbrev->n_steps && !at->failed; i++) {
		const struct abbrev_step *attribute = &reader->abbrevs.steps.v[abbrev->first_step + i];

		cursor_skip(at, attribute->skip);
		if (abbrev->has_facts && fact_read(reader, at, attribute))
			continue;
		switch (attribute->name) {
		case DW_AT_sibling:
			die->sibling = sibling_read(reader, at, attribute->form);
			break;
		case DW_AT_location:
			die->location = form_expression(at, unit, attribute->form, &die->location_size);
			break;
		case DW_AT_low_pc:
			has_low = form_address(reader, at, attribute->form, &low);
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
	cursor_skip(at, abbrev->tail);
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
		if (!abbrev->n_steps && !abbrev->has_facts)
			cursor_skip(&reader->at, abbrev->tail);
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
