// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * stall_test DISK: calls stand at a page that nobody serves, in the kernel's own copy loops and in the thread that verifies a
 * program. The administrator's DETACH answers, others work, and after a kill nothing is left behind.
 */
#define _GNU_SOURCE
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include "vm.h"

static int uffd;
static char *slow;

static void slow_page(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register r = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	need(uffd >= 0 && !ioctl(uffd, UFFDIO_API, &api), "userfaultfd");
	slow = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	r.range.start = vm_ptr(slow);
	r.range.len = 4096;
	need(slow != MAP_FAILED && !ioctl(uffd, UFFDIO_REGISTER, &r), "register");
}

/* A process whose call number `which` stands at its page; it says so on the pipe. */
static pid_t stalled(uint32_t disk, int which)
{
	uint64_t insn = 0x95; /* exit, without a result: refused, with words */
	struct exo_edit edit = { .block = 2000, .version = 2, .len = 8 };
	struct exo_txn txn = { .disk = disk, .nedits = 1, .edits = vm_ptr(&edit) };
	struct exo_read read_ = { .disk = disk, .nruns = 1 };
	struct exo_template_add t = { .disk = disk, .name = "s", .partition = 512, .ninsns = 1, .insns = vm_ptr(&insn) };
	int said[2];
	pid_t pid;
	char c;

	need(!pipe(said), "pipe");
	pid = fork();
	if (!pid) {
		struct pollfd p;
		int fd = vm_open();

		signal(SIGTERM, SIG_DFL);
		slow_page();
		if (!fork()) {
			p = (struct pollfd){ .fd = uffd, .events = POLLIN };
			if (poll(&p, 1, 20000) == 1)
				(void)!write(said[1], "x", 1);
			close(said[1]);
			pause();
		}
		close(said[1]);
		edit.bytes = vm_ptr(slow);
		read_.runs = vm_ptr(slow);
		t.log = vm_ptr(slow);
		t.log_size = 4096;
		if (which == 0)
			vm_call(fd, EXO_NR_TXN, &txn);
		else if (which == 1)
			vm_call(fd, EXO_NR_READ, &read_);
		else
			vm_call(fd, EXO_NR_TEMPLATE_ADD, &t);
		_exit(0);
	}
	close(said[1]);
	check(read(said[0], &c, 1) == 1, "call %d stands at its page", which);
	close(said[0]);
	return pid;
}

int main(int argc, char **argv)
{
	uint32_t disk = argc > 1 ? strtoul(argv[1], NULL, 0) : 0;
	int fd = vm_open(), which, err, i;

	setpgid(0, 0);
	signal(SIGTERM, SIG_IGN);
	for (which = 0; which < 3; which++) {
		struct exo_detach d = { .disk = disk };
		struct exo_disk_info info = { .disk = disk };
		pid_t pid = stalled(disk, which);

		alarm(20);
		err = vm_call(fd, EXO_NR_DETACH, &d);
		check(err == -EBUSY && d.head.out_reason == EXO_R_IN_USE && d.head.out_detail == 1,
		      "DETACH answers (%d, reason %u, %llu)", err, d.head.out_reason, (unsigned long long)d.head.out_detail);
		check(!vm_call(fd, EXO_NR_DISK_INFO, &info), "others work");
		alarm(0);
		/* the child's own child holds the page's descriptor; both go */
		kill(pid, SIGKILL);
		kill(0, SIGTERM);
		for (i = 0; i < 100 && waitpid(pid, NULL, WNOHANG) == 0; i++)
			usleep(50000);
		check(i < 100, "the caller can be killed");
	}
	return vm_result();
}
