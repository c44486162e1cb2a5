//! The simulated falcons, through the bus: reset, ports, DMA and its faults.

use std::sync::Arc;

use nova_core::bus::{Io, Offset};
use nova_core::chip::family::sets;
use nova_core::chip::{Chipset, Family};
use nova_core::hal::DmaMemory as _;
use nova_core::regs::falcon;
use nova_sim_glue::gpu::{Gpu, SimBus, SimConfig, SimGpu, Stats, Workbench};
use nova_sim_glue::memory::{AddressSpace, DmaBuffer};

const GSP: u32 = 0x11_0000;
const SEC2: u32 = 0x84_0000;
const IMEM: u32 = 1 << 4;
const WRITE: u32 = 1 << 5;
const IDLE: u32 = 1 << 1;
const FULL: u32 = 1;
const COUNT_WRITES: u32 = 1 << 24;
const COUNT_READS: u32 = 1 << 25;
const MARK_SECURE: u32 = 1 << 28;
const COHERENT: u32 = 1 | 1 << 2;

struct Card {
    gpu: Gpu,
    bus: SimBus,
    memory: AddressSpace,
    base: u32,
}

impl Card {
    fn with(config: SimConfig, base: u32) -> Self {
        let gpu = Gpu::new(config);
        let memory = AddressSpace::new();
        gpu.connect_memory(Arc::new(memory.clone()));
        let bus = SimBus::on(&gpu, Workbench::stepping(10));
        Self { gpu, bus, memory, base }
    }
    /// Set up for DMA with physical addresses, in all contexts.
    fn ready(chipset: Chipset, base: u32) -> Self {
        let card = Self::with(SimConfig::new(chipset), base);
        card.permit();
        card
    }
    fn permit(&self) {
        self.put(0x624, 1 << 7);
        self.put(0x10c, 0);
        (0..8).for_each(|context| self.put(0x600 + context * 4, COHERENT));
    }
    fn get(&self, register: u32) -> u32 {
        Io::new(&self.bus).read_untyped(Offset::new(self.base + register).unwrap()).unwrap()
    }
    fn put(&self, register: u32, value: u32) {
        Io::new(&self.bus).write_untyped(Offset::new(self.base + register).unwrap(), value).unwrap();
    }
    fn pass(&self, ns: u64) {
        self.bus.board().pass(ns);
    }
    fn stats(&self) -> Stats {
        self.gpu.with(|gpu| gpu.stats())
    }
    /// Reads, writes, faults and refusals of DMA.
    fn dma(&self) -> [u64; 4] {
        self.get(0x118);
        let stats = self.stats();
        [stats.dma_reads, stats.dma_writes, stats.dma_faults, stats.dma_refused]
    }
    fn start(&self, address: u64, moffs: u32, fboffs: u32, command: u32) {
        self.put(0x110, (address >> 8) as u32);
        self.put(0x128, (address >> 40) as u32);
        self.put(0x114, moffs);
        self.put(0x11c, fboffs);
        self.put(0x118, command);
    }
    /// A transfer and the time it takes.
    fn transfer(&self, address: u64, moffs: u32, fboffs: u32, command: u32) {
        self.start(address, moffs, fboffs, command);
        self.pass(1_000);
        assert_eq!(self.get(0x118) & (IDLE | FULL), IDLE);
    }
    fn dmem(&self, offset: u32) -> u32 {
        self.put(0x1c0, offset);
        self.get(0x1c4)
    }
    fn set_dmem(&self, offset: u32, value: u32) {
        self.put(0x1c0, offset);
        self.put(0x1c4, value);
    }
    fn imem(&self, offset: u32) -> u32 {
        self.put(0x180, offset);
        self.get(0x184)
    }
    /// A page whose word number n is `mark` + n.
    fn page(&self, mark: u32) -> DmaBuffer {
        let page = self.memory.allocate(4096, 47).unwrap();
        for word in 0..1024 {
            page.write(word * 4, &(mark + word as u32).to_le_bytes()).unwrap();
        }
        page
    }
}

fn word(page: &DmaBuffer, offset: usize) -> u32 {
    let mut bytes = [0; 4];
    page.read(offset, &mut bytes).unwrap();
    u32::from_le_bytes(bytes)
}

fn everywhere() -> impl Iterator<Item = (Chipset, u32)> {
    use Chipset::{AD102, GA100, GA102, GB100, GB202, GH100, TU102};
    let chips = [TU102, GA100, GA102, AD102, GH100, GB100, GB202];
    chips.into_iter().flat_map(|chip| [(chip, GSP), (chip, SEC2)])
}

#[test]
fn both_falcons_are_where_core_has_them() {
    assert_eq!([falcon::GSP.base(), falcon::SEC2.base()], [GSP, SEC2]);
}

