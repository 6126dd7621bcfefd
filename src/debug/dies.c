/* SPDX-License-Identifier: MIT */
#include "debug/dies.h"

#include <dwarf.h>
#include <string.h>

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

void die_reader_with_facts(struct die_reader *reader, const struct dwarf_sections *shared)
{
	reader->with_facts = true;
	reader->shared = shared;
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

/* Whether DIEs of a kind describe a type or a variable, or give names to what does. */
static bool tag_has_facts(unsigned tag)
{
	switch (tag) {
	case DW_TAG_compile_unit:
	case DW_TAG_partial_unit:
	case DW_TAG_type_unit:
	case DW_TAG_namespace:
	case DW_TAG_module:
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
	case DW_TAG_union_type:
	case DW_TAG_interface_type:
	case DW_TAG_enumeration_type:
	case DW_TAG_enumerator:
	case DW_TAG_typedef:
	case DW_TAG_base_type:
	case DW_TAG_unspecified_type:
	case DW_TAG_pointer_type:
	case DW_TAG_reference_type:
	case DW_TAG_rvalue_reference_type:
	case DW_TAG_ptr_to_member_type:
	case DW_TAG_subroutine_type:
	case DW_TAG_const_type:
	case DW_TAG_volatile_type:
	case DW_TAG_restrict_type:
	case DW_TAG_atomic_type:
	case DW_TAG_array_type:
	case DW_TAG_subrange_type:
	case DW_TAG_member:
	case DW_TAG_inheritance:
	case DW_TAG_template_type_parameter:
	case DW_TAG_template_value_parameter:
	case DW_TAG_variant_part:
	case DW_TAG_variant:
	case DW_TAG_variable:
		return true;
	default:
		return false;
	}
}

/* Reads the attributes of one abbreviation. */
static struct abbrev abbrev_read(struct abbrevs *abbrevs, const struct die_unit *unit, struct cursor *at, bool with_facts)
{
	struct abbrev abbrev = { .is_known = true, .is_plain = true };
	uint64_t tag = cursor_uleb(at), size = 0;

	abbrev.tag = tag <= UINT16_MAX ? (uint16_t)tag : 0;
	abbrev.has_children = cursor_number(at, 1) == DW_CHILDREN_yes;
	abbrev.has_facts = with_facts && tag_has_facts(abbrev.tag);
	abbrev.is_plain = !abbrev.has_facts;
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
		struct abbrev abbrev = abbrev_read(abbrevs, unit, &at, reader->with_facts);

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
		if (unit.type == DW_UT_skeleton || unit.type == DW_UT_split_compile) {
			cursor_skip(&at, 8);
		} else if (unit.type == DW_UT_type || unit.type == DW_UT_split_type) {
			unit.signature = cursor_number(&at, 8);
			unit.type_offset = cursor_number(&at, unit.offset_size);
		}
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

/* ---- facts ---- */

/* A string of a section; NULL when it does not end there. */
static const char *section_string(const struct dwarf_bytes *section, uint64_t offset)
{
	// Each string ends when the last one does.
	if (offset >= section->size || section->bytes[section->size - 1] != 0)
		return NULL;
	return (const char *)section->bytes + offset;
}

/* A string by its index. */
static const char *indexed_string(const struct die_reader *reader, uint64_t index)
{
	const struct dwarf_bytes *bytes = &reader->sections->str_offsets;
	uint64_t offset;

	if (__builtin_mul_overflow(index, reader->unit.offset_size, &offset) || __builtin_add_overflow(offset, reader->unit.str_offsets_base, &offset))
		return NULL;

	struct cursor at = cursor_of(bytes->bytes, bytes->size, offset);
	uint64_t value = cursor_number(&at, reader->unit.offset_size);

	return at.failed ? NULL : section_string(&reader->sections->str, value);
}

static const char *string_read(const struct die_reader *reader, struct cursor *at, unsigned form)
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

/* A reference to another DIE. */
static struct die_link link_read(const struct die_reader *reader, struct cursor *at, unsigned form)
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
		return (struct die_link){ LINK_SIGNATURE, cursor_number(at, 8) };
	default:
		form_skip(at, unit, form);
		return (struct die_link){ LINK_NONE, 0 };
	}
	if (at->failed || offset >= unit->end - unit->offset)
		return (struct die_link){ LINK_NONE, 0 };
	return (struct die_link){ LINK_INFO, unit->offset + offset };
}

