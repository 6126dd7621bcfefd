/* SPDX-License-Identifier: MIT */
#include "debug/forms.h"

#include <dwarf.h>

#include "debug/type_units.h"

unsigned form_size(const struct die_unit *unit, unsigned form)
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
		return FORM_SIZE_VARIES;
	}
}

void form_skip(struct cursor *at, const struct die_unit *unit, uint64_t form)
{
	// An indirect form may be indirect again, but then it has used a byte up.
	while (form == DW_FORM_indirect && !at->failed)
		form = cursor_uleb(at);

	unsigned size = form <= UINT16_MAX ? form_size(unit, (unsigned)form) : FORM_SIZE_VARIES;

	if (size != FORM_SIZE_VARIES) {
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

/* ---- values ---- */

bool form_address(const struct die_reader *reader, struct cursor *at, unsigned form, vaddr *ret)
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

const uint8_t *form_expression(struct cursor *at, const struct die_unit *unit, unsigned form, size_t *size_ret)
{
	const uint8_t *start;
	uint64_t size;

	*size_ret = 0;
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
		return NULL;
	}
	start = at->at;
	cursor_skip(at, size);
	if (at->failed)
		return NULL;
	*size_ret = (size_t)size;
	return start;
}

bool form_number(struct cursor *at, const struct die_unit *unit, unsigned form, int64_t constant, uint64_t *ret)
{
	switch (form) {
	case DW_FORM_data1:
		*ret = cursor_number(at, 1);
		return !at->failed;
	case DW_FORM_data2:
		*ret = cursor_number(at, 2);
		return !at->failed;
	case DW_FORM_data4:
		*ret = cursor_number(at, 4);
		return !at->failed;
	case DW_FORM_data8:
		*ret = cursor_number(at, 8);
		return !at->failed;
	case DW_FORM_sec_offset:
		*ret = cursor_number(at, unit->offset_size);
		return !at->failed;
	case DW_FORM_udata:
		*ret = cursor_uleb(at);
		return !at->failed;
	case DW_FORM_sdata:
		*ret = (uint64_t)cursor_sleb(at);
		return !at->failed;
	case DW_FORM_implicit_const:
		*ret = (uint64_t)constant;
		return true;
	default:
		form_skip(at, unit, form);
		return false;
	}
}

bool form_flag(struct cursor *at, const struct die_unit *unit, unsigned form)
{
	if (form == DW_FORM_flag)
		return cursor_number(at, 1) != 0;
	form_skip(at, unit, form);
	return form == DW_FORM_flag_present;
}

struct die_link form_link(const struct die_reader *reader, struct cursor *at, unsigned form)
{
	const struct die_unit *unit = &reader->unit;
	uint64_t offset;

	switch (form) {
	case DW_FORM_ref1:
	case DW_FORM_ref2:
	case DW_FORM_ref4:
	case DW_FORM_ref8:
		offset = cursor_number(at, form_size(unit, form));
		break;
	case DW_FORM_ref_udata:
		offset = cursor_uleb(at);
		break;
	case DW_FORM_ref_addr:
		return (struct die_link){ LINK_INFO, cursor_number(at, form_size(unit, form)) };
	case DW_FORM_GNU_ref_alt:
	case DW_FORM_ref_sup4:
	case DW_FORM_ref_sup8:
		return (struct die_link){ LINK_SHARED, cursor_number(at, form == DW_FORM_ref_sup8 ? 8 : form_size(unit, form)) };
	case DW_FORM_ref_sig8:
		return type_units_find(reader->sections->type_units, cursor_number(at, 8), &offset) ? (struct die_link){ LINK_INFO, offset } : (struct die_link){ LINK_NONE, 0 };
	default:
		form_skip(at, unit, form);
		return (struct die_link){ LINK_NONE, 0 };
	}
	if (at->failed || offset >= unit->end - unit->offset)
		return (struct die_link){ LINK_NONE, 0 };
	return (struct die_link){ LINK_INFO, unit->offset + offset };
}

/* ---- strings ---- */

/* A string of a section; NULL when it does not end there. */
static const char *section_string(const struct dwarf_bytes *section, uint64_t offset)
{
	// Each string ends when the last one does.
	if (offset >= section->size || section->bytes[section->size - 1] != 0)
		return NULL;
	return (const char *)section->bytes + offset;
}

bool form_string_offset(const struct die_reader *reader, uint64_t index, uint64_t *ret)
{
	const struct dwarf_bytes *bytes = &reader->sections->str_offsets;
	uint64_t offset;

	if (__builtin_mul_overflow(index, reader->unit.offset_size, &offset) || __builtin_add_overflow(offset, reader->unit.str_offsets_base, &offset))
		return false;

	struct cursor at = cursor_of(bytes->bytes, bytes->size, offset);
	uint64_t value = cursor_number(&at, reader->unit.offset_size);

	if (at.failed)
		return false;
	*ret = value;
	return true;
}

/* A string by its index. */
static const char *indexed_string(const struct die_reader *reader, uint64_t index)
{
	uint64_t offset;

	return form_string_offset(reader, index, &offset) ? section_string(&reader->sections->str, offset) : NULL;
}

const char *form_string(const struct die_reader *reader, struct cursor *at, unsigned form)
{
	const struct die_unit *unit = &reader->unit;

	switch (form) {
	case DW_FORM_string:
		return cursor_string(at);
	case DW_FORM_strp:
		return section_string(&reader->sections->str, cursor_number(at, unit->offset_size));
	case DW_FORM_line_strp:
		return section_string(&reader->sections->line_str, cursor_number(at, unit->offset_size));
	case DW_FORM_strx1:
	case DW_FORM_strx2:
	case DW_FORM_strx3:
	case DW_FORM_strx4:
		return indexed_string(reader, cursor_number(at, form_size(unit, form)));
	case DW_FORM_strx:
	case DW_FORM_GNU_str_index:
		return indexed_string(reader, cursor_uleb(at));
	case DW_FORM_strp_sup:
	case DW_FORM_GNU_strp_alt: {
		uint64_t offset = cursor_number(at, unit->offset_size);

		return reader->shared ? section_string(&reader->shared->str, offset) : NULL;
	}
	default:
		form_skip(at, unit, form);
		return NULL;
	}
}
