//! Structs on their way to bytes and back, also of another size than this side's.

use nova_abi::{Call, Info, IrqCounts, IrqSource, LARGEST, ReadReg, SizeError, Time, accept};

#[test]
fn every_field_comes_back() {
    let info = Info { boot0: 0xb72000a1, pci_bus: 0x41, pci_vendor: 0x10de, bar0_size: 1 << 24, ..Info::NEW };
    let chip = *b"GA102\0\0\0\0\0\0\0\0\0\0\0";
    let info = Info { chip, ..info };
    assert_eq!(Info::from_bytes(&info.to_bytes()), info);
    assert_eq!((info.size, info.chip_name()), (72, "GA102"));
    assert_eq!(Info { chip: *b"0123456789abcdef", ..info }.chip_name(), "0123456789abcdef");

    let mut counts = IrqCounts { sources: 32, ..IrqCounts::NEW };
    for (source, n) in counts.source.iter_mut().zip(1_u16..) {
        *source = IrqSource { tree: n % 2, number: n, count: u32::from(n) << 20 };
    }
    assert_eq!(IrqCounts::from_bytes(&counts.to_bytes()), counts);
    assert_eq!(counts.to_bytes().len(), LARGEST);
}

#[test]
fn a_shorter_struct_is_cut_and_filled_with_zeros() {
    let time = Time { gpu_ns: u64::MAX, host_after_ns: 7, ..Time::NEW };
    let mut short = [0xaa; 12];
    assert_eq!(time.write_bytes(&mut short), 12);
    assert_eq!(short[8..], [0xff; 4]);
    let read = Time::from_bytes(&short);
    assert_eq!((read.gpu_ns, read.host_after_ns), (0xffff_ffff, 0));
    let mut long = [0xaa; 40];
    assert_eq!(time.write_bytes(&mut long), 32);
    assert_eq!(long[32..], [0xaa; 8]);
    assert_eq!(Time::from_bytes(&long), time);
    assert_eq!(Time::from_bytes(&[]).size, 0);
}

#[test]
fn sizes_of_other_versions() {
    let with = |size, rest: Result<bool, SizeError>| accept::<ReadReg, SizeError>(size, |_, _| rest);
    let never = |size| accept::<ReadReg, SizeError>(size, |_, _| panic!("there is no rest"));
    assert_eq!(never(16), Ok(16));
    for small in [0, 1, 15] {
        assert_eq!(never(small), Err(SizeError::TooSmall));
    }
    assert_eq!(with(24, Ok(false)), Ok(16));
    assert_eq!(with(24, Ok(true)), Err(SizeError::Unknown));
    assert_eq!(never(4097), Err(SizeError::Unknown));
    assert_eq!(never(u32::MAX), Err(SizeError::Unknown));
    let place = accept::<ReadReg, SizeError>(24, |offset, len| {
        assert_eq!((offset, len), (16, 8));
        Ok(false)
    });
    assert_eq!(place, Ok(16));
}
