/* SPDX-License-Identifier: MIT */
#include "glibc/tls.h"

enum {
	/** dtv_t is two words; dtv[-1].counter is the number of modules there is room for. */
	DTV_ENTRY = 16,
	DTV_MAX = 65536,
	/** struct tcbhead_t.dtv on x86-64; the first word of tcbhead_t on aarch64. */
	X86_64_DTV = 8,
	AARCH64_DTV = 0,
	/** aarch64: the TCB before the first block. */
	AARCH64_TCB = 16,
};

static uint64_t round_up(uint64_t value, uint64_t align)
{
	return align > 1 ? (value + align - 1) / align * align : value;
}

bool tls_distance(const struct instance *instance, const struct target *target, int64_t *ret)
{
	bool known = false;
	int64_t distance = 0;

	if (instance->is_static) {
		if (!instance->tls_size || instance->tls_size > UINT64_C(1) << 30 || instance->tls_align > UINT64_C(1) << 20)
			return false;
		*ret = target->machine == MACHINE_X86_64 ? -(int64_t)round_up(instance->tls_size, instance->tls_align) :
							    (int64_t)round_up(AARCH64_TCB, instance->tls_align);
		return true;
	}
	for (size_t i = 0; i < instance->tls_slots.n; i++) {
		const struct tls_slot *slot = &instance->tls_slots.v[i];
		uint64_t value;

		if (!image_get_word(&target->image, slot->slot, &value))
			continue;
		if (known && (int64_t)(value - slot->offset) != distance)
			return false;
		distance = (int64_t)(value - slot->offset);
		known = true;
	}
	if (known)
		*ret = distance;
	return known;
}

bool tls_dtv(const struct target *target, const struct thread *thread, vaddr *dtv_ret, uint64_t *n_ret)
{
	uint64_t dtv, n;

	if (!thread->tp ||
	    !image_get_word(&target->image, thread->tp + (target->machine == MACHINE_X86_64 ? X86_64_DTV : AARCH64_DTV), &dtv) ||
	    dtv % 8 || !image_get_word(&target->image, dtv - DTV_ENTRY, &n) || n > DTV_MAX)
		return false;
	*dtv_ret = dtv;
	*n_ret = n;
	return true;
}
