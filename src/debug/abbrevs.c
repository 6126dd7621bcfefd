/* SPDX-License-Identifier: MIT */
#include "debug/abbrevs.h"

#include <dwarf.h>

#include "base/cursor.h"
#include "debug/dies.h"
#include "debug/forms.h"

enum {
	/** Abbreviations of one unit, and their attributes. */
	ABBREVS_MAX = 1 << 18,
	ATTRIBUTES_MAX = 1 << 20,
	/** A code may leave so many unused below it. */
	CODE_GAP = 1024,
};

void abbrevs_deinit(struct abbrevs *abbrevs)
{
	array_deinit(&abbrevs->v);
	array_deinit(&abbrevs->attributes);
	array_deinit(&abbrevs->steps);
}

/* What a walk over all DIEs looks at. */
static bool attribute_is_walked(uint64_t name)
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

/* What describes a type, or a variable (struct die_facts). */
static bool attribute_is_fact(uint64_t name)
{
	switch (name) {
	case DW_AT_name:
	case DW_AT_type:
	case DW_AT_signature:
	case DW_AT_byte_size:
	case DW_AT_upper_bound:
	case DW_AT_count:
	case DW_AT_data_member_location:
	case DW_AT_const_value:
	case DW_AT_discr_value:
	case DW_AT_bit_size:
	case DW_AT_data_bit_offset:
	case DW_AT_encoding:
	case DW_AT_language:
	case DW_AT_declaration:
	case DW_AT_external:
	case DW_AT_artificial:
		return true;
	default:
		return false;
	}
}

/* Whether an attribute is read. Who asks for facts has no use for anything of a DIE without any, but for where its children end. */
static bool attribute_is_read(const struct abbrev *abbrev, bool with_facts, uint64_t name)
{
	if (with_facts && !abbrev->has_facts)
		return name == DW_AT_sibling;
	return attribute_is_walked(name) || (abbrev->has_facts && attribute_is_fact(name));
}

/* Appends an attribute to the steps of an abbreviation; `skip` is what is left out since the last step. */
static void step_add(struct abbrevs *abbrevs, struct abbrev *abbrev, const struct abbrev_attribute *attribute, unsigned size, bool is_read, uint32_t *skip)
{
	// More than that no DIE has.
	if (!is_read && size != FORM_SIZE_VARIES && *skip < UINT32_MAX / 2) {
		*skip += size;
		return;
	}
	array_append(&abbrevs->steps, (struct abbrev_step){ *skip, is_read ? attribute->name : 0, attribute->form, attribute->constant });
	abbrev->n_steps++;
	*skip = 0;
}

/* Reads the attributes of one abbreviation. */
static struct abbrev abbrev_read(struct abbrevs *abbrevs, const struct die_unit *unit, struct cursor *at, bool with_facts)
{
	struct abbrev abbrev = { .is_known = true };
	uint64_t tag = cursor_uleb(at), size = 0;

	abbrev.tag = tag <= UINT16_MAX ? (uint16_t)tag : 0;
	abbrev.has_children = cursor_number(at, 1) == DW_CHILDREN_yes;
	abbrev.has_facts = with_facts && tag_has_facts(abbrev.tag);
	abbrev.first = (uint32_t)abbrevs->attributes.n;
	abbrev.first_step = (uint32_t)abbrevs->steps.n;
	while (!at->failed && abbrevs->attributes.n < ATTRIBUTES_MAX) {
		uint64_t name = cursor_uleb(at), form = cursor_uleb(at);

		if (name == 0 && form == 0) {
			abbrev.count = (uint32_t)abbrevs->attributes.n - abbrev.first;
			abbrev.size = size < ABBREV_SIZE_VARIES ? (uint32_t)size : ABBREV_SIZE_VARIES;
			return abbrev;
		}
		int64_t constant = form == DW_FORM_implicit_const ? cursor_sleb(at) : 0;

		if (form > UINT16_MAX)
			break;

		struct abbrev_attribute attribute = { name <= UINT16_MAX ? (uint16_t)name : 0, (uint16_t)form, constant };
		unsigned one = form_size(unit, (unsigned)form);

		size = one == FORM_SIZE_VARIES || size >= ABBREV_SIZE_VARIES ? ABBREV_SIZE_VARIES : size + one;
		step_add(abbrevs, &abbrev, &attribute, one, attribute_is_read(&abbrev, with_facts, name), &abbrev.tail);
		array_append(&abbrevs->attributes, attribute);
	}
	return (struct abbrev){ .is_known = false };
}

bool abbrevs_read(struct abbrevs *abbrevs, const struct dwarf_bytes *section, const struct die_unit *unit, bool with_facts, uint64_t *budget)
{
	struct cursor at = cursor_of(section->bytes, section->size, unit->abbrev_offset);

	if (abbrevs->offset == unit->abbrev_offset && abbrevs->version == unit->version && abbrevs->address_size == unit->address_size &&
	    abbrevs->offset_size == unit->offset_size)
		return true;
	abbrevs->offset = UINT64_MAX;
	abbrevs->v.n = abbrevs->attributes.n = abbrevs->steps.n = 0;
	if (at.failed)
		return false;

	const uint8_t *start = at.at;
	uint64_t code;

	while ((code = cursor_uleb(&at)) != 0 && (uint64_t)(at.at - start) < *budget) {
		struct abbrev abbrev = abbrev_read(abbrevs, unit, &at, with_facts);

		if (!abbrev.is_known || code >= ABBREVS_MAX || code > abbrevs->v.n * 4 + CODE_GAP)
			return false;
		while (abbrevs->v.n <= code)
			array_append(&abbrevs->v, (struct abbrev){ .is_known = false });
		abbrevs->v.v[code] = abbrev;
	}
	*budget -= (uint64_t)(at.at - start) < *budget ? (uint64_t)(at.at - start) : *budget;
	if (at.failed || code != 0)
		return false;
	abbrevs->offset = unit->abbrev_offset;
	abbrevs->version = unit->version;
	abbrevs->address_size = unit->address_size;
	abbrevs->offset_size = unit->offset_size;
	return true;
}
