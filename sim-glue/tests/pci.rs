//! The simulated GPUs as PCI functions, as a system sees them that enumerates the bus.

use nova_core::chip::{Chipset, Family};
use nova_sim_glue::gpu::{Gpu, Power, SimConfig, SimGpu};
use nova_sim_glue::pci::walk::{self, Capability};
use nova_sim_glue::pci::{BarKind, Link, Message, MessageKind, PciOptions, PciOptionsError, ResetKind};

const COMMAND: u64 = 0x04;
const PMCSR: u64 = 0x64;
const DEVCTL: u64 = 0x80;
const MASTER: u16 = 0x4;

fn fresh(chipset: Chipset) -> SimGpu {
    let mut gpu = SimGpu::new(SimConfig::new(chipset), 0);
    gpu.fit(&PciOptions::default()).unwrap();
    gpu
}

fn word(gpu: &SimGpu, at: u16) -> u32 {
    gpu.pci_config(at & !3).unwrap()
}

fn half(gpu: &SimGpu, at: u64) -> u16 {
    let mut bytes = [0; 2];
    gpu.config_read(at, &mut bytes).unwrap();
    u16::from_le_bytes(bytes)
}

fn put(gpu: &mut SimGpu, at: u64, value: u16) -> Option<ResetKind> {
    gpu.config_write(at, &value.to_le_bytes(), 0).unwrap()
}

fn put32(gpu: &mut SimGpu, at: u64, value: u32) {
    assert_eq!(gpu.config_write(at, &value.to_le_bytes(), 0), Ok(None));
}

fn ids(found: &[Capability]) -> Vec<(u16, u16)> {
    found.iter().map(|capability| (capability.at, capability.id)).collect()
}

/// What all-ones written to the BARs tell: sizes by index, with the flags.
fn size_bars(gpu: &mut SimGpu) -> Vec<(u8, u64, u32)> {
    let (mut found, mut index) = (Vec::new(), 0_u8);
    while index < 6 {
        let at = 0x10 + u64::from(index) * 4;
        let flags = word(gpu, at as u16) & 0xf;
        put32(gpu, at, u32::MAX);
        let wide = flags & 7 == 4;
        let low = word(gpu, at as u16) & if flags & 1 != 0 { !3 } else { !0xf };
        let mut mask = u64::from(low) | u64::from(u32::MAX) << 32;
        if wide {
            put32(gpu, at + 4, u32::MAX);
            mask = u64::from(low) | u64::from(word(gpu, at as u16 + 4)) << 32;
        }
        if low != 0 || wide {
            found.push((index, (!mask).wrapping_add(1), flags));
        }
        index += if wide { 2 } else { 1 };
    }
    found
}

#[test]
fn every_chip_shows_its_ids_and_capabilities() {
    for chipset in Chipset::ALL {
        let gpu = fresh(*chipset);
        let (family, identity) = (chipset.family(), *gpu.identity());
        assert_eq!(word(&gpu, 0), u32::from(identity.device_id) << 16 | 0x10de, "{chipset}");
        assert_eq!(word(&gpu, 8), identity.class << 8 | 0xa1, "{chipset}");
        assert_eq!(word(&gpu, 0xc) >> 16 & 0x7f, 0, "{chipset}: header type");
        let chain = walk::capabilities(|at| word(&gpu, at)).unwrap();
        let extended = walk::extended(|at| word(&gpu, at)).unwrap();
        let mut expected = match family {
            Family::Gb202 => vec![(0x48, 5), (0x60, 1), (0x78, 0x10)],
            _ => vec![(0x60, 1), (0x68, 5), (0x78, 0x10)],
        };
        if identity.class == 0x030200 {
            expected.push((0xc8, 0x11));
        }
        assert_eq!(ids(&chain), expected, "{chipset}");
        let blackwell = matches!(family, Family::Gb100 | Family::Gb202);
        let first = if blackwell { 0x23 } else { 0x02 };
        assert_eq!(ids(&extended), [(0x100, first), (0x420, 1), (0x900, 0x19)], "{chipset}");
        // QEMU ends when the number of MSI vectors is none of these.
        let vectors = word(&gpu, chain.iter().find(|found| found.id == 5).unwrap().at) >> 17 & 7;
        assert_eq!(vectors, if family == Family::Gb202 { 4 } else { 0 }, "{chipset}");
    }
}

