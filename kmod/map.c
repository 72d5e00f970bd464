// SPDX-License-Identifier: GPL-2.0
/*
 * map.c: mappings of /dev/exo. Two kinds: the pool, filled fault by fault from the env's grants, and the read-only areas
 * (registry, statistics, free maps), filled at once.
 *
 * Every open file shares one address_space, that of an inode made here, whatever device node was opened. So
 * exo_plat_zap finds every mapping of a frame, in any process.
 *
 * The pool is mapped by page frame number (VM_PFNMAP): nobody can take a reference to the page through the mapping, and
 * so a zap ends all access. Its page protection is read-only even in a writable mapping, because pfn_mkwrite is there
 * (vma_wants_writenotify): only this file makes an entry writable. The writable entry is made here, under core's lock, and
 * not by returning 0 from pfn_mkwrite: the kernel would make the entry writable after the lock is gone, and compares only
 * the entry's value, which may by then belong to a newer, read-only grant of the same frame.
 */
#include "module.h"

#include <linux/anon_inodes.h>
#include <linux/bitmap.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/vmalloc.h>

#define EXO_POOL_PGOFF (EXO_MAP_POOL >> PAGE_SHIFT)

static const struct file_operations exo_map_fops = {};
static struct file *exo_map_file; /* exists for its inode's address_space */

/* One bit a frame, under core's lock: some mapping may have an entry. Most frames that change hands were never touched. */
static unsigned long *exo_mapped;

int exo_map_init(void)
{
	struct file *f;

	exo_mapped = kvcalloc(BITS_TO_LONGS(exo_frame_count()), sizeof(long), GFP_KERNEL);
	if (!exo_mapped)
		return -ENOMEM;
	f = anon_inode_create_getfile("[exo]", &exo_map_fops, NULL, O_RDWR, NULL);
	if (IS_ERR(f)) {
		kvfree(exo_mapped);
		return PTR_ERR(f);
	}
	exo_map_file = f;
	return 0;
}

/* Synchronous: a delayed last fput would look at exo_map_fops after the module is gone. */
void exo_map_exit(void)
{
	__fput_sync(exo_map_file);
	kvfree(exo_mapped);
}

void exo_map_adopt(struct file *filp)
{
	filp->f_mapping = exo_map_file->f_mapping;
}

void exo_plat_zap(u32 frame)
{
	if (!__test_and_clear_bit(frame, exo_mapped))
		return;
	unmap_mapping_range(exo_map_file->f_mapping, (loff_t)(EXO_MAP_POOL + ((u64)frame << PAGE_SHIFT)), PAGE_SIZE, 1);
}

static vm_fault_t exo_pool_enter(struct vm_area_struct *vma, unsigned long addr, u32 frame, bool writable)
{
	vm_flags_t flags = writable ? vma->vm_flags : vma->vm_flags & ~VM_SHARED;

	__set_bit(frame, exo_mapped);
	return vmf_insert_pfn_prot(vma, addr, exo_frame_pfn(frame), vm_get_page_prot(flags));
}

/*
 * Core's lock is held from begin to end, so a revocation sees either no entry yet or the one made here. An entry that
 * is already there: for `fault`, another thread was faster, and the access is tried again; for `mkwrite`, it is the
 * read-only one, and goes first.
 */
static vm_fault_t exo_pool_install(struct vm_fault *vmf, bool write, bool mkwrite)
{
	struct vm_area_struct *vma = vmf->vma;
	struct exo_env *env = vma->vm_file->private_data;
	u64 frame = vmf->pgoff - EXO_POOL_PGOFF;
	bool writable = false;
	vm_fault_t ret = VM_FAULT_SIGBUS;

	if (vmf->pgoff < EXO_POOL_PGOFF || frame >= exo_frame_count())
		return VM_FAULT_SIGBUS;
	if (exo_fault_begin(env, frame, write, &writable))
		return VM_FAULT_SIGBUS;
	if (write && !writable)
		goto end;
	if (mkwrite)
		zap_vma_ptes(vma, vmf->address & PAGE_MASK, PAGE_SIZE);
	ret = exo_pool_enter(vma, vmf->address & PAGE_MASK, frame, writable);
end:
	exo_fault_end(env);
	return ret;
}

static vm_fault_t exo_pool_fault(struct vm_fault *vmf)
{
	return exo_pool_install(vmf, vmf->flags & FAULT_FLAG_WRITE, false);
}

static vm_fault_t exo_pool_mkwrite(struct vm_fault *vmf)
{
	return exo_pool_install(vmf, true, true);
}

static void exo_pool_open(struct vm_area_struct *vma)
{
	exo_env_map(vma->vm_file->private_data, true);
}

