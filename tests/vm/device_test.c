// SPDX-License-Identifier: GPL-2.0 OR MIT
/* device_test: the device itself, as root and as uid 1000: call numbers, identity, what it is not (a byte stream). */
#define _GNU_SOURCE
#include <sched.h>
#include <grp.h>
#include "vm.h"

#define USER 1000

static int caps_of(int fd, struct exo_cap *caps)
{
	struct exo_cap_list l = { .caps = vm_ptr(caps), .count = EXO_MAX_CAPS };

	memset(caps, 0, EXO_MAX_CAPS * sizeof(*caps));
	need(!vm_call(fd, EXO_NR_CAP_LIST, &l), "CAP_LIST");
	return l.out_count;
}

static bool has(const struct exo_cap *caps, uint32_t depth, uint32_t space, uint32_t id)
{
	int i;

	for (i = 0; i < (int)EXO_MAX_CAPS; i++)
		if (caps[i].rights && caps[i].depth == depth &&
		    (!depth || (caps[i].name[0] == space && caps[i].name[1] == id)))
			return true;
	return false;
}

static void numbers(void)
{
	struct exo_query q = { .head.size = sizeof(q) };
	int fd = vm_open();

	check(ioctl(fd, EXO_CALL(0), &q) < 0 && errno == ENOTTY, "call 0 is unknown");
	check(ioctl(fd, EXO_CALL(EXO_NR_MAX + 1), &q) < 0 && errno == ENOTTY, "call MAX + 1 is unknown");
	check(ioctl(fd, _IO('y', EXO_NR_QUERY), &q) < 0 && errno == ENOTTY, "another type is unknown");
	check(ioctl(fd, _IOR('x', EXO_NR_QUERY, struct exo_query), &q) < 0 && errno == ENOTTY, "a number with a size is unknown");
	check(ioctl(fd, EXO_CALL(EXO_NR_QUERY), 8ul) < 0 && errno == EFAULT, "a bad address is a fault");
	check(ioctl(fd, EXO_CALL(EXO_NR_QUERY), ~0ul << 47) < 0 && errno == EFAULT, "a kernel address is a fault");
	check(!vm_call(fd, EXO_NR_QUERY, &q) && q.out_abi == EXO_ABI_VERSION && q.out_frames && q.out_env, "QUERY answers");
	check(read(fd, &q, 8) < 0 && errno == EINVAL, "read is refused");
	check(write(fd, &q, 8) < 0 && errno == EINVAL, "write is refused");
	check(lseek(fd, 0, SEEK_SET) < 0 && errno == ESPIPE, "seek is refused");
	close(fd);
}

static void fdinfo(void)
{
	char path[64], text[512] = "";
	int fd = vm_open(), info;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	info = open(path, O_RDONLY);
	need(info >= 0 && read(info, text, sizeof(text) - 1) > 0, "read %s", path);
	check(strstr(text, "exo-abi:\t1\n") != NULL, "fdinfo says what it is");
	close(info);
	close(fd);
}

static void identity(void)
{
	static const gid_t groups[] = { 7, 2000, 3000 };
	struct exo_cap caps[EXO_MAX_CAPS];
	int fd = vm_open(), old = fd, n;

	n = caps_of(fd, caps);
	check(n >= 2 && has(caps, 0, 0, 0), "root holds the root of the name space");
	need(!setgroups(3, groups) && !setresgid(USER, USER, USER) && !setresuid(USER, USER, USER), "become uid %d", USER);
	fd = vm_open();
	n = caps_of(fd, caps);
	check(!has(caps, 0, 0, 0), "a user does not");
	check(n == 5 && has(caps, 2, EXO_CAP_NS_UID, USER) && has(caps, 2, EXO_CAP_NS_GID, USER) &&
	      has(caps, 2, EXO_CAP_NS_GID, 7) && has(caps, 2, EXO_CAP_NS_GID, 2000) && has(caps, 2, EXO_CAP_NS_GID, 3000),
	      "a user holds its uid and its four gids, and no more (%d)", n);
	n = caps_of(old, caps);
	check(has(caps, 0, 0, 0), "an environment keeps the identity that opened it");
	close(fd);
	close(old);
	if (unshare(CLONE_NEWUSER)) {
		check(false, "unshare a user name space: errno %d", errno);
		return;
	}
	fd = vm_open();
	caps_of(fd, caps);
	check(!has(caps, 0, 0, 0) && has(caps, 2, EXO_CAP_NS_UID, USER),
	      "full capabilities in a user name space give nothing here");
	close(fd);
}

int main(void)
{
	numbers();
	fdinfo();
	identity();
	return vm_result();
}
