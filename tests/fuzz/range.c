// SPDX-License-Identifier: MIT
#include "range.h"

struct effect range_effect(unsigned int w, uint64_t start, uint64_t length)
{
	uint64_t end = start + length, mapped = 0;
	struct effect e = { 0 };

	for (unsigned int i = 0; i < REGIONS; i++) {
		uint64_t base = model.region[i].addr, from, to;

		if (!length || !model.worker[w].att[i].on || end <= base ||
		    start >= base + WINDOW)
			continue;
		from = start > base ? start : base;
		to = end < base + WINDOW ? end : base + WINDOW;
		mapped += to - from;
		if (to - from == WINDOW)
			e.whole++;
		else
			e.part++;
		e.sealed += model.worker[w].att[i].sealed;
	}
	e.holes = mapped < length;
	return e;
}

void range_detach(unsigned int w, uint64_t start, uint64_t length)
{
	for (unsigned int i = 0; i < REGIONS; i++)
		if (model.worker[w].att[i].on && model.region[i].addr >= start &&
		    model.region[i].addr + WINDOW <= start + length)
			worker_drop_attachment(w, i);
	if (model.worker[w].squat >= start && model.worker[w].squat < start + length)
		model.worker[w].squat = 0;
	region_settle();
}

void range_draw(const struct region *r, uint64_t *start, uint64_t *length)
{
	static const int64_t at[] = { 0, 0, 4096, -4096 };
	uint64_t page = r->page_size;

	*start = r->addr;
	*length = WINDOW;
	switch (rnd(10)) {
	case 0:
		*start += (uint64_t)PICK(at);
		*length = page;
		break;
	case 1:
		*start += any_offset(r);
		*length = page;
		break;
	case 2:
		*start += any_offset(r);
		*length = SZ_4K;
		break;
	case 3:
		*start += WINDOW - SZ_4K;
		*length = SZ_4K + rnd(2) * SZ_4K;
		break;
	case 4:
		*length = WINDOW / 2;
		break;
	case 5:
		*start += WINDOW / 2;
		*length = WINDOW;
		break;
	case 6:
		*start -= SZ_4K;
		*length = WINDOW + 2 * SZ_4K;
		break;
	default:
		break;
	}
}

int range_prot(void)
{
	static const int prots[] = {
		PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE, PROT_READ,
		PROT_READ, PROT_WRITE, PROT_NONE, PROT_READ | PROT_EXEC, PROT_EXEC,
		PROT_READ | PROT_WRITE | PROT_EXEC,
	};

	return PICK(prots);
}

void range_settle(unsigned int w, unsigned int i)
{
	struct worker *k = &model.worker[w];
	uint64_t addr = model.region[i].addr;

	if (k->att[i].on && !is_mapped(w, addr)) {
		note(" (it is gone)");
		worker_drop_attachment(w, i);
		region_settle();
	}
	if (k->squat >= addr && k->squat < addr + WINDOW && !is_mapped(w, k->squat))
		k->squat = 0;
}
