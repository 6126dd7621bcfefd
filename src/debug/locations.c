/* SPDX-License-Identifier: MIT */
#include "debug/locations.h"

#include <dwarf.h>

/* ---- lists ---- */

static bool old_list_begin(struct location_list *list, const struct die_reader *reader, uint64_t offset)
{
	list->at = cursor_of(reader->sections->loc.bytes, reader->sections->loc.size, offset);
	return !list->at.failed;
}

static bool list_begin(struct location_list *list, const struct die_reader *reader, uint64_t offset)
{
	list->at = cursor_of(reader->sections->loclists.bytes, reader->sections->loclists.size, offset);
	return !list->at.failed;
}

/* The list with a number: the unit's table holds offsets that count from the table itself. */
static bool numbered_list_begin(struct location_list *list, const struct die_reader *reader, uint64_t index)
{
	const struct die_unit *unit = &reader->unit;
	uint64_t offset;

	if (__builtin_mul_overflow(index, unit->offset_size, &offset) || __builtin_add_overflow(offset, unit->loclists_base, &offset) ||
	    !list_begin(list, reader, offset))
		return false;
	offset = cursor_number(&list->at, unit->offset_size);
	return !list->at.failed && !__builtin_add_overflow(offset, unit->loclists_base, &offset) && list_begin(list, reader, offset);
}

bool location_list_begin(struct location_list *list, const struct die_reader *reader, const struct die_value *value)
{
	*list = (struct location_list){ .reader = reader, .base = reader->unit.base_address };
	switch (value->kind) {
	case DIE_BLOCK:
		list->has_only = true;
		list->only = (struct location){ .low = 0, .high = UINT64_MAX, .expression = value->bytes, .size = value->size };
		return true;
	case DIE_LIST:
		return numbered_list_begin(list, reader, value->number);
	case DIE_SECTION:
	case DIE_NUMBER:
		return reader->unit.version >= 5 ? list_begin(list, reader, value->number) : old_list_begin(list, reader, value->number);
	case DIE_ADDRESS:
	case DIE_REFERENCE:
	case DIE_STRING:
	case DIE_OTHER:
		return false;
	}
	return false;
}

/* Takes the expression that follows. */
static void expression_take(struct cursor *at, uint64_t size, struct location *ret)
{
	ret->expression = at->at;
	ret->size = (size_t)size;
	cursor_skip(at, size);
}

/* Reads an entry of .debug_loc; false at the end of its list. */
static bool old_entry_read(struct location_list *list, struct location *ret)
{
	const unsigned size = list->reader->unit.address_size;
	const uint64_t all_ones = size == 8 ? UINT64_MAX : UINT32_MAX;

	for (;;) {
		uint64_t low = cursor_number(&list->at, size), high = cursor_number(&list->at, size);

		if (list->at.failed || (low == 0 && high == 0))
			return false;
		if (low == all_ones) {
			list->base = high;
			continue;
		}
		*ret = (struct location){ .low = list->base + low, .high = list->base + high };
		expression_take(&list->at, cursor_number(&list->at, 2), ret);
		return !list->at.failed;
	}
}

static uint64_t indexed(struct location_list *list)
{
	vaddr address;

	if (!die_reader_address(list->reader, cursor_uleb(&list->at), &address)) {
		cursor_fail(&list->at);
		return 0;
	}
	return address;
}

/* Reads an entry of .debug_loclists; false at the end of its list. */
static bool entry_read(struct location_list *list, struct location *ret)
{
	struct cursor *at = &list->at;
	const unsigned size = list->reader->unit.address_size;

	*ret = (struct location){ .low = 0 };
	for (;;) {
		switch (cursor_number(at, 1)) {
		case DW_LLE_base_addressx:
			list->base = indexed(list);
			continue;
		case DW_LLE_base_address:
			list->base = cursor_number(at, size);
			continue;
		case DW_LLE_startx_endx:
			ret->low = indexed(list);
			ret->high = indexed(list);
			break;
		case DW_LLE_startx_length:
			ret->low = indexed(list);
			ret->high = ret->low + cursor_uleb(at);
			break;
		case DW_LLE_offset_pair:
			ret->low = list->base + cursor_uleb(at);
			ret->high = list->base + cursor_uleb(at);
			break;
		case DW_LLE_default_location:
			ret->low = 0;
			ret->high = UINT64_MAX;
			break;
		case DW_LLE_start_end:
			ret->low = cursor_number(at, size);
			ret->high = cursor_number(at, size);
			break;
		case DW_LLE_start_length:
			ret->low = cursor_number(at, size);
			ret->high = ret->low + cursor_uleb(at);
			break;
		case DW_LLE_GNU_view_pair:
			cursor_uleb(at);
			cursor_uleb(at);
			continue;
		default:
			return false;
		}
		expression_take(at, cursor_uleb(at), ret);
		return !at->failed;
	}
}

bool location_list_next(struct location_list *list, struct location *ret)
{
	if (list->has_only) {
		list->has_only = false;
		*ret = list->only;
		list->at = cursor_of(list->only.expression, list->only.size, list->only.size);
		cursor_fail(&list->at);
		return true;
	}
	while (!list->at.failed && (list->reader->unit.version >= 5 ? entry_read(list, ret) : old_entry_read(list, ret))) {
		if (ret->low < ret->high)
			return true;
	}
	return false;
}

/* ---- places ---- */

