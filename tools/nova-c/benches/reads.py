# SPDX-License-Identifier: MIT OR Apache-2.0
"""Reads NV_PMC_BOOT_0 a number of times, for a count of the instructions that takes: reads.py sysfs|nova DEVICE COUNT, where
DEVICE is the file resource0 to map, or what nova.open takes."""

import mmap
import os
import struct
import sys

WINDOW = 0x1000000


def through_sysfs(file, count):
    fd = os.open(file, os.O_RDONLY)
    bar = mmap.mmap(fd, WINDOW, prot=mmap.PROT_READ)
    os.close(fd)
    word = struct.Struct("<I")
    for _ in range(count):
        (value,) = word.unpack_from(bar, 0)
    return value


def through_nova(device, count):
    import nova

    with nova.open(device) as gpu:
        for _ in range(count):
            value = gpu.read32(0)
    return value


if __name__ == "__main__":
    way, device, count = sys.argv[1:]
    read = through_sysfs if way == "sysfs" else through_nova
    print(f"{read(device, int(count)):#010x}")
