// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A page of I/O requests for privcmd's ioeventfd. A device model maps that of a
 * domain through privcmd, which keeps an array of the mapping's pages. Here the
 * page is the kernel's own: who maps /dev/evtchn_privcmd writes requests into it
 * as Xen would, and no domain is needed.
 */
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>

#include <xen/xen.h>

/* It is there as long as the module, as privcmd takes no reference to it. */
static struct page *request_pages[1];

static int request_mmap(struct file *filp, struct vm_area_struct *vma)
{
	vm_flags_set(vma, VM_DONTEXPAND | VM_DONTCOPY | VM_DONTDUMP);
	/* Where privcmd looks for the pages of a mapping. */
	vma->vm_private_data = request_pages;
	return vm_insert_page(vma, vma->vm_start, request_pages[0]);
}

static const struct file_operations request_fops = {
	.owner	= THIS_MODULE,
	.mmap	= request_mmap,
};

static struct miscdevice request_miscdev = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "evtchn_privcmd",
	.fops	= &request_fops,
};

static int __init request_init(void)
{
	int rc;

	if (!xen_domain())
		return -ENODEV;
	request_pages[0] = alloc_page(GFP_KERNEL | __GFP_ZERO);
	if (!request_pages[0])
		return -ENOMEM;
	rc = misc_register(&request_miscdev);
	if (rc)
		__free_page(request_pages[0]);
	return rc;
}
module_init(request_init);

static void __exit request_exit(void)
{
	misc_deregister(&request_miscdev);
	__free_page(request_pages[0]);
}
module_exit(request_exit);

MODULE_DESCRIPTION("Test: a page of I/O requests for privcmd's ioeventfd");
MODULE_LICENSE("Dual MIT/GPL");
