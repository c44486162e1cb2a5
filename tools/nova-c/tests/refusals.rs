//! Arguments that make no sense, and registers that are not for reading at any time.

use std::ffi::{CStr, c_char, c_int};
use std::ptr::{null, null_mut};

use nova_c::{
    Kind, Nova, NovaError, NovaInfo, nova_close, nova_info, nova_open, nova_read32, nova_reg_offset,
    nova_timer_ns,
};
use nova_core::bus::Pure;
use nova_core::chip::Family;
use nova_core::regs;

/// What a call answers, and what it says.
struct Answer(u32, String);

/// Makes a call with a place for its error.
fn ask(call: impl FnOnce(*mut NovaError) -> c_int) -> Answer {
    let mut error = NovaError { kind: u32::MAX, message: [b'x'; nova_c::MESSAGE_SIZE] };
    let kind = call(&raw mut error).cast_unsigned();
    assert_eq!(kind, error.kind);
    Answer(kind, error.text().to_owned())
}

#[track_caller]
fn refused(kind: u32, part: &str, call: impl FnOnce(*mut NovaError) -> c_int) {
    let Answer(answer, text) = ask(call);
    assert_eq!(answer, kind, "{text}");
    assert!(text.contains(part) && text.contains("; try: "), "{text:?} has no {part:?}");
}

struct Device(*mut Nova);

impl Device {
    fn open(device: &CStr) -> Self {
        let mut nova = null_mut();
        // SAFETY: a C string and the address of a local.
        let answer = ask(|error| unsafe { nova_open(device.as_ptr(), &raw mut nova, error) });
        assert_eq!(answer.1, "");
        assert_eq!(answer.0, Kind::NONE);
        Self(nova)
    }

    fn read(&self, offset: u32, error: *mut NovaError) -> c_int {
        let mut value = 0;
        // SAFETY: an open device and the address of a local.
        unsafe { nova_read32(self.0, offset, &raw mut value, error) }
    }

    fn offset(&self, name: *const c_char, error: *mut NovaError) -> c_int {
        let mut offset = 0;
        // SAFETY: an open device, a C string or null, and the address of a local.
        unsafe { nova_reg_offset(self.0, name, &raw mut offset, error) }
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // SAFETY: it is open, and not used any more.
        unsafe { nova_close(self.0) }
    }
}

#[test]
fn null_is_refused() {
    let device = Device::open(c"sim:ga102");
    let mut nova = null_mut();
    let (mut word, mut long) = (0, 0);
    // SAFETY: null is allowed everywhere.
    refused(Kind::ARGUMENT, "out is a null", |e| unsafe { nova_open(c"sim:ga102".as_ptr(), null_mut(), e) });
    // SAFETY: as above.
    refused(Kind::ARGUMENT, "device is a null", |e| unsafe { nova_open(null(), &raw mut nova, e) });
    // SAFETY: as above.
    refused(Kind::ARGUMENT, "nova is a null", |e| unsafe { nova_info(null_mut(), null_mut(), e) });
    // SAFETY: as above.
    refused(Kind::ARGUMENT, "info is a null", |e| unsafe { nova_info(device.0, null_mut(), e) });
    // SAFETY: as above.
    refused(Kind::ARGUMENT, "nova is a null", |e| unsafe { nova_read32(null_mut(), 0, &raw mut word, e) });
    // SAFETY: as above.
    refused(Kind::ARGUMENT, "value is a null", |e| unsafe { nova_read32(device.0, 0, null_mut(), e) });
    // SAFETY: as above.
    refused(Kind::ARGUMENT, "nova is a null", |e| unsafe { nova_timer_ns(null_mut(), &raw mut long, e) });
    // SAFETY: as above.
    refused(Kind::ARGUMENT, "ns is a null", |e| unsafe { nova_timer_ns(device.0, null_mut(), e) });
    let name = c"NV_PMC_BOOT_0".as_ptr();
    // SAFETY: as above.
    refused(Kind::ARGUMENT, "offset is a null", |e| unsafe {
        nova_reg_offset(device.0, name, null_mut(), e)
    });
    refused(Kind::ARGUMENT, "name is a null", |e| device.offset(null(), e));
    // Without a place for the error there is still the answer.
    assert_eq!(device.read(1, null_mut()), 2);
    assert_eq!(device.read(0, null_mut()), 0);
    // SAFETY: null is allowed.
    unsafe { nova_close(null_mut()) };
}