#[test]
fn every_size_is_read_and_written_and_nothing_beside_it() {
    for (chipset, base) in everywhere() {
        let card = Card::ready(chipset, base);
        let page = card.page(0x1000);
        for size in 0..=6 {
            let (len, at) = (4 << size, 0x400);
            (0..0x240).step_by(4).for_each(|offset| card.set_dmem(at + offset, 7));
            card.transfer(page.bus_address(), at + 0x100, 0x200, size << 8);
            assert_eq!(card.dmem(at + 0x100), 0x1080, "{chipset} {base:#x}");
            assert_eq!(card.dmem(at + 0x100 + len - 4), 0x1080 + len / 4 - 1);
            assert_eq!((card.dmem(at + 0xfc), card.dmem(at + 0x100 + len)), (7, 7));

            card.transfer(page.bus_address(), at + 0x100, 0x800, WRITE | size << 8);
            assert_eq!(word(&page, 0x800), 0x1080);
            assert_eq!(word(&page, 0x800 + len as usize - 4), 0x1080 + len / 4 - 1);
            assert_eq!(word(&page, 0x7fc), 0x11ff, "before it");
            assert_eq!(word(&page, 0x800 + len as usize), 0x1200 + len / 4, "after it");
        }
        assert_eq!(card.dma(), [7, 7, 0, 0]);
        card.transfer(page.bus_address(), 0, 0, 7 << 8);
        assert_eq!(card.dma(), [7, 7, 0, 1], "there is no size 7");
    }
}

#[test]
fn code_comes_in_tagged_blocks_and_may_be_secure() {
    let card = Card::ready(Chipset::GA102, SEC2);
    let page = card.page(0x5000);
    // The size does not matter, nor do the low bits.
    card.transfer(page.bus_address(), 0x210, 0x304, IMEM);
    assert_eq!((card.imem(0x200), card.imem(0x2fc), card.imem(0x300)), (0x50c0, 0x50ff, 0));
    card.put(0x180, 0x200);
    assert_eq!(card.get(0x188), 3);
    card.transfer(page.bus_address(), 0x300, 0x100, IMEM | 1 << 2 | 6 << 8);
    card.put(0x180, 0x300);
    assert_eq!((card.get(0x188), card.get(0x184)), (1, 0xdead_5ec1));
    card.transfer(page.bus_address(), 0x300, 0, IMEM | WRITE | 6 << 8);
    assert_eq!(card.dma(), [2, 0, 0, 1], "code is not stored");
}

#[test]
fn the_address_has_49_bits_and_the_offset_carries_into_it() {
    struct Seen;
    impl nova_sim_glue::memory::SystemMemory for Seen {
        fn read(&self, address: u64, into: &mut [u8]) -> Result<(), nova_sim_glue::memory::DeviceFault> {
            into.copy_from_slice(&address.to_le_bytes()[..into.len()]);
            Ok(())
        }
        fn write(&self, _: u64, _: &[u8]) -> Result<(), nova_sim_glue::memory::DeviceFault> {
            Ok(())
        }
    }
    let card = Card::ready(Chipset::GH100, GSP);
    card.gpu.connect_memory(Arc::new(Seen));
    card.transfer(0x1_ff23_4567_8900, 0x20, 0xffff_ff08, 1 << 8);
    assert_eq!((card.dmem(0x20), card.dmem(0x24)), (0x4567_8808, 0x1_ff24));
    // Low bits of both ends are left out.
    card.transfer(0x1000, 0x33, 0x17, 1 << 8);
    assert_eq!(card.dmem(0x30), 0x1010);
}

#[test]
fn it_takes_its_time_and_has_room_for_four() {
    let card = Card::ready(Chipset::TU102, GSP);
    let page = card.page(0);
    (0..5).for_each(|turn| card.start(page.bus_address(), turn * 4, turn * 4 + 4, 0));
    assert_eq!(card.get(0x118) & 3, FULL);
    assert_eq!(card.get(0x10c) >> 3 & 0xf, 4);
    assert_eq!(card.dma(), [0, 0, 0, 1], "the fifth is lost");
    assert!(card.gpu.with(|gpu| gpu.next_event()).is_some());
    card.pass(2_000);
    assert_eq!((card.get(0x118) & 3, card.dma()[0]), (0, 2));
    assert_eq!((card.dmem(4), card.dmem(8)), (2, 0));
    card.pass(2_000);
    assert_eq!((card.get(0x118) & 3, card.dma()[0]), (IDLE, 4));
    assert_eq!((card.dmem(12), card.dmem(16)), (4, 0));
    assert_eq!(card.gpu.with(|gpu| gpu.next_event()), None);
}