#[test]
fn bars_tell_their_size_and_keep_their_address() {
    for chipset in Chipset::ALL {
        let mut gpu = fresh(*chipset);
        let identity = *gpu.identity();
        let mut expected =
            vec![(0, u64::from(identity.bar0_size), 0), (1, 256 << 20, 0xc), (3, 32 << 20, 0xc)];
        if identity.class == 0x030000 {
            expected.push((5, 128, 1));
        }
        assert_eq!(size_bars(&mut gpu), expected, "{chipset}");
        let told = gpu.pci().bars().iter().map(|bar| (bar.index, bar.size)).collect::<Vec<_>>();
        assert_eq!(told, expected.iter().map(|bar| (bar.0, bar.1)).collect::<Vec<_>>());
        put32(&mut gpu, 0x10, 0xfabc_dead);
        assert_eq!(word(&gpu, 0x10), 0xfabc_dead & !(identity.bar0_size - 1));
        put32(&mut gpu, 0x30, u32::MAX);
        assert_eq!(word(&gpu, 0x30), 0xfff8_0001, "{chipset}: ROM");
    }
}

#[test]
fn boards_differ_in_bar1_and_link() {
    let mut gpu = fresh(Chipset::GA102);
    let link = Link { generation: 3, width: 8 };
    gpu.fit(&PciOptions { bar1_size: 16 << 30, link: Some(link), ..PciOptions::default() }).unwrap();
    assert!(size_bars(&mut gpu).contains(&(1, 16 << 30, 0xc)));
    assert_eq!(half(&gpu, 0x8a) & 0x3ff, 0x83);
    assert_eq!(gpu.pci().bars()[1].kind, BarKind::Memory);
    for bar1_size in [0, 1 << 19, (256 << 20) + 1, 1 << 41] {
        let refused = gpu.fit(&PciOptions { bar1_size, ..PciOptions::default() });
        assert_eq!(refused, Err(PciOptionsError::Bar1(bar1_size)));
    }
    for (generation, width) in [(0, 16), (5, 16), (4, 0), (4, 3), (4, 32)] {
        let link = Link { generation, width };
        let refused = gpu.fit(&PciOptions { link: Some(link), ..PciOptions::default() });
        assert_eq!(refused, Err(PciOptionsError::Link { link, fastest: 4 }));
    }
    assert_eq!(half(&gpu, 0x8a) & 0x3ff, 0x83, "a refused board changes nothing");
}

#[test]
fn read_only_bits_stay() {
    let mut gpu = fresh(Chipset::GA100);
    let before: Vec<u32> = [0x00, 0x08, 0x2c, 0x60, 0x7c, 0x100].map(|at| word(&gpu, at)).to_vec();
    for at in [0x00, 0x08, 0x2c, 0x60, 0x7c, 0x100] {
        put32(&mut gpu, at, u32::MAX);
    }
    assert_eq!([0x00, 0x08, 0x2c, 0x60, 0x7c, 0x100].map(|at| word(&gpu, at)).to_vec(), before);
    put(&mut gpu, COMMAND, u16::MAX);
    assert_eq!(half(&gpu, COMMAND), 0x0546, "no I/O ports on a 3D controller");
}

#[test]
fn every_reset_brings_registers_and_config_space_back() {
    let resets: [fn(&mut SimGpu) -> Option<ResetKind>; 3] = [
        |gpu| put(gpu, DEVCTL, half(gpu, DEVCTL) | 1 << 15),
        |gpu| {
            assert_eq!(put(gpu, PMCSR, 3), None);
            assert!(!gpu.pci().decodes_memory() && !gpu.pci().is_bus_master());
            put(gpu, PMCSR, 0)
        },
        |gpu| gpu.reset(0).then_some(ResetKind::FunctionLevel),
    ];
    let kinds = [ResetKind::FunctionLevel, ResetKind::PowerManagement, ResetKind::FunctionLevel];
    for (reset, kind) in resets.iter().zip(kinds) {
        let mut gpu = fresh(Chipset::GA102);
        put(&mut gpu, COMMAND, 6);
        gpu.set_time(1 << 50, 0);
        assert_eq!(reset(&mut gpu), Some(kind));
        assert_eq!((half(&gpu, COMMAND), half(&gpu, PMCSR), half(&gpu, DEVCTL)), (0, 0, 0x2910));
        assert_ne!(gpu.time(0), 1 << 50);
    }
}

#[test]
fn a_board_may_keep_its_state_in_d3hot_and_knows_no_d1() {
    let mut gpu = fresh(Chipset::TU102);
    gpu.fit(&PciOptions { no_soft_reset: true, ..PciOptions::default() }).unwrap();
    put(&mut gpu, COMMAND, 2);
    put(&mut gpu, PMCSR, 3);
    assert_eq!((half(&gpu, PMCSR), gpu.pci().decodes_memory()), (0xb, false));
    assert_eq!(put(&mut gpu, PMCSR, 0), None);
    assert_eq!((half(&gpu, COMMAND), gpu.pci().decodes_memory()), (2, true));
    for state in [1, 2] {
        assert_eq!(put(&mut gpu, PMCSR, state), None);
        assert_eq!(half(&gpu, PMCSR) & 3, 0);
    }
}

