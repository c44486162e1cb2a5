/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Reads NV_PMC_BOOT_0 a number of times, for a count of the instructions that takes: reads sysfs|nova DEVICE COUNT, where
 * DEVICE is the file resource0 to map, or what nova_open takes.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <nova-c/nova.h>

#define WINDOW 0x1000000

static int through_sysfs(const char *file, long count, uint32_t *value)
{
	int fd = open(file, O_RDONLY);
	const volatile uint32_t *bar;

	if (fd < 0) {
		perror(file);
		return 1;
	}
	bar = mmap(NULL, WINDOW, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (bar == MAP_FAILED) {
		perror(file);
		return 1;
	}
	for (long i = 0; i < count; i++)
		*value = bar[0];
	return 0;
}

static int through_nova(const char *device, long count, uint32_t *value)
{
	struct nova_error error;
	struct nova *nova;

	if (nova_open(device, &nova, &error)) {
		fprintf(stderr, "%s: %s\n", device, error.message);
		return 1;
	}
	for (long i = 0; i < count; i++) {
		if (nova_read32(nova, 0, value, &error)) {
			fprintf(stderr, "%s: %s\n", device, error.message);
			return 1;
		}
	}
	nova_close(nova);
	return 0;
}

int main(int argc, char **argv)
{
	uint32_t value = 0;
	int failed;

	if (argc != 4) {
		fprintf(stderr, "usage: reads sysfs|nova DEVICE COUNT\n");
		return 2;
	}
	if (strcmp(argv[1], "sysfs") == 0)
		failed = through_sysfs(argv[2], atol(argv[3]), &value);
	else
		failed = through_nova(argv[2], atol(argv[3]), &value);
	if (!failed)
		printf("0x%08x\n", (unsigned int)value);
	return failed;
}
