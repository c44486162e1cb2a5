//! A load from BAR1, mapped through our client, against a load from ordinary memory.

use std::hint::black_box;
use std::time::Instant;

use nova_vfio_glue::device::{Area, Mapping, region};
use nova_vfio_glue::user::{Options, connect};

use crate::{median, peers};

const ROUNDS: usize = 15;
const LOADS: u32 = 10_000_000;
const PATTERN: u32 = 0x1234_5678;

/// A load from a mapping. A symbol of its own, so that its machine code can be looked at.
#[unsafe(no_mangle)]
#[inline(never)]
#[expect(clippy::cast_ptr_alignment, reason = "the start of a page, or of a word")]
extern "C" fn load_of_mapped_bar(bar: &Mapping) -> u32 {
    // SAFETY: `report` maps more than four bytes, at the start of a page, and the file is sealed against shrinking.
    unsafe { bar.as_ptr().cast::<u32>().read_volatile() }
}

/// Measures both in turns and prints them.
pub(crate) fn report(long: bool) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("gpu");
    let server = peers::nova(&path);
    let device = connect(&path, &Options::default()).expect("a client of ours");
    let area = Area { offset: 0, len: 1 << 20 };
    let bar = device.map(region::BAR1, area).expect("BAR1 can be mapped");
    let memory = vec![PATTERN; 4096].leak().as_mut_ptr().cast();
    device.write(region::BAR1, 0, &PATTERN.to_le_bytes()).expect("BAR1 takes a write");
    assert_eq!(load_of_mapped_bar(&bar), PATTERN, "the mapping is what messages reach");
    let before = server.handle().stats().server.requests;
    let (rounds, loads) = if long { (ROUNDS, LOADS) } else { (1, 1000) };
    let found: Vec<(f64, f64)> =
        (0..rounds).map(|_| (each(loads, bar.as_ptr()), each(loads, memory))).collect();
    let asked = server.handle().stats().server.requests - before;
    assert_eq!(asked, 0, "a mapped load asks nobody");
    let of = |which: fn(&(f64, f64)) -> f64| median(found.iter().map(which));
    println!(
        "A 4-byte load, {rounds} rounds of {loads} loads each, loop included; the server heard of {asked}:\n"
    );
    println!("| load from | median | ratio |\n|---|---|---|");
    println!(
        "| BAR1, mapped through our client | {:.2} ns | {:.2} |",
        of(|pair| pair.0),
        of(|pair| pair.0 / pair.1)
    );
    println!("| ordinary memory | {:.2} ns | |\n", of(|pair| pair.1));
    drop(device);
}

/// Nanoseconds of a load, in the same code for whatever memory it is.
#[inline(never)]
#[expect(clippy::cast_ptr_alignment, reason = "the start of a page, or of a word")]
fn each(times: u32, from: *const u8) -> f64 {
    let begin = Instant::now();
    for _ in 0..times {
        // SAFETY: `report` gives the start of more than four bytes, aligned, which stay there.
        black_box(unsafe { from.cast::<u32>().read_volatile() });
    }
    begin.elapsed().as_secs_f64() * 1e9 / f64::from(times)
}
