// SPDX-License-Identifier: GPL-2.0 OR MIT
#include <dlfcn.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include "sha256.h"

struct sha256 {
	EVP_MD_CTX *ctx;
	__typeof__(&EVP_MD_CTX_new) ctx_new;
	__typeof__(&EVP_MD_CTX_free) ctx_free;
	__typeof__(&EVP_sha256) sha256;
	__typeof__(&EVP_DigestInit_ex) init;
	__typeof__(&EVP_DigestUpdate) update;
	__typeof__(&EVP_DigestFinal_ex) final;
};

/* The library stays loaded: the process ends soon. */
struct sha256 *sha256_new(void)
{
	void *lib = dlopen("libcrypto.so.3", RTLD_LAZY | RTLD_LOCAL);
	struct sha256 *s = lib ? calloc(1, sizeof(*s)) : NULL;

	if (!s)
		return NULL;
	s->ctx_new = (__typeof__(s->ctx_new))dlsym(lib, "EVP_MD_CTX_new");
	s->ctx_free = (__typeof__(s->ctx_free))dlsym(lib, "EVP_MD_CTX_free");
	s->sha256 = (__typeof__(s->sha256))dlsym(lib, "EVP_sha256");
	s->init = (__typeof__(s->init))dlsym(lib, "EVP_DigestInit_ex");
	s->update = (__typeof__(s->update))dlsym(lib, "EVP_DigestUpdate");
	s->final = (__typeof__(s->final))dlsym(lib, "EVP_DigestFinal_ex");
	if (s->ctx_new && s->ctx_free && s->sha256 && s->init && s->update && s->final)
		s->ctx = s->ctx_new();
	if (s->ctx)
		return s;
	free(s);
	return NULL;
}

bool sha256_begin(struct sha256 *s)
{
	return s->init(s->ctx, s->sha256(), NULL);
}

bool sha256_add(struct sha256 *s, const void *bytes, size_t n)
{
	return s->update(s->ctx, bytes, n);
}

bool sha256_end(struct sha256 *s, unsigned char out[SHA256_BYTES])
{
	unsigned int len = 0;

	return s->final(s->ctx, out, &len) && len == SHA256_BYTES;
}

void sha256_free(struct sha256 *s)
{
	if (!s)
		return;
	s->ctx_free(s->ctx);
	free(s);
}