/// A GPU with a vector pending and enabled, behind a signalled tree.
fn signal(gpu: &mut SimGpu) {
    use nova_core::bus::Offset;
    let at = |offset| Offset::<u32>::new(offset).unwrap();
    // The enables of all leaves and subtrees.
    for leaf in 0..8 {
        gpu.write(at(0xb8_1200 + leaf * 4), u32::MAX, 0);
    }
    gpu.write(at(0xb8_1608), 0xff, 0);
    gpu.raise(148);
}

#[test]
fn the_wire_is_a_level_with_its_status_bit() {
    let mut gpu = fresh(Chipset::GA102);
    signal(&mut gpu);
    assert!(gpu.intx());
    assert_eq!(half(&gpu, 6) & 8, 8);
    put(&mut gpu, COMMAND, 0x400);
    assert!(!gpu.intx());
    assert_eq!(half(&gpu, 6) & 8, 8, "pending shows, disabled or not");
    put(&mut gpu, COMMAND, 0);
    gpu.pci_mut().enable_messages(MessageKind::Msi, true);
    assert!(!gpu.intx() && half(&gpu, 6) & 8 == 0, "messages take the wire's place");
}

#[test]
fn a_function_without_a_pin_has_no_wire_and_still_messages() {
    let mut gpu = fresh(Chipset::GB202);
    assert_eq!(half(&gpu, 0x3c) >> 8, 1);
    gpu.fit(&PciOptions { no_pin: true, ..PciOptions::default() }).unwrap();
    assert_eq!(half(&gpu, 0x3c) >> 8, 0);
    put(&mut gpu, COMMAND, MASTER);
    put(&mut gpu, 0x4a, 1);
    signal(&mut gpu);
    assert!(!gpu.intx());
    assert_eq!(gpu.next_message(), Some(Message { kind: MessageKind::Msi, vector: 0 }));
    put(&mut gpu, 0x4a, 0);
    assert!(!gpu.intx(), "no wire takes the messages' place");
}

#[test]
fn messages_need_bus_mastering_and_wait_behind_their_mask() {
    let msi = Some(Message { kind: MessageKind::Msi, vector: 0 });
    let mut gpu = fresh(Chipset::GB202);
    put(&mut gpu, 0x4a, 1);
    signal(&mut gpu);
    assert_eq!(gpu.next_message(), None, "no bus master");
    put(&mut gpu, COMMAND, MASTER);
    assert_eq!(gpu.next_message(), None, "it was lost");
    let mut gpu = fresh(Chipset::GB202);
    put(&mut gpu, 0x4a, 1);
    put(&mut gpu, COMMAND, MASTER);
    put(&mut gpu, 0x58, 1);
    signal(&mut gpu);
    assert_eq!(gpu.next_message(), None, "masked");
    assert_eq!(half(&gpu, 0x5c), 1);
    put(&mut gpu, 0x58, 0);
    assert_eq!((gpu.next_message(), gpu.next_message(), half(&gpu, 0x5c)), (msi, None, 0));
}

#[test]
fn msix_goes_before_msi_where_the_chip_has_it() {
    let mut gpu = fresh(Chipset::GA100);
    assert_eq!(gpu.pci().vectors(MessageKind::MsiX), 6);
    put(&mut gpu, COMMAND, MASTER);
    put(&mut gpu, 0xca, 0xc000);
    signal(&mut gpu);
    assert_eq!(gpu.next_message(), None, "all masked");
    put(&mut gpu, 0xca, 0x8000);
    assert_eq!(gpu.next_message(), Some(Message { kind: MessageKind::MsiX, vector: 0 }));
    let mut gpu = fresh(Chipset::GA102);
    assert_eq!(gpu.pci().vectors(MessageKind::MsiX), 0);
    gpu.pci_mut().enable_messages(MessageKind::MsiX, true);
    assert_eq!(gpu.pci().messages_by(), None);
}

#[test]
fn a_gpu_that_is_gone_has_no_config_space() {
    let gpu = Gpu::new(SimConfig::new(Chipset::GB202));
    gpu.with(|gpu| {
        gpu.unplug();
        assert_eq!((gpu.pci_config(0), gpu.pci_config(2), gpu.pci_config(0x1000)), (Some(!0), None, None));
        put(gpu, COMMAND, 0);
        assert!(gpu.config_write(0x1000, &[0], 0).is_err());
        assert!(!gpu.reset(0) && gpu.power() == Power::Gone);
        gpu.reconnect();
        assert_eq!(half(gpu, COMMAND), 7, "the write was lost");
    });
}
