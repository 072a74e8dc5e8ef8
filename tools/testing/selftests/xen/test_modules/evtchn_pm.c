// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A platform device that makes a hibernation fail on demand, for the tests of
 * /dev/xen/evtchn. Parameters, in /sys/module/evtchn_pm/parameters:
 *
 *   fail	the callback that returns -EBUSY: freeze or poweroff.
 *		poweroff_noirq always fails, so that no hibernation by the
 *		firmware (platform in /sys/power/disk) reaches the power-off
 *   seen	the text written to it, and the callbacks that ran after that
 */
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/pm.h>
#include <linux/string.h>

static char fail[32];
module_param_string(fail, fail, sizeof(fail), 0600);
MODULE_PARM_DESC(fail, "callback that returns -EBUSY");

static char seen[128];
module_param_string(seen, seen, sizeof(seen), 0600);
MODULE_PARM_DESC(seen, "callbacks that ran");

/* The PM core calls one at a time, while user space is frozen. */
static int step(const char *name)
{
	strlcat(seen, " ", sizeof(seen));
	strlcat(seen, name, sizeof(seen));
	return sysfs_streq(fail, name) || sysfs_streq("poweroff_noirq", name) ? -EBUSY : 0;
}

#define STEP(name) static int pm_##name(struct device *dev) { return step(#name); }
STEP(freeze)
STEP(thaw)
STEP(poweroff)
STEP(poweroff_noirq)
STEP(restore)

static const struct dev_pm_ops pm_ops = {
	.freeze		= pm_freeze,
	.thaw		= pm_thaw,
	.poweroff	= pm_poweroff,
	.poweroff_noirq	= pm_poweroff_noirq,
	.restore	= pm_restore,
};

static struct platform_driver pm_driver = {
	.driver = {
		.name	= KBUILD_MODNAME,
		.pm	= pm_sleep_ptr(&pm_ops),
	},
};

static struct platform_device *pm_device;

static int __init pm_init(void)
{
	/* There is nothing to probe. */
	pm_device = platform_create_bundle(&pm_driver, NULL, NULL, 0, NULL, 0);
	return PTR_ERR_OR_ZERO(pm_device);
}
module_init(pm_init);

static void __exit pm_exit(void)
{
	platform_device_unregister(pm_device);
	platform_driver_unregister(&pm_driver);
}
module_exit(pm_exit);

MODULE_DESCRIPTION("Test: a device that makes a hibernation fail on demand");
MODULE_LICENSE("Dual MIT/GPL");
