// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * What libexo.3 says about fork and threads, on the real module: a child has no pool mapping and takes none from its
 * parent, a handle of its own works beside the parent's, and one handle serves many threads.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <libexo.h>

#define NEED(cond)                                                                                                     \
	do {                                                                                                           \
		if (!(cond)) {                                                                                         \
			fprintf(stderr, "%s:%d: needed: %s\n", __FILE__, __LINE__, #cond);                             \
			_exit(1);                                                                                      \
		}                                                                                                      \
	} while (0)

static sigjmp_buf back;

static void fault(int sig)
{
	siglongjmp(back, sig);
}

static int touch(volatile char *p)
{
	int sig = sigsetjmp(back, 1);

	if (!sig)
		(void)*p;
	return sig;
}

static void child(struct exo *parents, uint32_t frame)
{
	struct exo *own;
	uint32_t f;

	/* The memory is the parent's alone; the environment is shared, so a call still works. */
	NEED(touch(exo_frame_ptr(exo_view(parents), frame)) == SIGSEGV);
	NEED(exo_cap_user(parents) >= 0);
	NEED(!exo_open(&own, NULL, NULL));
	NEED(exo_facts(own)->out_env != exo_facts(parents)->out_env);
	/* Mapped, and not this environment's. */
	NEED(touch(exo_frame_ptr(exo_view(own), frame)) == SIGBUS);
	NEED(!exo_frame_alloc(own, 1, &f, EXO_FRAME_ANY, NULL) && f != frame);
	strcpy(exo_frame_ptr(exo_view(own), f), "the child's");
	exo_close(own);
	_exit(0);
}

static void *worker(void *arg)
{
	struct exo *x = arg;

	for (int i = 0; i < 200; i++) {
		uint32_t f[4];

		NEED(!exo_frame_alloc(x, 4, f, EXO_FRAME_ANY, NULL));
		for (int k = 0; k < 4; k++) {
			uint32_t *p = exo_frame_ptr(exo_view(x), f[k]);

			NEED(*p == 0);
			*p = f[k] + 1;
		}
		for (int k = 0; k < 4; k++)
			NEED(*(uint32_t *)exo_frame_ptr(exo_view(x), f[k]) == f[k] + 1);
		NEED(!exo_frame_free(x, 4, f, NULL));
	}
	return NULL;
}

int main(void)
{
	struct sigaction sa = {.sa_handler = fault};
	pthread_t t[4];
	struct exo *x;
	uint32_t frame;
	int status;

	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	NEED(!exo_open(&x, NULL, NULL));
	NEED(!exo_frame_alloc(x, 1, &frame, EXO_FRAME_ANY, NULL));
	strcpy(exo_frame_ptr(exo_view(x), frame), "the parent's");
	switch (fork()) {
	case -1:
		NEED(!"fork");
	case 0:
		child(x, frame);
	}
	NEED(wait(&status) > 0 && !status);
	NEED(!touch(exo_frame_ptr(exo_view(x), frame)));
	NEED(!strcmp(exo_frame_ptr(exo_view(x), frame), "the parent's"));
	for (int i = 0; i < 4; i++)
		NEED(!pthread_create(&t[i], NULL, worker, x));
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	NEED(!exo_frame_free(x, 1, &frame, NULL));
	NEED(touch(exo_frame_ptr(exo_view(x), frame)) == SIGBUS);
	exo_close(x);
	return 0;
}
