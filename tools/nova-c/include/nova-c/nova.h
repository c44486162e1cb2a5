/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * NVIDIA GPUs and simulated ones, from C: what a device is, its registers, its time. #include <nova-c/nova.h>, and link with
 * -lnova_c.
 *
 * A device is opened for looking at: registers are read and never written, and no driver is bound to it.
 *
 * Results   Every function but nova_close returns 0, or one of NOVA_ERROR_... and then leaves its results as they were;
 *           only nova_open sets *out to NULL. Where `error` is not NULL it is filled in either way: after success with
 *           kind 0 and an empty message. A null pointer is refused with NOVA_ERROR_ARGUMENT unless it is said to be
 *           allowed, and so is text that is not UTF-8.
 * Ownership A device belongs to the program from nova_open until nova_close. Text and structs belong to the program, and
 *           are not looked at after the call.
 * Threads   All functions may be called from any thread, and several threads may use one device at the same time. Only
 *           nova_close needs a device for itself. Not for signal handlers. After fork() the child must not use a device
 *           that its parent opened.
 */
#ifndef NOVA_C_NOVA_H
#define NOVA_C_NOVA_H

#ifdef _UAPI_NOVA_H
#error "nova.h of libnova_c and nova.h of the kernel's calls have a struct nova_info each: include one per C file"
#endif

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Kinds of error: the exit codes of the tool nova, and NOVA_ERROR_INTERNAL. */
#define NOVA_ERROR_NOT_FOUND  1 /* there is no such file or register */
#define NOVA_ERROR_ARGUMENT   2 /* an argument makes no sense */
#define NOVA_ERROR_NO_DEVICE  3 /* there is no such device, or it went away */
#define NOVA_ERROR_PERMISSION 4 /* the operating system does not allow it */
#define NOVA_ERROR_REFUSED    5 /* the device, its driver or nova refuses */
#define NOVA_ERROR_TIMEOUT    6 /* something did not happen in time */
#define NOVA_ERROR_HARDWARE   7 /* the hardware misbehaves, or a register answered with an error pattern */
#define NOVA_ERROR_INTERNAL   8 /* a mistake in nova; close the device */

/* Size of nova_error.message in bytes, the zero at its end included. */
#define NOVA_MESSAGE_SIZE 508

struct nova_error {
	uint32_t kind; /* NOVA_ERROR_..., or 0 */
	/* What failed, why, and after "; try: " what to do next. One line of UTF-8 with a zero at its end. */
	char message[NOVA_MESSAGE_SIZE];
};

/* Bits of nova_info.derived: the value is made up by rule, because none was ever observed (simulated devices only). */
#define NOVA_DERIVED_BOOT0  1
#define NOVA_DERIVED_BOOT42 2

/* What a device is. Only ever grows at its end. Text has a zero at its end. */
struct nova_info {
	uint32_t size;         /* set it to sizeof(struct nova_info); after the call, how many bytes were filled in */
	uint32_t boot0;        /* NV_PMC_BOOT_0, as read when the device was opened */
	uint32_t boot42;       /* NV_PMC_BOOT_42, likewise */
	uint32_t derived;      /* NOVA_DERIVED_... */
	uint64_t bar0_size;    /* bytes; 0 if not known */
	uint16_t pci_vendor;   /* 0x10de; 0 if not known */
	uint16_t pci_device;   /* 0 if not known */
	uint32_t pci_class;    /* 24 bits; 0 if not known */
	char chip[16];         /* "GA102" */
	char architecture[32]; /* "Ampere" */
	char family[16];       /* the first chip with the same registers: "GA102" for GA102 to GA107 */
	char revision[8];      /* "a1" */
};

/* An open device. */
struct nova;

/*
 * Opens a device and identifies its chip. `device` is what the tool takes after -d:
 *   sim:CHIP      a simulated GPU, such as sim:ga102
 *   pci:ADDRESS   a GPU of this machine through sysfs, such as pci:0000:01:00.0; takes root
 *   dev:FILE      a GPU that nova's kernel module drives: dev:/dev/nova0
 *   replay:FILE   a recorded trace
 * vfio: and vfio-user: are refused.
 * Errors: ARGUMENT or NOT_FOUND for a text that names no device, NO_DEVICE, PERMISSION, REFUSED for a chip that nova does
 * not know, HARDWARE for one that is not fit to be identified.
 */
int nova_open(const char *device, struct nova **out, struct nova_error *error);

/* Closes a device and frees it. NULL is allowed. */
void nova_close(struct nova *nova);

/*
 * Says what the device is. Does not touch it.
 * Errors: ARGUMENT if info->size is less than the first version of the struct has.
 */
int nova_info(struct nova *nova, struct nova_info *info, struct nova_error *error);

/*
 * Reads the 32 bits at `offset`, in bytes from the start of BAR0: a multiple of 4 below 0x1000000.
 * Refused (REFUSED) where the catalogue says that reading has side effects or the register is write-only. Of an offset
 * that is not in the catalogue nobody knows what a read does, and it is read.
 * Errors: ARGUMENT for another offset, and for a register that has not 32 bits; NO_DEVICE if the device is gone;
 * HARDWARE if the access fails or the register answers with an error pattern, which the message has.
 */
int nova_read32(struct nova *nova, uint32_t offset, uint32_t *value, struct nova_error *error);

/*
 * Looks up the offset of a register, in bytes from the start of BAR0: NAME, NAME[i] or INSTANCE.NAME, as in
 * "NV_PMC_BOOT_0" or "GSP.NV_PFALCON_FALCON_IRQSTAT", in any case, with or without NV_. NAME of an array is its element 0.
 * On the chip of `nova`, or with NULL for `nova`, which is allowed, on any chip. Does not touch the device.
 * Errors: NOT_FOUND if there is no such register, or not on this chip; ARGUMENT for a name of several registers or of a
 * field.
 */
int nova_reg_offset(struct nova *nova, const char *name, uint32_t *offset, struct nova_error *error);

/*
 * Reads the GPU's time in ns: NV_VIRTUAL_FUNCTION_TIME; of a dev: device as the kernel's driver reads it. When it began to
 * count is up to whoever set it. The time of a sim: device begins at its power-on and passes only by accesses.
 * Errors: as nova_read32, and REFUSED while the device sleeps.
 */
int nova_timer_ns(struct nova *nova, uint64_t *ns, struct nova_error *error);

#ifdef __cplusplus
}
#endif

#endif
