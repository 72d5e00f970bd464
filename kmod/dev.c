// SPDX-License-Identifier: GPL-2.0
/* dev.c: /dev/exo. One open file is one environment; private_data is core's struct exo_env. */
#include "module.h"

#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/ioctl.h>
#include <linux/miscdevice.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uidgid.h>
#include <linux/user_namespace.h>

/*
 * Who opens: the identity that file permissions would use, in the initial user name space, so that the same number never
 * means two people.
 */
static int exo_dev_open(struct inode *inode, struct file *filp)
{
	const struct cred *who = filp->f_cred;
	const struct group_info *groups = who->group_info;
	struct exo_cred cred = {};
	struct exo_env *env;
	u32 *gids;
	int i, err;

	gids = kvmalloc_array(groups->ngroups + 1, sizeof(*gids), GFP_KERNEL);
	if (!gids)
		return -ENOMEM;
	gids[0] = from_kgid(&init_user_ns, who->fsgid);
	cred.ngids = 1;
	for (i = 0; i < groups->ngroups; i++)
		if (!gid_eq(groups->gid[i], who->fsgid))
			gids[cred.ngids++] = from_kgid(&init_user_ns, groups->gid[i]);
	cred.uid = from_kuid(&init_user_ns, who->fsuid);
	cred.gids = gids;
	cred.admin = capable(CAP_SYS_ADMIN);
	err = exo_env_open(exo_the_core, &cred, &env);
	kvfree(gids);
	if (err)
		return err;
	filp->private_data = env;
	exo_map_adopt(filp);
	return nonseekable_open(inode, filp);
}

static int exo_dev_release(struct inode *inode, struct file *filp)
{
	exo_env_close(filp->private_data);
	return 0;
}

static long exo_dev_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	if (cmd != EXO_CALL(_IOC_NR(cmd)))
		return -ENOTTY;
	return exo_call(filp->private_data, _IOC_NR(cmd), arg);
}

static void exo_dev_fdinfo(struct seq_file *m, struct file *filp)
{
	struct exo_env_holds h;

	exo_env_holds(filp->private_data, &h);
	seq_printf(m, "exo-abi:\t%u\n", EXO_ABI_VERSION);
	seq_printf(m, "exo-uid:\t%u\n", from_kuid_munged(seq_user_ns(m), filp->f_cred->fsuid));
	seq_printf(m, "exo-env:\t%u\n", h.id);
	seq_printf(m, "exo-bound:\t%u\n", h.bound);
	seq_printf(m, "exo-private:\t%u\n", h.priv);
	seq_printf(m, "exo-user-frames:\t%u\n", h.user_frames);
	seq_printf(m, "exo-user-limit:\t%u\n", h.user_limit);
	seq_printf(m, "exo-caps:\t%u\n", h.caps);
}

static const struct file_operations exo_dev_fops = {
	.owner = THIS_MODULE,
	.open = exo_dev_open,
	.release = exo_dev_release,
	.unlocked_ioctl = exo_dev_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = exo_map_mmap,
	.uring_cmd = exo_uring_cmd,
	.show_fdinfo = exo_dev_fdinfo,
};

static struct miscdevice exo_dev_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "exo",
	.fops = &exo_dev_fops,
	.mode = 0666,
};

int exo_dev_register(void)
{
	return misc_register(&exo_dev_misc);
}

void exo_dev_unregister(void)
{
	misc_deregister(&exo_dev_misc);
}