static void exo_pool_close(struct vm_area_struct *vma)
{
	exo_env_unmap(vma->vm_file->private_data);
}

static const struct vm_operations_struct exo_pool_ops = {
	.open = exo_pool_open,
	.close = exo_pool_close,
	.fault = exo_pool_fault,
	.pfn_mkwrite = exo_pool_mkwrite,
};

/* Is `addr` where the frame is in a mapping of this env's pool? The address and the frame are the caller's, so neither is believed. */
static bool exo_pool_here(const struct vm_area_struct *vma, const struct exo_env *env, unsigned long addr, u32 frame)
{
	return vma && vma->vm_ops == &exo_pool_ops && vma->vm_file->private_data == env && addr >= vma->vm_start &&
	       addr < vma->vm_end && vma->vm_pgoff + ((addr - vma->vm_start) >> PAGE_SHIFT) == EXO_POOL_PGOFF + frame;
}

/*
 * Under mmap_lock, as a fault. It is not waited for: whoever holds it long is not worth it, and faults still find the way. An entry that
 * stands stays as it is.
 */
void exo_plat_map(struct exo_env *env, u64 at, const u32 *frames, u32 n)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma = NULL;
	bool writable;
	u32 i;

	if (!mm || !PAGE_ALIGNED(at) || !mmap_read_trylock(mm))
		return;
	exo_fault_lock(env);
	for (i = 0; i < n; i++) {
		unsigned long addr = at + ((u64)frames[i] << PAGE_SHIFT);

		if (!exo_pool_here(vma, env, addr, frames[i]))
			vma = vma_lookup(mm, addr);
		if (!exo_pool_here(vma, env, addr, frames[i]) || !(vma->vm_flags & VM_READ))
			continue;
		if (!exo_fault_allows(env, frames[i], false, &writable))
			exo_pool_enter(vma, addr, frames[i], writable);
	}
	exo_fault_end(env);
	mmap_read_unlock(mm);
}

static int exo_pool_mmap(struct vm_area_struct *vma)
{
	u64 first = vma->vm_pgoff - EXO_POOL_PGOFF;
	int err;

	if (first >= exo_frame_count() || vma_pages(vma) > exo_frame_count() - first)
		return -EINVAL;
	err = exo_env_map(vma->vm_file->private_data, false);
	if (err)
		return err;
	vm_flags_set(vma, VM_PFNMAP | VM_IO | VM_DONTEXPAND | VM_DONTDUMP | VM_DONTCOPY);
	vma->vm_ops = &exo_pool_ops;
	return 0;
}

/* An area's offset names it; a mapping begins there, and a part of one that was split keeps it in vm_private_data. */
struct exo_area {
	refcount_t refs;
	u64 offset;
	void *base;
};

static void exo_area_open(struct vm_area_struct *vma)
{
	struct exo_area *a = vma->vm_private_data;

	refcount_inc(&a->refs);
}

static void exo_area_close(struct vm_area_struct *vma)
{
	struct exo_area *a = vma->vm_private_data;

	if (refcount_dec_and_test(&a->refs)) {
		exo_core_area_put(exo_the_core, a->offset, a->base);
		kfree(a);
	}
}

static const struct vm_operations_struct exo_area_ops = {
	.open = exo_area_open,
	.close = exo_area_close,
};

static int exo_area_mmap(struct vm_area_struct *vma, u64 offset)
{
	struct exo_area *a;
	size_t bytes;
	int err;

	if (vma->vm_flags & VM_WRITE)
		return -EACCES;
	a = kzalloc(sizeof(*a), GFP_KERNEL_ACCOUNT);
	if (!a)
		return -ENOMEM;
	refcount_set(&a->refs, 1);
	a->offset = offset;
	err = exo_core_area_get(exo_the_core, offset, &a->base, &bytes);
	if (err)
		goto free;
	err = -EINVAL;
	if (vma->vm_end - vma->vm_start > PAGE_ALIGN(bytes))
		goto put;
	vm_flags_mod(vma, VM_DONTCOPY, VM_MAYWRITE);
	err = remap_vmalloc_range(vma, a->base, 0);
	if (err)
		goto put;
	vma->vm_private_data = a;
	vma->vm_ops = &exo_area_ops;
	return 0;

put:
	exo_core_area_put(exo_the_core, offset, a->base);
free:
	kfree(a);
	return err;
}

int exo_map_mmap(struct file *filp, struct vm_area_struct *vma)
{
	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	if (vma->vm_flags & VM_EXEC)
		return -EACCES;
	vm_flags_clear(vma, VM_MAYEXEC);
	if (vma->vm_pgoff >= EXO_POOL_PGOFF)
		return exo_pool_mmap(vma);
	return exo_area_mmap(vma, (u64)vma->vm_pgoff << PAGE_SHIFT);
}
