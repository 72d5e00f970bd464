// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Counters that every Linux kernel keeps anyway. Reading them disturbs nothing that happens between two snapshots. */
#define _GNU_SOURCE
#include <dirent.h>
#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include "phase.h"

/* Value of the line that starts with `key` and a blank; 0 if there is none. */
static uint64_t field(const char *path, const char *key)
{
	FILE *f = fopen(path, "re");
	size_t len = strlen(key);
	static char line[65536]; /* the interrupt line of /proc/stat is long */
	uint64_t value = 0;

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f)) {
		if (!strncmp(line, key, len) && line[len] == ' ' && sscanf(line + len, "%" SCNu64, &value) == 1)
			break;
	}
	fclose(f);
	return value;
}

static void take_disks(struct snap *s)
{
	uint64_t n[17];
	struct dirent *e;
	char path[300];
	DIR *dir = opendir("/sys/block");
	FILE *f;

	while (dir && s->ndisks < SNAP_DISKS && (e = readdir(dir))) {
		struct snap_disk *d = &s->disks[s->ndisks];
		int got = 0;

		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/sys/block/%s/stat", e->d_name);
		f = fopen(path, "re");
		if (!f)
			continue;
		memset(n, 0, sizeof(n));
		while (got < 17 && fscanf(f, "%" SCNu64, &n[got]) == 1)
			got++;
		fclose(f);
		if (got < 11)
			continue;
		snprintf(d->name, sizeof(d->name), "%.31s", e->d_name);
		d->reads = n[0];
		d->read_bytes = n[2] * 512;
		d->writes = n[4];
		d->write_bytes = n[6] * 512;
		d->discards = n[11];
		d->flushes = n[15];
		s->ndisks++;
	}
	if (dir)
		closedir(dir);
}

static void take_nets(struct snap *s)
{
	FILE *f = fopen("/proc/net/dev", "re");
	char line[512], *colon, *name;

	while (f && s->nnets < SNAP_NETS && fgets(line, sizeof(line), f)) {
		struct snap_net *n = &s->nets[s->nnets];

		colon = strchr(line, ':');
		if (!colon)
			continue;
		*colon = '\0';
		for (name = line; *name == ' '; name++)
			;
		if (sscanf(colon + 1, "%" SCNu64 " %" SCNu64 " %*u %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64,
			   &n->rx_bytes, &n->rx_packets, &n->tx_bytes, &n->tx_packets) != 4)
			continue;
		snprintf(n->name, sizeof(n->name), "%.31s", name);
		s->nnets++;
	}
	if (f)
		fclose(f);
}

void snap_take(struct snap *s)
{
	struct rusage own, children;
	struct timespec ts;

	memset(s, 0, sizeof(*s));
	take_disks(s);
	take_nets(s);
	s->switches = field("/proc/stat", "ctxt");
	s->interrupts = field("/proc/stat", "intr");
	s->faults = field("/proc/vmstat", "pgfault");
	s->major = field("/proc/vmstat", "pgmajfault");
	getrusage(RUSAGE_SELF, &own);
	getrusage(RUSAGE_CHILDREN, &children);
	s->own_faults = own.ru_minflt + children.ru_minflt;
	s->own_major = own.ru_majflt + children.ru_majflt;
	clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	s->ns = ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static const struct snap_disk *disk_of(const struct snap *s, const char *name)
{
	static const struct snap_disk none;
	unsigned int i;

	for (i = 0; i < s->ndisks; i++)
		if (!strcmp(s->disks[i].name, name))
			return &s->disks[i];
	return &none;
}

static const struct snap_net *net_of(const struct snap *s, const char *name)
{
	static const struct snap_net none;
	unsigned int i;

	for (i = 0; i < s->nnets; i++)
		if (!strcmp(s->nets[i].name, name))
			return &s->nets[i];
	return &none;
}

void snap_print(FILE *f, const struct snap *a, const struct snap *b)
{
	const char *comma = "";
	unsigned int i;

	fprintf(f, "\"ns\":%" PRIu64 ",\"switches\":%" PRIu64 ",\"interrupts\":%" PRIu64, b->ns - a->ns,
		b->switches - a->switches, b->interrupts - a->interrupts);
	fprintf(f,
		",\"faults\":{\"all\":%" PRIu64 ",\"all_major\":%" PRIu64 ",\"own\":%" PRIu64 ",\"own_major\":%" PRIu64
		"}",
		b->faults - a->faults, b->major - a->major, b->own_faults - a->own_faults, b->own_major - a->own_major);
	fprintf(f, ",\"disks\":{");
	for (i = 0; i < b->ndisks; i++) {
		const struct snap_disk *n = &b->disks[i], *o = disk_of(a, n->name);

		if (n->reads == o->reads && n->writes == o->writes && n->flushes == o->flushes &&
		    n->discards == o->discards)
			continue;
		fprintf(f,
			"%s\"%s\":{\"reads\":%" PRIu64 ",\"read_bytes\":%" PRIu64 ",\"writes\":%" PRIu64
			",\"write_bytes\":%" PRIu64 ",\"discards\":%" PRIu64 ",\"flushes\":%" PRIu64 "}",
			comma, n->name, n->reads - o->reads, n->read_bytes - o->read_bytes, n->writes - o->writes,
			n->write_bytes - o->write_bytes, n->discards - o->discards, n->flushes - o->flushes);
		comma = ",";
	}
	fprintf(f, "},\"nets\":{");
	comma = "";
	for (i = 0; i < b->nnets; i++) {
		const struct snap_net *n = &b->nets[i], *o = net_of(a, n->name);

		if (n->rx_packets == o->rx_packets && n->tx_packets == o->tx_packets)
			continue;
		fprintf(f,
			"%s\"%s\":{\"rx_packets\":%" PRIu64 ",\"rx_bytes\":%" PRIu64 ",\"tx_packets\":%" PRIu64
			",\"tx_bytes\":%" PRIu64 "}",
			comma, n->name, n->rx_packets - o->rx_packets, n->rx_bytes - o->rx_bytes,
			n->tx_packets - o->tx_packets, n->tx_bytes - o->tx_bytes);
		comma = ",";
	}
	fprintf(f, "}");
}
