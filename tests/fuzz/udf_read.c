// SPDX-License-Identifier: GPL-2.0 OR MIT
/* udf_read.c: libFuzzer target for libexo's reader of UDF objects: any file gets code or a sentence. */
#include <libexo.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct exo_udf_code code;
	struct exo_why why;
	int err = exo_udf_parse(data, bytes, &code, &why);

	if (err ? !why.text[0] || code.insns : !code.insns || !code.ninsns)
		abort();
	exo_udf_free(&code);
	return 0;
}
