/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * raw.h: system calls made here, past the gate. Each returns what the kernel returns: a value, or -errno. Nothing in
 * this folder calls a function of libc that makes a file call.
 */
#ifndef POSIX_RAW_H
#define POSIX_RAW_H

#include <sys/syscall.h>

static inline long raw6(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

#define RAW_A(x) ((long)(x))
#define raw1(nr, a) raw6(nr, RAW_A(a), 0, 0, 0, 0, 0)
#define raw2(nr, a, b) raw6(nr, RAW_A(a), RAW_A(b), 0, 0, 0, 0)
#define raw3(nr, a, b, c) raw6(nr, RAW_A(a), RAW_A(b), RAW_A(c), 0, 0, 0)
#define raw4(nr, a, b, c, d) raw6(nr, RAW_A(a), RAW_A(b), RAW_A(c), RAW_A(d), 0, 0)
#define raw5(nr, a, b, c, d, e) raw6(nr, RAW_A(a), RAW_A(b), RAW_A(c), RAW_A(d), RAW_A(e), 0)

#endif
