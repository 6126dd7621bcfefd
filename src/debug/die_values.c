/* SPDX-License-Identifier: MIT */
/*
 * All attributes of one DIE, for whoever wants more than the walk gives.
 */
#include <dwarf.h>

#include "debug/dies.h"
#include "debug/forms.h"

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
	uint64_t offset;

	if (form_string_offset(reader, index, &offset))
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
		if (form_address(reader, at, (unsigned)form, &value->number))
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
	case DW_FORM_ref_sig8: {
		struct die_link link = form_link(reader, at, (unsigned)form);

		if (link.space == LINK_INFO) {
			value->kind = DIE_REFERENCE;
			value->number = link.to;
		}
		break;
	}
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
