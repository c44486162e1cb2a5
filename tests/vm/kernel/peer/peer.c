// SPDX-License-Identifier: GPL-2.0
/*
 * What nova's module is measured against, in C: a register access by readl() and writel(), SRCU, and a count of RCU's grace
 * periods. `cargo xtask vm --kernel` disassembles the first, the case kernel_figures reads the others.
 */

#include <linux/atomic.h>
#include <linux/io.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/srcu.h>

/* What the callback below has: what `torture work` of nova's debug build has. */
struct peer {
	void __iomem *registers;
	atomic_t turns;
	bool storm;
};

/* What nova's `torture work` does with registers, by hand. Not called: it is there to be disassembled. */
noinline void peer_on_work(struct peer *peer);
noinline void peer_on_work(struct peer *peer)
{
	atomic_inc(&peer->turns);
	readl(peer->registers + 0xa00);
	if (READ_ONCE(peer->storm))
		writel(0x81, peer->registers + 0xb81640);
}

/* Only rcutorture and its like use it: no header of the kernel's declares it. */
unsigned long rcu_get_gp_seq(void);

/* RCU's sequence number counts four for each grace period; the two lowest bits say whether one is under way. */
static int grace_periods_get(char *buffer, const struct kernel_param *param)
{
	return sysfs_emit(buffer, "%lu\n", rcu_get_gp_seq() >> 2);
}

static const struct kernel_param_ops grace_periods = { .get = grace_periods_get };
module_param_cb(grace_periods, &grace_periods, NULL, 0444);
MODULE_PARM_DESC(grace_periods, "How many of RCU's grace periods there have been");

DEFINE_STATIC_SRCU(entries);

/* As many as the case asks nova for. */
#define ENTRIES 100000

static int srcu_ns_get(char *buffer, const struct kernel_param *param)
{
	u64 started = ktime_get_ns();
	int i;

	for (i = 0; i < ENTRIES; i++) {
		int index = srcu_read_lock(&entries);

		barrier();
		srcu_read_unlock(&entries, index);
	}
	return sysfs_emit(buffer, "%llu\n", (ktime_get_ns() - started) * 1000 / ENTRIES);
}

static const struct kernel_param_ops srcu_ns = { .get = srcu_ns_get };
module_param_cb(srcu_ps, &srcu_ns, NULL, 0444);
MODULE_PARM_DESC(srcu_ps, "Picoseconds for one srcu_read_lock and srcu_read_unlock, measured when it is read");

static int __init peer_init(void)
{
	return 0;
}

static void __exit peer_exit(void)
{
}

module_init(peer_init);
module_exit(peer_exit);
MODULE_AUTHOR("The nova developers");
MODULE_DESCRIPTION("What nova's module is measured against");
MODULE_LICENSE("GPL");
