// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * history.c: libFuzzer target for the core beside the model of its rules (tests/model): every draw of a history is taken
 * from the input, so that libFuzzer steers it towards code that no history has reached yet.
 */
#include "../model/world.h"

#define STEPS 400u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static struct world w;
	u64 i;

	if (bytes < 8)
		return 0;
	w.choice = NULL;
	w.over = false;
	world_start(&w, data[0]); /* the device, and how many frames */
	w.choice = data + 1;
	w.choices = bytes - 1;
	for (i = 0; i < STEPS && w.choices && !w.over && !w.m.wrong[0]; i++)
		world_step(&w, i);
	if (w.m.wrong[0]) {
		fprintf(stderr, "step %llu: %s\n  after: %s\n", (unsigned long long)i - 1, w.m.wrong, w.said);
		abort();
	}
	world_stop(&w);
	return 0;
}
