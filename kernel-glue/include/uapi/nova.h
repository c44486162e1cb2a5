/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/*
 * The calls on /dev/novaN.
 *
 * Every call is ioctl(fd, NOVA_..., &struct). The structs have no holes and are the same for 32 and 64 bit programs.
 *
 * size    The first member of every struct. Set it to sizeof(struct). A kernel that knows less of the struct than the
 *         program takes the call if the part it does not know is zero, and answers E2BIG otherwise; one that knows more
 *         takes zero for what the program did not give. More than 4096 bytes are E2BIG in any case. On success it is how many bytes the kernel has filled in. Structs
 *         only ever grow at the end, and a call never changes its meaning.
 * flags   The second. A bit that is not known is answered with EINVAL.
 *
 * An open file belongs to the device as it was bound when it was opened. Once that is unbound, unplugged or has fallen off
 * the bus, every call that is well-formed and allowed answers ENODEV, for ever, also after the device has been bound anew; a call that waits is woken up and
 * answers ENODEV; poll() gives POLLHUP | POLLERR at once. Closing always works. Open the device again when it is back.
 *
 * Errors of every call
 *   ENODEV  the device is not there any more; close the file
 *   EAGAIN  the device is asleep; try again after resume. Calls that wait go on waiting instead
 *   ENOTTY  there is no such call in this kernel
 *   EINVAL  size is smaller than in ABI version 1, a flag is not known, or a number is out of its range
 *   E2BIG   the program wants something that this kernel does not know
 *   EFAULT  the struct is not in the program's memory
 *   EIO     the device answered something that cannot be right
 * Errors of calls that wait
 *   ETIMEDOUT  it did not happen within timeout_ns
 *   EINTR      a signal came first; the struct is updated so that the same call again goes on where this one ended. After a
 *              signal without a handler, or whose handler has SA_RESTART, the kernel makes that call by itself
 * O_NONBLOCK makes no difference: timeout_ns of 0 looks and does not wait.
 *
 * poll() gives POLLIN | POLLRDNORM when an interrupt was served since the file was opened or since its last NOVA_WAIT_IRQ.
 * read(), write() and mmap() are not offered.
 */
#ifndef _UAPI_NOVA_H
#define _UAPI_NOVA_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Grows when something is added. What a version has, all later ones have. */
#define NOVA_ABI_VERSION 1

#define NOVA_IOCTL_TYPE 0xdf

#define NOVA_GET_INFO   _IO(NOVA_IOCTL_TYPE, 0x00)
#define NOVA_GET_TIME   _IO(NOVA_IOCTL_TYPE, 0x01)
#define NOVA_WAIT_ALARM _IO(NOVA_IOCTL_TYPE, 0x02)
#define NOVA_WAIT_IRQ   _IO(NOVA_IOCTL_TYPE, 0x03)
#define NOVA_GET_IRQ    _IO(NOVA_IOCTL_TYPE, 0x04)
#define NOVA_READ_REG   _IO(NOVA_IOCTL_TYPE, 0x05)
#define NOVA_DEBUG      _IO(NOVA_IOCTL_TYPE, 0x40)

/* timeout_ns that never passes. */
#define NOVA_FOREVER (~(__u64)0)

/* What state the device is in: the driver core's numbers. An open file only ever sees these two. */
#define NOVA_STATE_BOUND     2
#define NOVA_STATE_SUSPENDED 3

/* NOVA_DEBUG is there: the module was built for tests. */
#define NOVA_CAP_DEBUG (1U << 0)

/* NOVA_GET_INFO: which device it is. Does not touch it, so it works while it is asleep. For everybody. */
struct nova_info {
	__u32 size;
	__u32 flags;         /* in: 0 */
	__u32 abi_version;   /* out: NOVA_ABI_VERSION of the module */
	__u32 state;         /* out: NOVA_STATE_... */
	__u32 capabilities;  /* out: NOVA_CAP_... */
	__u32 boot0;         /* out: NV_PMC_BOOT_0 as read in probe */
	__u32 boot1;         /* out: NV_PMC_BOOT_1 */
	__u32 boot42;        /* out: NV_PMC_BOOT_42 */
	__u32 pci_domain;    /* out: PCI address */
	__u8  pci_bus;
	__u8  pci_slot;
	__u8  pci_function;
	__u8  pci_revision;  /* out: PCI identity */
	__u16 pci_vendor;
	__u16 pci_device;
	__u32 pci_class;     /* out: 24 bits, such as 0x030000 */
	__u64 bar0_size;     /* out: in bytes */
	char  chip[16];      /* out: such as "GA102", filled up with zeros */
};

/* NOVA_GET_TIME: the GPU's time. For everybody. */
struct nova_time {
	__u32 size;
	__u32 flags;          /* in: NOVA_TIME_... */
	__u64 gpu_ns;         /* out: the GPU's time */
	__u64 host_before_ns; /* out: CLOCK_MONOTONIC before the GPU's time was read */
	__u64 host_after_ns;  /* out: and after */
};

/* Through NV_PTIMER instead of the virtual function's view of the same counter. */
#define NOVA_TIME_PTIMER (1U << 0)

