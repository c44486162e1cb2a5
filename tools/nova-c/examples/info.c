/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Says what a device is, what time it has, and what registers read: info DEVICE [REGISTER...] */
#include <inttypes.h>
#include <stdio.h>

#include <nova-c/nova.h>

static int fail(const char *doing, const struct nova_error *error)
{
	fprintf(stderr, "%s: %s\n", doing, error->message);
	return (int)error->kind;
}

static int show(struct nova *nova, int count, char **registers)
{
	struct nova_error error;
	struct nova_info info = { .size = sizeof(info) };
	uint64_t ns;

	if (nova_info(nova, &info, &error))
		return fail("info", &error);
	printf("chip %s (%s), family %s, revision %s\n", info.chip, info.architecture, info.family, info.revision);
	printf("boot0 0x%08" PRIx32 ", boot42 0x%08" PRIx32 "\n", info.boot0, info.boot42);
	printf("bar0 %" PRIu64 " bytes, pci %04x:%04x\n", info.bar0_size, info.pci_vendor, info.pci_device);
	for (int i = 0; i < count; i++) {
		uint32_t offset, value;

		if (nova_reg_offset(nova, registers[i], &offset, &error))
			return fail(registers[i], &error);
		if (nova_read32(nova, offset, &value, &error))
			return fail(registers[i], &error);
		printf("%s at 0x%06" PRIx32 " is 0x%08" PRIx32 "\n", registers[i], offset, value);
	}
	if (nova_timer_ns(nova, &ns, &error))
		return fail("timer", &error);
	printf("timer %" PRIu64 " ns\n", ns);
	return 0;
}

int main(int argc, char **argv)
{
	struct nova_error error;
	struct nova *nova;

	if (argc < 2) {
		fprintf(stderr, "usage: info DEVICE [REGISTER...]\n");
		return NOVA_ERROR_ARGUMENT;
	}
	if (nova_open(argv[1], &nova, &error))
		return fail(argv[1], &error);
	int result = show(nova, argc - 2, argv + 2);
	nova_close(nova);
	return result;
}
