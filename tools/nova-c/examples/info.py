# SPDX-License-Identifier: MIT OR Apache-2.0
"""Says what a device is, what time it has, and what registers read: info.py DEVICE [REGISTER...]"""

import sys

import nova


def main(device, *registers):
    with nova.open(device) as gpu:
        info = gpu.info()
        print(f"chip {info.chip} ({info.architecture}), family {info.family}, revision {info.revision}")
        print(f"boot0 {info.boot0:#010x}, boot42 {info.boot42:#010x}")
        print(f"bar0 {info.bar0_size} bytes, pci {info.pci_vendor:04x}:{info.pci_device:04x}")
        for name in registers:
            print(f"{name} at {gpu.reg_offset(name):#08x} is {gpu.read32(name):#010x}")
        print(f"timer {gpu.timer_ns()} ns")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except nova.Error as error:
        print(f"{sys.argv[1]}: {error}", file=sys.stderr)
        sys.exit(error.kind)