/* A number, with a sign where it has one; false for what is none (an expression, a reference). */
static bool number_read(const struct die_reader *reader, struct cursor *at, const struct abbrev_attribute *attribute, uint64_t *ret)
{
	switch (attribute->form) {
	case DW_FORM_data1:
	case DW_FORM_data2:
	case DW_FORM_data4:
	case DW_FORM_data8:
	case DW_FORM_sec_offset:
		*ret = cursor_number(at, form_size(&reader->unit, attribute->form));
		return !at->failed;
	case DW_FORM_udata:
		*ret = cursor_uleb(at);
		return !at->failed;
	case DW_FORM_sdata:
		*ret = (uint64_t)cursor_sleb(at);
		return !at->failed;
	case DW_FORM_implicit_const:
		*ret = (uint64_t)attribute->constant;
		return true;
	default:
		form_skip(at, &reader->unit, attribute->form);
		return false;
	}
}

/* DW_AT_data_member_location: a number, or in DWARF 2 an expression that adds one. */
static bool place_read(const struct die_reader *reader, struct cursor *at, const struct abbrev_attribute *attribute, uint64_t *ret)
{
	struct die die = { .location = NULL };

	if (attribute->form != DW_FORM_exprloc && attribute->form != DW_FORM_block1 && attribute->form != DW_FORM_block)
		return number_read(reader, at, attribute, ret);
	location_read(&die, at, &reader->unit, attribute->form);

	struct cursor expression = cursor_of(die.location, die.location_size, 0);

	if (cursor_number(&expression, 1) != DW_OP_plus_uconst)
		return false;
	*ret = cursor_uleb(&expression);
	return !expression.failed && cursor_left(&expression) == 0;
}

static bool flag_read(const struct die_reader *reader, struct cursor *at, unsigned form)
{
	if (form == DW_FORM_flag)
		return cursor_number(at, 1) != 0;
	form_skip(at, &reader->unit, form);
	return form == DW_FORM_flag_present;
}

/* Reads an attribute of the facts; false when it is none of these. */
static bool fact_read(struct die_reader *reader, struct cursor *at, const struct abbrev_attribute *attribute)
{
	struct die_facts *facts = &reader->facts;
	uint64_t number;

	switch (attribute->name) {
	case DW_AT_name:
		facts->name = string_read(reader, at, attribute->form);
		return true;
	case DW_AT_type:
		facts->type = link_read(reader, at, attribute->form);
		return true;
	case DW_AT_specification:
	case DW_AT_abstract_origin:
		reader->die.has_origin = true;
		facts->origin = link_read(reader, at, attribute->form);
		return true;
	case DW_AT_signature:
		facts->signature = link_read(reader, at, attribute->form);
		return true;
	case DW_AT_byte_size:
		facts->has_size = number_read(reader, at, attribute, &facts->size);
		return true;
	case DW_AT_upper_bound:
		// -1 is an array of no elements.
		if (number_read(reader, at, attribute, &number)) {
			facts->has_count = true;
			facts->count = number + 1;
		}
		return true;
	case DW_AT_count:
		facts->has_count = number_read(reader, at, attribute, &facts->count);
		return true;
	case DW_AT_data_member_location:
		facts->has_place = place_read(reader, at, attribute, &facts->place);
		return true;
	case DW_AT_const_value:
		facts->has_value = number_read(reader, at, attribute, &facts->value);
		return true;
	case DW_AT_bit_size:
		if (!number_read(reader, at, attribute, &facts->bit_size))
			facts->bit_size = 0;
		return true;
	case DW_AT_data_bit_offset:
		facts->has_bit_offset = number_read(reader, at, attribute, &facts->bit_offset);
		return true;
	case DW_AT_encoding:
		facts->encoding = number_read(reader, at, attribute, &number) ? (unsigned)number : 0;
		return true;
	case DW_AT_language:
		facts->language = number_read(reader, at, attribute, &number) ? (unsigned)number : 0;
		return true;
	case DW_AT_declaration:
		facts->is_declaration = flag_read(reader, at, attribute->form);
		return true;
	case DW_AT_external:
		facts->is_static = flag_read(reader, at, attribute->form);
		return true;
	case DW_AT_artificial:
		facts->is_artificial = flag_read(reader, at, attribute->form);
		return true;
	default:
		return false;
	}
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
	for (uint32_t i = 0; i < abbrev->count && !at->failed; i++) {
		const struct abbrev_attribute *attribute = &reader->abbrevs.attributes.v[abbrev->first + i];

		if (abbrev->has_facts && fact_read(reader, at, attribute))
			continue;
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
