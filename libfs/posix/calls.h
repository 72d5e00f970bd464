/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * calls.h: which system calls are looked at, and where their paths and descriptors are; and a prototype for each
 * function that does it. X(call, outer, inner, dirfd1, path1, dirfd2, path2, fd, flags), -1: none.
 */
#ifndef POSIX_CALLS_H
#define POSIX_CALLS_H

#include <sys/syscall.h>

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

#define CALLS                                                                                                          \
	PATH(open, open, -1, 0, 0)                                                                                     \
	PATH(creat, creat, -1, 0, 0)                                                                                   \
	PATH(openat, openat, 0, 1, 0)                                                                                  \
	X(openat2, out_openat2, in_openat2, 0, 1, -1, -1, -1, 0)                                                       \
	PATH(stat, stat, -1, 0, 0)                                                                                     \
	PATH(lstat, lstat, -1, 0, 0)                                                                                   \
	PATH(newfstatat, newfstatat, 0, 1, C_EMPTY)                                                                    \
	PATH(statx, statx, 0, 1, C_EMPTY)                                                                              \
	PATH(access, access, -1, 0, 0)                                                                                 \
	PATH(faccessat, faccessat, 0, 1, 0)                                                                            \
	PATH(faccessat2, faccessat2, 0, 1, 0)                                                                          \
	PATH(chmod, chmod, -1, 0, 0)                                                                                   \
	PATH(fchmodat, fchmodat, 0, 1, 0)                                                                              \
	PATH(fchmodat2, fchmodat2, 0, 1, 0)                                                                            \
	PATH(chown, chown, -1, 0, 0)                                                                                   \
	PATH(lchown, lchown, -1, 0, 0)                                                                                 \
	PATH(fchownat, fchownat, 0, 1, 0)                                                                              \
	PATH(utime, utime, -1, 0, 0)                                                                                   \
	PATH(utimes, utimes, -1, 0, 0)                                                                                 \
	PATH(futimesat, futimesat, 0, 1, C_EMPTY)                                                                      \
	PATH(utimensat, utimensat, 0, 1, C_EMPTY)                                                                      \
	PATH(truncate, truncate, -1, 0, 0)                                                                             \
	PATH(mkdir, mkdir, -1, 0, 0)                                                                                   \
	PATH(mkdirat, mkdirat, 0, 1, 0)                                                                                \
	PATH(mknod, mknod, -1, 0, 0)                                                                                   \
	PATH(mknodat, mknodat, 0, 1, 0)                                                                                \
	PATH(rmdir, rmdir, -1, 0, 0)                                                                                   \
	PATH(unlink, unlink, -1, 0, 0)                                                                                 \
	PATH(unlinkat, unlinkat, 0, 1, 0)                                                                              \
	PATHS(rename, rename, -1, 0, -1, 1)                                                                            \
	PATHS(renameat, renameat2, 0, 1, 2, 3)                                                                         \
	PATHS(renameat2, renameat2, 0, 1, 2, 3)                                                                        \
	PATHS(link, link, -1, 0, -1, 1)                                                                                \
	PATHS(linkat, linkat, 0, 1, 2, 3)                                                                              \
	PATH(symlink, symlink, -1, 1, 0)                                                                               \
	PATH(symlinkat, symlink, 1, 2, 0)                                                                              \
	PATH(readlink, readlink, -1, 0, 0)                                                                             \
	PATH(readlinkat, readlinkat, 0, 1, 0)                                                                          \
	PATH(getxattr, getxattr, -1, 0, 0)                                                                             \
	PATH(lgetxattr, getxattr, -1, 0, 0)                                                                            \
	PATH(setxattr, setxattr, -1, 0, 0)                                                                             \
	PATH(lsetxattr, setxattr, -1, 0, 0)                                                                            \
	PATH(listxattr, listxattr, -1, 0, 0)                                                                           \
	PATH(llistxattr, listxattr, -1, 0, 0)                                                                          \
	PATH(removexattr, removexattr, -1, 0, 0)                                                                       \
	PATH(lremovexattr, removexattr, -1, 0, 0)                                                                      \
	PATH(statfs, statfs, -1, 0, 0)                                                                                 \
	X(chdir, out_chdir, in_chdir, -1, 0, -1, -1, -1, 0)                                                            \
	PATH(chroot, unsupported, -1, 0, 0)                                                                            \
	PATH(name_to_handle_at, unsupported, 0, 1, 0)                                                                  \
	PATH(inotify_add_watch, unsupported, -1, 1, 0)                                                                 \
	PATH(fanotify_mark, unsupported, 3, 4, 0)                                                                      \
	PATH(acct, unsupported, -1, 0, 0)                                                                              \
	FDS(read, read)                                                                                                \
	FDS(write, write)                                                                                              \
	FDS(pread64, pread)                                                                                            \
	FDS(pwrite64, pwrite)                                                                                          \
	FDS(readv, readv)                                                                                              \
	FDS(writev, writev)                                                                                            \
	FDS(preadv, preadv)                                                                                            \
	FDS(pwritev, pwritev)                                                                                          \
	FDS(preadv2, preadv2)                                                                                          \
	FDS(pwritev2, pwritev2)                                                                                        \
	FDS(lseek, lseek)                                                                                              \
	FDS(ftruncate, ftruncate)                                                                                      \
	FDS(fallocate, fallocate)                                                                                      \
	FDS(fsync, fsync)                                                                                              \
	FDS(fdatasync, fdatasync)                                                                                      \
	FDS(sync_file_range, sync_file_range)                                                                                \
	FDS(syncfs, syncfs)                                                                                            \
	FDS(fadvise64, advice)                                                                                         \
	FDS(readahead, readahead)                                                                                      \
	FDS(fstat, fstat)                                                                                              \
	FDS(fchmod, fchmod)                                                                                            \
	FDS(fchown, fchown)                                                                                            \
	FDS(fgetxattr, fgetxattr)                                                                                      \
	FDS(fsetxattr, fsetxattr)                                                                                      \
	FDS(flistxattr, flistxattr)                                                                                    \
	FDS(fremovexattr, fremovexattr)                                                                                \
	FDS(fstatfs, fstatfs)                                                                                          \
	FDS(getdents, getdents)                                                                                        \
	FDS(getdents64, getdents64)                                                                                    \
	X(fchdir, out_fchdir, in_fchdir, -1, -1, -1, -1, 0, 0)                                                         \
	OWN(getcwd, getcwd)                                                                                            \
	OWN(close, close)                                                                                              \
	OWN(close_range, close_range)                                                                                  \
	OWN(dup, dup)                                                                                                  \
	OWN(dup2, dup)                                                                                                 \
	OWN(dup3, dup)                                                                                                 \
	OWN(fcntl, fcntl)                                                                                              \
	OWN(flock, flock)                                                                                              \
	OWN(copy_file_range, copy)                                                                                     \
	OWN(sendfile, copy)                                                                                            \
	OWN(splice, copy)                                                                                              \
	OWN(mmap, mmap)                                                                                                \
	OWN(munmap, munmap)                                                                                            \
	OWN(mremap, munmap)                                                                                            \
	OWN(madvise, madvise)                                                                                          \
	OWN(mprotect, mprotect)                                                                                        \
	OWN(msync, msync)                                                                                              \
	OWN(fork, clone)                                                                                               \
	OWN(vfork, clone)                                                                                              \
	OWN(clone, clone)                                                                                              \
	OWN(clone3, clone)                                                                                             \
	OWN(execve, execve)                                                                                            \
	OWN(execveat, execve)                                                                                          \
	OWN(rt_sigaction, sigaction)                                                                                   \
	OWN(setuid, identity)                                                                                          \
	OWN(setgid, identity)                                                                                          \
	OWN(setreuid, identity)                                                                                        \
	OWN(setregid, identity)                                                                                        \
	OWN(setresuid, identity)                                                                                       \
	OWN(setresgid, identity)                                                                                       \
	OWN(setgroups, identity)                                                                                       \
	OWN(setfsuid, identity)                                                                                        \
	OWN(setfsgid, identity)                                                                                        \
	OWN(exit_group, exit)                                                                                          \
	OWN(setrlimit, rlimit)                                                                                         \
	OWN(prlimit64, rlimit)                                                                                         \
	OWN(bind, bind)                                                                                                \
	OWN(connect, connect)                                                                                          \
	OWN(sendto, sendto)                                                                                            \
	OWN(sendmsg, sendmsg)                                                                                          \
	OWN(sync, sync)

struct op;
struct regs;
struct call;
#define PATH(nr, fn, dirfd, path, flags) long in_##fn(struct op *op);
#define PATHS(nr, fn, d1, p1, d2, p2) long in_##fn(struct op *op);
#define FDS(nr, fn) long in_##fn(struct op *op);
#define OWN(nr, fn) int out_##fn(struct regs *r, const struct call *c);
#define X(nr, o, i, d1, p1, d2, p2, fd, flags)                                                                         \
	int o(struct regs *r, const struct call *c);                                                                   \
	long i(struct op *op);
CALLS
#undef X
#undef OWN
#undef FDS
#undef PATH
#undef PATHS

#endif
