/* SPDX-License-Identifier: MIT */
#include "debug/die_facts.h"

#include <dwarf.h>

#include "debug/forms.h"

/* DW_AT_data_member_location: a number, or in DWARF 2 an expression that adds one. */
static bool place_read(struct cursor *at, const struct die_unit *unit, const struct abbrev_step *attribute, uint64_t *ret)
{
	const uint8_t *bytes;
	size_t size;

	if (attribute->form != DW_FORM_exprloc && attribute->form != DW_FORM_block1 && attribute->form != DW_FORM_block)
		return form_number(at, unit, attribute->form, attribute->constant, ret);
	bytes = form_expression(at, unit, attribute->form, &size);

	struct cursor expression = cursor_of(bytes, size, 0);

	if (cursor_number(&expression, 1) != DW_OP_plus_uconst)
		return false;
	*ret = cursor_uleb(&expression);
	return !expression.failed && cursor_left(&expression) == 0;
}

bool fact_read(struct die_reader *reader, struct cursor *at, const struct abbrev_step *attribute)
{
	const struct die_unit *unit = &reader->unit;
	struct die_facts *facts = &reader->facts;
	uint64_t number;

	switch (attribute->name) {
	case DW_AT_name:
		facts->name = form_string(reader, at, attribute->form);
		return true;
	case DW_AT_type:
		facts->type = form_link(reader, at, attribute->form);
		return true;
	case DW_AT_specification:
	case DW_AT_abstract_origin:
		reader->die.has_origin = true;
		facts->origin = form_link(reader, at, attribute->form);
		return true;
	case DW_AT_signature:
		facts->signature = form_link(reader, at, attribute->form);
		return true;
	case DW_AT_byte_size:
		facts->has_size = form_number(at, unit, attribute->form, attribute->constant, &facts->size);
		return true;
	case DW_AT_upper_bound:
		// -1 is an array of no elements.
		if (form_number(at, unit, attribute->form, attribute->constant, &number)) {
			facts->has_count = true;
			facts->count = number + 1;
		}
		return true;
	case DW_AT_count:
		facts->has_count = form_number(at, unit, attribute->form, attribute->constant, &facts->count);
		return true;
	case DW_AT_data_member_location:
		facts->has_place = place_read(at, unit, attribute, &facts->place);
		return true;
	case DW_AT_const_value:
	case DW_AT_discr_value:
		facts->has_value = form_number(at, unit, attribute->form, attribute->constant, &facts->value);
		return true;
	case DW_AT_bit_size:
		if (!form_number(at, unit, attribute->form, attribute->constant, &facts->bit_size))
			facts->bit_size = 0;
		return true;
	case DW_AT_data_bit_offset:
		facts->has_bit_offset = form_number(at, unit, attribute->form, attribute->constant, &facts->bit_offset);
		return true;
	case DW_AT_encoding:
		facts->encoding = form_number(at, unit, attribute->form, attribute->constant, &number) ? (unsigned)number : 0;
		return true;
	case DW_AT_language:
		facts->language = form_number(at, unit, attribute->form, attribute->constant, &number) ? (unsigned)number : 0;
		return true;
	case DW_AT_declaration:
		facts->is_declaration = form_flag(at, unit, attribute->form);
		return true;
	case DW_AT_external:
		facts->is_static = form_flag(at, unit, attribute->form);
		return true;
	case DW_AT_artificial:
		facts->is_artificial = form_flag(at, unit, attribute->form);
		return true;
	default:
		return false;
	}
}
