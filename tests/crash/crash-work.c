// SPDX-License-Identifier: GPL-2.0 OR MIT
/* crash-work DISK ROOT SEED STEPS: runs a history of workload.h on /dev/exo, in the VM, for crash-replay to judge. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "workload.h"

int main(int argc, char **argv)
{
	const char *what = "open";
	struct exo_why why = { 0 };
	struct exo_fs *fs;
	struct exo *x;
	int err;

	if (argc != 5) {
		fprintf(stderr, "usage: crash-work DISK ROOT SEED STEPS\n");
		return 2;
	}
	if (exo_open(&x, NULL, &why) < 0 ||
	    exo_fs_open(&fs, x, (uint32_t)strtoul(argv[1], NULL, 0), argv[2], EXO_FS_JOIN, &why) < 0) {
		fprintf(stderr, "crash-work: %s\n", why.text);
		return 1;
	}
	err = workload_run(x, fs, strtoull(argv[3], NULL, 0), (unsigned)strtoul(argv[4], NULL, 0), &what);
	if (err) {
		const struct exo_why *w = exo_fs_why();

		fprintf(stderr, "crash-work: %s: %s %s\n", what, strerror(-err), w && w->code ? w->text : "");
	}
	exo_fs_close(fs);
	exo_close(x);
	return err != 0;
}