/* The number that an operation pushes; false for any other one. */
static bool constant_read(struct cursor *at, unsigned operation, int64_t *ret)
{
	if (operation >= DW_OP_lit0 && operation <= DW_OP_lit31) {
		*ret = (int64_t)operation - DW_OP_lit0;
		return true;
	}
	switch (operation) {
	case DW_OP_const1u:
		*ret = (int64_t)cursor_number(at, 1);
		return true;
	case DW_OP_const1s:
		*ret = (int8_t)cursor_number(at, 1);
		return true;
	case DW_OP_const2u:
		*ret = (int64_t)cursor_number(at, 2);
		return true;
	case DW_OP_const2s:
		*ret = (int16_t)cursor_number(at, 2);
		return true;
	case DW_OP_const4u:
		*ret = (int64_t)cursor_number(at, 4);
		return true;
	case DW_OP_const4s:
		*ret = (int32_t)cursor_number(at, 4);
		return true;
	case DW_OP_const8u:
	case DW_OP_const8s:
		*ret = (int64_t)cursor_number(at, 8);
		return true;
	case DW_OP_constu:
		*ret = (int64_t)cursor_uleb(at);
		return true;
	case DW_OP_consts:
		*ret = cursor_sleb(at);
		return true;
	default:
		return false;
	}
}

/* Reads the operation that a place begins with; false when it is none. */
static bool place_begin(const struct die_reader *reader, struct cursor *at, struct location_place *place)
{
	unsigned operation = (unsigned)cursor_number(at, 1);
	vaddr address;

	if (operation >= DW_OP_reg0 && operation <= DW_OP_reg31) {
		*place = (struct location_place){ .kind = LOCATION_REGISTER, .reg = operation - DW_OP_reg0 };
		return true;
	}
	if (operation >= DW_OP_breg0 && operation <= DW_OP_breg31) {
		*place = (struct location_place){ .kind = LOCATION_AT_REGISTER, .reg = operation - DW_OP_breg0, .offset = cursor_sleb(at) };
		return true;
	}
	*place = (struct location_place){ .kind = LOCATION_NOWHERE };
	switch (operation) {
	case DW_OP_fbreg:
		place->kind = LOCATION_AT_FRAME_BASE;
		place->offset = cursor_sleb(at);
		return true;
	case DW_OP_call_frame_cfa:
		place->kind = LOCATION_AT_CFA;
		return true;
	case DW_OP_addr:
		place->kind = LOCATION_AT_ADDRESS;
		place->offset = (int64_t)cursor_number(at, reader->unit.address_size);
		return true;
	case DW_OP_addrx:
	case DW_OP_GNU_addr_index:
		if (!die_reader_address(reader, cursor_uleb(at), &address))
			return false;
		place->kind = LOCATION_AT_ADDRESS;
		place->offset = (int64_t)address;
		return true;
	default:
		place->kind = LOCATION_CONSTANT;
		return constant_read(at, operation, &place->offset);
	}
}

/* Adds a number to a place in memory, or to a constant. */
static bool place_add(struct location_place *place, int64_t number)
{
	return place->kind != LOCATION_REGISTER && !__builtin_add_overflow(place->offset, number, &place->offset);
}

struct location_place location_place(const struct die_reader *reader, const uint8_t *expression, size_t size)
{
	static const struct location_place nowhere = { .kind = LOCATION_NOWHERE };
	struct cursor at = cursor_of(expression, size, 0);
	struct location_place place;
	bool is_value = false;

	if (at.failed || !place_begin(reader, &at, &place))
		return nowhere;
	while (cursor_left(&at) && !at.failed) {
		unsigned operation = (unsigned)cursor_number(&at, 1);
		int64_t number;

		if (is_value)
			return nowhere;
		if (operation == DW_OP_plus_uconst) {
			if (!place_add(&place, (int64_t)cursor_uleb(&at)))
				return nowhere;
		} else if (operation == DW_OP_stack_value) {
			is_value = true;
		} else if (constant_read(&at, operation, &number)) {
			operation = (unsigned)cursor_number(&at, 1);
			if ((operation != DW_OP_plus && operation != DW_OP_minus) || number == INT64_MIN ||
			    !place_add(&place, operation == DW_OP_plus ? number : -number))
				return nowhere;
		} else {
			return nowhere;
		}
	}
	if (at.failed)
		return nowhere;
	if (place.kind == LOCATION_CONSTANT)
		return is_value ? place : nowhere;
	if (!is_value)
		return place;
	if (place.kind == LOCATION_AT_REGISTER) {
		place.kind = LOCATION_SUM;
		return place;
	}
	if (place.kind == LOCATION_AT_ADDRESS) {
		place.kind = LOCATION_CONSTANT;
		return place;
	}
	return nowhere;
}

bool location_constant(const struct die_reader *reader, const uint8_t *expression, size_t size, int64_t *ret)
{
	struct cursor at = cursor_of(expression, size, 0);
	unsigned operation = (unsigned)cursor_number(&at, 1);
	vaddr address;

	if (operation == DW_OP_addr) {
		*ret = (int64_t)cursor_number(&at, reader->unit.address_size);
	} else if (operation == DW_OP_addrx || operation == DW_OP_GNU_addr_index) {
		if (!die_reader_address(reader, cursor_uleb(&at), &address))
			return false;
		*ret = (int64_t)address;
	} else if (!constant_read(&at, operation, ret)) {
		return false;
	}
	return !at.failed && cursor_left(&at) == 0;
}