/*
 * NOVA_WAIT_ALARM: sets an alarm and waits for it. For everybody.
 *
 * The alarm is taken back when the call ends without it. One in the past fires at once. ENOSPC: all alarms of the device
 * are in use. EINVAL: the time is beyond what the counter holds (2^61 ns). EINTR: at_ns is the absolute time and
 * NOVA_ALARM_RELATIVE is gone, and timeout_ns is what is left of it.
 */
struct nova_alarm {
	__u32 size;
	__u32 flags;         /* in: NOVA_ALARM_... */
	__u64 at_ns;         /* in: GPU time, or how far ahead; out: GPU time that was asked for */
	__u64 timeout_ns;    /* in: how long to wait by the host's clock, or NOVA_FOREVER */
	__u64 due_ns;        /* out: when it was to fire: at_ns, rounded up to the counter's step */
	__u64 seen_ns;       /* out: GPU time when it was found due; never before due_ns */
};

/* at_ns is so far from now. */
#define NOVA_ALARM_RELATIVE (1U << 0)

/*
 * NOVA_WAIT_IRQ: waits until the device has interrupted. For everybody.
 *
 * Interrupts are counted from when the file was opened or from its last NOVA_WAIT_IRQ that succeeded, so none is missed
 * between two calls. EINTR: timeout_ns is what is left of it.
 */
struct nova_wait_irq {
	__u32 size;
	__u32 flags;         /* in: 0 */
	__u64 timeout_ns;    /* in: how long to wait by the host's clock, or NOVA_FOREVER */
	__u32 since_last;    /* out: interrupt messages served since, at least 1 */
	__u32 served;        /* out: and since the device was bound; wraps */
};

/* A source of interrupts, and how often it was served since the device was bound. */
struct nova_irq_source {
	__u16 tree;          /* NOVA_IRQ_... */
	__u16 number;        /* vector, or bit */
	__u32 count;
};

#define NOVA_IRQ_VECTOR 0 /* a vector of the interrupt tree */
#define NOVA_IRQ_PMC    1 /* a bit of NV_PMC_INTR(0), Turing only */

#define NOVA_MAX_IRQ_SOURCES 32

/* NOVA_GET_IRQ: the counters, since the device was bound. Does not touch it. For everybody. */
struct nova_irq {
	__u32 size;
	__u32 flags;         /* in: 0 */
	__u32 served;        /* out: messages that found something pending */
	__u32 spurious;      /* out: messages that found nothing */
	__u32 unhandled;     /* out: sources disabled because nobody knew them */
	__u32 storms;        /* out: sources disabled because they came too often */
	__u32 missed;        /* out: alarms that were found due without an interrupt */
	__u32 sources;       /* out: how many of source[] are filled in */
	struct nova_irq_source source[NOVA_MAX_IRQ_SOURCES];
};

/*
 * NOVA_READ_REG: reads 32 bits of BAR0. For CAP_SYS_RAWIO.
 *
 * EPERM: without the capability. EINVAL: the offset is no multiple of 4, or outside the first 16 MiB. EACCES: reading the
 * register would change something, as far as the driver knows it; what it does not know is read. What the register reads is passed on as it is, also the patterns by which the device's
 * internal bus reports errors; ENODEV if it is ones because the device is gone.
 */
struct nova_read_reg {
	__u32 size;
	__u32 flags;         /* in: 0 */
	__u32 offset;        /* in: in bytes */
	__u32 value;         /* out */
};

/*
 * NOVA_DEBUG: for tests of the module, in a module that was built for them (NOVA_CAP_DEBUG); ENOTTY otherwise. For
 * CAP_SYS_RAWIO. No part of the versioned interface.
 */
struct nova_debug {
	__u32 size;
	__u32 flags;         /* in: 0 */
	__u32 op;            /* in: NOVA_DEBUG_... */
	__u32 arg;           /* in */
	__u64 out[2];        /* out; for NOVA_DEBUG_WRITE in as well */
};

#define NOVA_DEBUG_LOAD    1 /* arg 1: a work item that queues itself and a timer that sets itself, for ever; 0: no more.
				out: turns of the work item and of the timer since the device was bound */
#define NOVA_DEBUG_TRIGGER 2 /* raises one software interrupt (vector 129) */
#define NOVA_DEBUG_BLOCK   3 /* waits for something that never happens; ends by ENODEV or EINTR */
#define NOVA_DEBUG_STORM   4 /* arg 1: raises a software interrupt whenever one was served; 0: no more */
#define NOVA_DEBUG_PACE    5 /* arg: how often, up to a million. out: nanoseconds in all for so many entries and exits of
				a gate, and for as many visits of a session, which do nothing there */
#define NOVA_DEBUG_READ    6 /* arg: offset in BAR0 and NOVA_DEBUG_..._BITS. out[0]: what was read */
#define NOVA_DEBUG_WRITE   7 /* arg: the same; in: out[0] is what is written */

/* The width of an access. */
#define NOVA_DEBUG_8_BITS  (1U << 24)
#define NOVA_DEBUG_16_BITS (2U << 24)
#define NOVA_DEBUG_32_BITS (4U << 24)

#endif /* _UAPI_NOVA_H */
