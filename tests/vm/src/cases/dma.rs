//! Memory that nova gives a GPU, through the guest's IOMMU.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use nova_core::{
    bus::{Bus, Io, Offset},
    driver::Gpu,
    hal::DmaMemory as _,
    regs::falcon::SEC2,
    units::falcon::{Engine, Span},
};
use nova_vfio_glue::host::VfioDma;
use nova_vm_tests::CHIPS;

use super::count;
use crate::{
    control::Control,
    driven::{Client, Driven, LONG, call},
};

/// Bytes that are copied: more than one transfer, and over the end of a page.
const LEN: usize = 4096 + 1024;

/// On a GPU of every family.
pub(super) fn dma() -> Result<()> {
    for chip in CHIPS {
        on(chip).with_context(|| format!("{chip}: memory"))?;
    }
    println!("{LEN} bytes each way and a fault on {}", CHIPS.join(", "));
    Ok(())
}

fn on(chip: &str) -> Result<()> {
    let mut control = Control::open()?;
    let driven = Driven::bound(chip)?;
    let client = driven.client()?;
    let before = driven.plug.mapped_memory();
    let memory = call(&client, |cx| {
        let falcon = Gpu::falcon(cx, Engine::Sec2);
        falcon.reset()?;
        falcon.memory(LEN)
    })?;
    ensure!(driven.plug.mapped_memory() == before + 1, "the memory is not mapped");
    let memory = the_device_reads(&client, memory)?;
    let memory = the_device_writes(&client, memory)?;
    let address = memory.bus_address();
    ensure!(raw_load(&client, address)? != ONES, "the device does not read what is mapped");
    drop(memory);
    ensure!(driven.plug.mapped_memory() == before, "the memory is still mapped");

    let faults = count(&mut control, chip, "dma", "unmapped")?;
    ensure!(raw_load(&client, address)? == ONES, "the device still reads what was unmapped");
    let faults = count(&mut control, chip, "dma", "unmapped")? - faults;
    ensure!(faults > 0, "the server has seen no fault");
    driven.remove()?;
    driven.close();
    Ok(())
}

/// Words that are all different, and different for each `seed`.
fn pattern(seed: u32) -> Vec<u32> {
    (0..LEN as u32 / 4).map(|index| (index + seed).wrapping_mul(0x9e37_79b1)).collect()
}

fn bytes(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

const SPAN: Span = Span { memory: 0, falcon: 0, len: LEN as u32 };

fn the_device_reads(client: &Client, memory: VfioDma) -> Result<VfioDma> {
    let words = pattern(1);
    memory.write(0, &bytes(&words))?;
    let (memory, seen) = call(client, |cx| {
        let falcon = Gpu::falcon(cx, Engine::Sec2);
        let memory = falcon.load_dmem(memory, SPAN)?;
        let mut seen = vec![0; words.len()];
        falcon.read_dmem(0, &mut seen)?;
        Ok((memory, seen))
    })?;
    ensure!(seen == words, "the device has read something else from memory");
    Ok(memory)
}

fn the_device_writes(client: &Client, memory: VfioDma) -> Result<VfioDma> {
    let words = pattern(2);
    let memory = call(client, |cx| {
        let falcon = Gpu::falcon(cx, Engine::Sec2);
        falcon.write_dmem(0, &words)?;
        Ok(falcon.store_dmem(memory, SPAN)?)
    })?;
    let mut seen = vec![0; LEN];
    memory.read(0, &mut seen)?;
    ensure!(seen == bytes(&words), "the device has written something else to memory");
    Ok(memory)
}

/// What an address reads as to which nobody answers.
const ONES: [u32; 4] = [u32::MAX; 4];

/// Has the falcon load 256 bytes from any address, as no driver would, and gives the first words. The falcon is permitted to
/// since its last transfer.
fn raw_load(client: &Client, address: u64) -> Result<[u32; 4]> {
    /// Registers of a falcon, see `nova_core::regs::falcon`.
    mod reg {
        pub(super) const BASE: u32 = 0x110;
        pub(super) const FALCON_OFFSET: u32 = 0x114;
        pub(super) const COMMAND: u32 = 0x118;
        pub(super) const MEMORY_OFFSET: u32 = 0x11c;
        pub(super) const BASE1: u32 = 0x128;
    }
    /// 256 bytes to data memory.
    const LOAD: u32 = 6 << 8;
    const IDLE: u32 = 1 << 1;
    let words = call(client, |cx| {
        let falcon = Gpu::falcon(cx, Engine::Sec2);
        falcon.write_dmem(0, &[0; 64])?;
        let io = cx.io();
        put(io, reg::BASE, (address >> 8) as u32);
        put(io, reg::BASE1, (address >> 40) as u32);
        put(io, reg::FALCON_OFFSET, 0);
        put(io, reg::MEMORY_OFFSET, 0);
        put(io, reg::COMMAND, LOAD);
        let started = Instant::now();
        while get(io, reg::COMMAND) & IDLE == 0 && started.elapsed() < LONG {}
        let mut words = [0; 4];
        falcon.read_dmem(0, &mut words)?;
        Ok(words)
    })?;
    ensure!(words != [0; 4], "the falcon has loaded nothing");
    Ok(words)
}

fn at(register: u32) -> Offset<u32> {
    Offset::new(SEC2.base() + register).expect("a register of the falcon")
}

fn put<B: Bus>(io: Io<'_, B>, register: u32, value: u32) {
    io.write_untyped(at(register), value).expect("a mapped or a held device takes writes");
}

fn get<B: Bus>(io: Io<'_, B>, register: u32) -> u32 {
    io.read_untyped(at(register)).expect("a mapped or a held device answers")
}