#[test]
fn the_fields_of_the_last_command_read_back() {
    let card = Card::ready(Chipset::GA102, GSP);
    card.transfer(0, 0, 0, 0xffff_f65d);
    assert_eq!(card.get(0x118), 0x1_761c | IDLE);
}

#[test]
fn without_permission_nothing_moves() {
    for (chipset, base) in everywhere() {
        let card = Card::ready(chipset, base);
        let page = card.page(0x77);
        let mut refused = 0;
        for (register, value) in [(0x624, 0), (0x10c, 1), (0x604, 0), (0x604, 1), (0x604, 4), (0x604, 7)] {
            card.permit();
            card.put(register, value);
            card.transfer(page.bus_address(), 0, 0, 1 << 12 | 6 << 8);
            refused += 1;
            assert_eq!((card.dmem(0), card.dma()), (0, [0, 0, 0, refused]), "{register:#x} = {value}");
        }
        card.permit();
        card.put(0x604, 2 | 1 << 2);
        card.transfer(page.bus_address(), 0, 0, 1 << 12 | 6 << 8);
        assert_eq!(card.dmem(0), 0x77, "not coherent is as good");
    }
}

#[test]
fn a_falcon_starts_out_without_permission() {
    for (chipset, base) in everywhere() {
        let card = Card::with(SimConfig::new(chipset), base);
        assert_eq!((card.get(0x10c) & 1, card.get(0x624), card.get(0x600)), (1, 0, 0));
    }
}

#[test]
fn outside_its_memories_nothing_moves() {
    let card = Card::ready(Chipset::GA102, GSP);
    let page = card.page(1);
    let size = (card.get(0x108) >> 9 & 0x1ff) * 256;
    card.transfer(page.bus_address(), size - 256, 0, 6 << 8);
    card.transfer(page.bus_address(), size, 0, 6 << 8);
    card.transfer(page.bus_address(), 0xff_ff00, 0, IMEM | 6 << 8);
    assert_eq!((card.dma(), card.dmem(size - 256)), ([1, 0, 0, 2], 1));
}

#[test]
fn memory_that_is_not_there_is_a_fault_and_reads_as_ones() {
    let card = Card::ready(Chipset::GA102, GSP);
    let page = card.page(0x10);
    let gone = page.bus_address();
    card.set_dmem(0, 0x1234);
    card.memory.isolate(true);
    card.transfer(gone, 0, 0, WRITE | 6 << 8);
    card.transfer(gone, 0x100, 0, 6 << 8);
    card.memory.isolate(false);
    assert_eq!((card.dmem(0x100), card.dmem(0x1fc), card.dmem(0x200)), (u32::MAX, u32::MAX, 0));
    assert_eq!(word(&page, 0), 0x10);
    drop(page);
    card.transfer(gone, 0, 0, 6 << 8);
    assert_eq!((card.dmem(0), card.dma()), (u32::MAX, [0, 0, 3, 0]));
    assert_eq!(card.memory.faults(), 3);
    let page = card.page(0x20);
    card.gpu.disconnect_memory();
    card.transfer(page.bus_address(), 0, 0, WRITE | 6 << 8);
    assert_eq!((card.dma()[2], card.memory.faults()), (4, 3));
}

#[test]
fn a_transfer_that_is_under_way_when_the_card_is_pulled_is_a_fault() {
    let card = Card::ready(Chipset::GB202, SEC2);
    let page = card.page(0x10);
    card.start(page.bus_address(), 0, 0, WRITE | 6 << 8);
    card.gpu.with(SimGpu::unplug);
    assert_eq!(card.gpu.with(|gpu| gpu.next_event()), None);
    card.pass(1_000);
    assert_eq!((card.get(0x118), card.dma()), (u32::MAX, [0, 0, 1, 0]));
    card.gpu.with(SimGpu::reconnect);
    card.transfer(page.bus_address(), 0, 0, WRITE | 6 << 8);
    assert_eq!((card.dma(), word(&page, 0)), ([0, 1, 1, 0], 0));
}

