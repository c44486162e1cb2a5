# SPDX-License-Identifier: MIT OR Apache-2.0
"""NVIDIA GPUs and simulated ones, from Python: what a device is, its registers, its time.

    with nova.open("sim:ga102") as gpu:
        print(gpu.info().chip, hex(gpu.read32("NV_PMC_BOOT_0")), gpu.timer_ns())

It calls libnova_c, whose nova.h says more. The library is the file that NOVA_C_LIBRARY names, or else the
libnova_c.so.0 that the system's loader finds.
"""

import collections
import ctypes
import os
import threading

__all__ = ["Device", "Error", "Info", "open", "reg_offset"]

NOT_FOUND, ARGUMENT, NO_DEVICE, PERMISSION, REFUSED, TIMEOUT, HARDWARE, INTERNAL = range(1, 9)


class Error(Exception):
    """What went wrong: `kind` is one of the numbers above, `message` says what failed, why, and what to do next."""

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind
        self.message = message


Info = collections.namedtuple(
    "Info",
    "boot0 boot42 derived bar0_size pci_vendor pci_device pci_class chip architecture family revision",
)
Info.__doc__ = "What a device is, as struct nova_info in nova.h has it; bar0_size is in bytes."


class _Error(ctypes.Structure):
    _fields_ = [("kind", ctypes.c_uint32), ("message", ctypes.c_char * 508)]


class _Info(ctypes.Structure):
    _fields_ = [
        ("size", ctypes.c_uint32),
        ("boot0", ctypes.c_uint32),
        ("boot42", ctypes.c_uint32),
        ("derived", ctypes.c_uint32),
        ("bar0_size", ctypes.c_uint64),
        ("pci_vendor", ctypes.c_uint16),
        ("pci_device", ctypes.c_uint16),
        ("pci_class", ctypes.c_uint32),
        ("chip", ctypes.c_char * 16),
        ("architecture", ctypes.c_char * 32),
        ("family", ctypes.c_char * 16),
        ("revision", ctypes.c_char * 8),
    ]


def _load():
    library = ctypes.CDLL(os.environ.get("NOVA_C_LIBRARY", "libnova_c.so.0"))
    device, text, error = ctypes.c_void_p, ctypes.c_char_p, ctypes.POINTER(_Error)
    word, long, info = (ctypes.POINTER(of) for of in (ctypes.c_uint32, ctypes.c_uint64, _Info))
    for name, arguments in {
        "nova_open": [text, ctypes.POINTER(device), error],
        "nova_info": [device, info, error],
        "nova_read32": [device, ctypes.c_uint32, word, error],
        "nova_reg_offset": [device, text, word, error],
        "nova_timer_ns": [device, long, error],
    }.items():
        getattr(library, name).argtypes = arguments
        getattr(library, name).restype = ctypes.c_int
    library.nova_close.argtypes, library.nova_close.restype = [device], None
    return library


_library = _load()


def _call(function, *arguments):
    error = _Error()
    if function(*arguments, ctypes.byref(error)):
        raise Error(error.kind, error.message.decode())


def _text(text, what):
    # C would see the text only up to the zero.
    if "\0" in text:
        raise Error(ARGUMENT, f"{what} has a zero character; try: leave it out")
    # Half a surrogate reaches the library, which refuses it.
    return text.encode(errors="surrogatepass")


def _offset(device, name):
    offset = ctypes.c_uint32()
    _call(_library.nova_reg_offset, device, _text(name, "name"), ctypes.byref(offset))
    return offset.value


def open(device):
    """Opens a device, such as "sim:ga102" or "pci:0000:01:00.0", to be closed by `with` or `close`."""
    return Device(device)


def reg_offset(name):
    """The offset of a register of any chip, in bytes from the start of BAR0."""
    return _offset(None, name)


class Device:
    """An open device. Several threads may use it."""

    def __init__(self, device):
        self._handle = ctypes.c_void_p()
        self._idle = threading.Condition()
        self._calls = 0
        _call(_library.nova_open, _text(device, "device"), ctypes.byref(self._handle))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __del__(self):
        self.close()

    def close(self):
        """Closes it, when calls of other threads have returned. Once more does nothing."""
        with self._idle:
            self._idle.wait_for(lambda: self._calls == 0)
            handle, self._handle = self._handle, ctypes.c_void_p()
        _library.nova_close(handle)

    def _with(self, function):
        with self._idle:
            if not self._handle:
                raise Error(ARGUMENT, "the device is closed; try: nova.open")
            handle = self._handle
            self._calls += 1
        try:
            return function(handle)
        finally:
            with self._idle:
                self._calls -= 1
                self._idle.notify_all()

    def info(self):
        """What it is. Does not touch the device."""

        def tell(handle):
            info = _Info(size=ctypes.sizeof(_Info))
            _call(_library.nova_info, handle, ctypes.byref(info))
            values = (getattr(info, name) for name in Info._fields)
            return Info(*(value.decode() if isinstance(value, bytes) else value for value in values))

        return self._with(tell)

    def reg_offset(self, name):
        """The offset of a register of this chip, in bytes from the start of BAR0."""
        return self._with(lambda handle: _offset(handle, name))

    def read32(self, register):
        """What a register reads: by name, or by offset in bytes from the start of BAR0."""

        def read(handle):
            offset = _offset(handle, register) if isinstance(register, str) else register
            if not 0 <= offset <= 0xFFFFFFFF:
                raise Error(ARGUMENT, f"{offset:#x} is no offset; try: a multiple of 4 below 0x1000000")
            value = ctypes.c_uint32()
            _call(_library.nova_read32, handle, offset, ctypes.byref(value))
            return value.value

        return self._with(read)

    def timer_ns(self):
        """The GPU's time in ns."""

        def read(handle):
            ns = ctypes.c_uint64()
            _call(_library.nova_timer_ns, handle, ctypes.byref(ns))
            return ns.value

        return self._with(read)