#[test]
fn devices_that_are_none_leave_no_handle() {
    let devices = [
        (c"", Kind::ARGUMENT),
        (c"sim:voodoo", Kind::ARGUMENT),
        (c"sim:\xff", Kind::ARGUMENT),
        (c"usb:1", Kind::ARGUMENT),
        (c"pci:ffff:1f:1f.7", Kind::NO_DEVICE),
        (c"replay:/nonexistent", Kind::NOT_FOUND),
        (c"vfio-user:/nonexistent", Kind::REFUSED),
    ];
    for (device, kind) in devices {
        let mut nova = std::ptr::dangling_mut();
        // SAFETY: a C string and the address of a local.
        refused(kind, "", |error| unsafe { nova_open(device.as_ptr(), &raw mut nova, error) });
        assert!(nova.is_null());
    }
}

#[test]
fn offsets_and_names_are_checked() {
    let device = Device::open(c"sim:ga102");
    for unaligned in [1, 2, 3, 0xffffff] {
        refused(Kind::ARGUMENT, "multiple", |error| device.read(unaligned, error));
    }
    for outside in [0x1000000, u32::MAX - 3] {
        refused(Kind::ARGUMENT, "outside", |error| device.read(outside, error));
    }
    let names = [
        (c"NV_PMC_BOOT_O", Kind::NOT_FOUND, "NV_PMC_BOOT_"),
        (c"NV_PMC_BOOT_0.MAJOR_REVISION", Kind::ARGUMENT, "is a field"),
        (c"NV_PTIMER_*", Kind::ARGUMENT, "registers"),
        (c"NV_PFALCON_FALCON_HWCFG2", Kind::ARGUMENT, "registers"),
        (c"FSP.NV_PFALCON_FALCON_HWCFG2", Kind::NOT_FOUND, "does not exist on the GA102 family"),
        (c"0x1000000", Kind::ARGUMENT, "outside"),
        (c"\xff", Kind::ARGUMENT, "not UTF-8"),
    ];
    for (name, kind, part) in names {
        refused(kind, part, |error| device.offset(name.as_ptr(), error));
    }
}

/// Over the whole catalogue of each family: what has side effects or cannot be read is refused, and so is what is narrower.
#[test]
fn registers_that_a_look_would_change_are_refused() {
    for family in Family::ALL {
        let device = std::ffi::CString::new(format!("sim:{family}").to_lowercase()).unwrap();
        let device = Device::open(&device);
        let mut effects = 0;
        for found in regs::all().filter(|found| found.families().contains(family)) {
            let offset = found.offset();
            // Of several names of one place the first decides, as in the tool.
            let entry = regs::by_offset(offset, Some(family)).unwrap().entry;
            let Answer(kind, text) = ask(|error| device.read(offset, error));
            if offset % 4 != 0 {
                assert_eq!(kind, Kind::ARGUMENT, "{found}: {text}");
            } else if !entry.access.readable() || entry.pure == Pure::No {
                effects += 1;
                assert_eq!(kind, Kind::REFUSED, "{found}: {text}");
            } else if entry.width != 4 {
                assert!([Kind::ARGUMENT, Kind::REFUSED].contains(&kind), "{found}: {text}");
            } else {
                // A simulated GPU may not have it, and says so.
                assert!([Kind::NONE, Kind::HARDWARE].contains(&kind), "{found}: {text}");
            }
        }
        assert!(effects > 0, "{family} has no such register");
    }
}

#[test]
fn a_struct_may_be_longer_and_not_shorter() {
    #[repr(C)]
    struct Later {
        info: NovaInfo,
        more: [u8; 8],
    }
    let device = Device::open(c"sim:ga102");
    // SAFETY: all zeros are numbers and text.
    let mut later: Later = unsafe { std::mem::zeroed() };
    later.more = [0xaa; 8];
    later.info.size = size_of::<Later>() as u32;
    // SAFETY: an open device, and a struct that begins with its size.
    let answer = ask(|error| unsafe { nova_info(device.0, (&raw mut later).cast(), error) });
    assert_eq!(answer.0, Kind::NONE, "{}", answer.1);
    assert_eq!(later.info.size, NovaInfo::SIZE);
    assert_eq!(&later.info.chip[..6], b"GA102\0");
    assert_eq!(later.more, [0xaa; 8]);

    later.info.size = NovaInfo::SIZE - 1;
    // SAFETY: as above.
    refused(Kind::ARGUMENT, "info.size = sizeof(info)", |error| unsafe {
        nova_info(device.0, &raw mut later.info, error)
    });
}