#[test]
fn a_reset_stops_clears_and_scrubs() {
    for (chipset, base) in everywhere() {
        let card = Card::ready(chipset, base);
        let page = card.page(0x10);
        card.set_dmem(0x40, 5);
        card.put(0x040, 9);
        card.put(0x084, 9);
        card.start(page.bus_address(), 0, 0, 6 << 8);
        card.put(0x3c0, 1);
        assert_eq!(card.get(0x3c0), 1);
        assert_eq!(card.get(0x10c) & 7, 7);
        card.pass(10_000);
        card.put(0x3c0, 0);
        let deasserted = if sets::hopper_up.contains(chipset.family()) { 2 << 8 } else { 0 };
        assert_eq!(card.get(0x3c0), deasserted);
        let (ready, scrubbing) = (1 << 31, 1 << 12);
        let wide = sets::ga102_up.contains(chipset.family());
        let seen = || card.get(0x0f4) & (ready | scrubbing);
        assert_eq!((card.get(0x10c) & 6, seen()), (6, if wide { scrubbing } else { 0 }), "{chipset}");
        // While it scrubs nothing arrives.
        card.set_dmem(0x40, 6);
        card.start(page.bus_address(), 0, 0, 6 << 8);
        card.put(0x100, 2);
        assert_eq!(card.get(0x100), 1 << 4);
        card.pass(20_000);
        assert_eq!((card.get(0x10c) & 6, seen()), (0, if wide { ready } else { 0 }), "{chipset}");
        assert_eq!((card.dmem(0x40), card.dmem(0)), (0, 0));
        assert_eq!((card.get(0x040), card.get(0x084), card.get(0x600), card.get(0x624)), (0, 0, 0, 0));
        assert_eq!(card.get(0x10c), 1, "needs a context again");
        assert_eq!(card.dma(), [0, 0, 0, 1]);
    }
}

#[test]
fn the_core_is_selected_where_there_are_two() {
    let core = |chipset, base| {
        let card = Card::with(SimConfig::new(chipset), base);
        (card.get(0x1668), card.get(0x0f4) >> 10 & 1)
    };
    assert_eq!(core(Chipset::GA102, GSP), (0x11, 1));
    assert_eq!(core(Chipset::GA102, SEC2), (1, 1));
    assert_eq!(core(Chipset::TU102, GSP), (0xbadf_1100, 1));
    assert_eq!(core(Chipset::TU102, SEC2).1, 0);
    let card = Card::with(SimConfig::new(Chipset::AD102), GSP);
    card.put(0x1668, 0);
    assert_eq!(card.get(0x1668), 0);
    card.pass(1_000);
    assert_eq!(card.get(0x1668), 1);
}

#[test]
fn a_core_that_is_started_halts_again_and_says_so() {
    for (chipset, base) in everywhere() {
        let card = Card::with(SimConfig::new(chipset), base);
        assert_eq!((card.get(0x100), card.get(0x008)), (1 << 4, 0));
        card.put(0x100, 2);
        assert_eq!((card.get(0x100), card.get(0x008)), (0, 0));
        card.pass(10_000);
        assert_eq!((card.get(0x100), card.get(0x008)), (1 << 4, 1 << 4));
        card.put(0x004, 1 << 6);
        assert_eq!(card.get(0x008), 1 << 4);
        card.put(0x004, 1 << 4);
        assert_eq!(card.get(0x008), 0);
        card.put(0x010, 0x50);
        card.put(0x014, 0x40);
        assert_eq!(card.get(0x018), 0x10);
    }
}

#[test]
fn ports_are_narrow_on_turing() {
    for (chipset, base) in everywhere() {
        let card = Card::with(SimConfig::new(chipset), base);
        let mask = if chipset.family() == Family::Tu102 { 0xfffc } else { 0xff_fffc };
        card.put(0x1c0 + 8 * 7, u32::MAX);
        assert_eq!(card.get(0x1c0 + 8 * 7), mask | COUNT_WRITES | COUNT_READS, "{chipset}");
        card.put(0x180 + 16 * 3, u32::MAX);
        assert_eq!(card.get(0x180 + 16 * 3), mask | COUNT_WRITES | COUNT_READS | MARK_SECURE);
        card.put(0x114, u32::MAX);
        assert_eq!(card.get(0x114), if chipset.family() == Family::Tu102 { 0xffff } else { 0xff_ffff });
    }
}

#[test]
fn on_hopper_gsp_is_locked_while_fsp_boots_and_sec2_is_not() {
    let config = SimConfig { boot_ns: 1_000_000, ..SimConfig::new(Chipset::GH100) };
    let card = Card::with(config.clone(), GSP);
    assert_eq!(card.get(0x0f4) & !0xff, 0xbadf_4100);
    assert_eq!(Card::with(config, SEC2).get(0x0f4) >> 31, 1);
}

#[test]
fn a_power_cycle_starts_it_over_and_keeps_the_counters() {
    let card = Card::ready(Chipset::GA102, GSP);
    let page = card.page(3);
    card.transfer(page.bus_address(), 0, 0, 6 << 8);
    card.start(page.bus_address(), 0, 0, 6 << 8);
    card.gpu.with(|gpu| {
        gpu.power_off();
        gpu.power_on(0);
    });
    assert_eq!((card.dmem(0), card.get(0x118), card.get(0x624)), (0, IDLE, 0));
    assert_eq!(card.dma(), [1, 0, 0, 0]);
    card.permit();
    card.transfer(page.bus_address(), 0, 0, 6 << 8);
    assert_eq!(card.dmem(0), 3);
}
