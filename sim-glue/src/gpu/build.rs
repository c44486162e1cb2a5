//! Puts a register file together: identity, the table of behaviour, and core's catalogue for the rest.

use nova_backends::model::{AddError, AddErrorKind, Kind, Model};
use nova_core::bus::Offset;
use nova_core::chip::Family;
use nova_core::chip::family::sets;
use nova_core::regs::{self, pfb, pgc6, pmc, ptimer, xve};

use super::behaviour::Behaviour;
use super::falcon;
use super::rows::{FALCON_ROWS, ROWS, Row};
use super::{Identity, SimConfig};

/// Registers a chip may have. Less than half of it is used; a test tells when that changes.
pub(super) const CELLS: usize = 3072;
/// Larger arrays of the catalogue are windows: PROM, PRAMIN.
const LARGEST_ARRAY: u32 = 512;
/// Bit 4 of the time's privilege mask: the host may write.
const TIME_WRITABLE: u32 = 1 << 4;
/// The magnitude field of Turing's memory size has six bits.
const LARGEST_MAGNITUDE: u32 = 63;

pub(super) type Registers = Model<CELLS, Behaviour>;

/// The registers of a chip of `config`, powered on at `now`.
pub(super) fn registers(config: &SimConfig, identity: &Identity, now: u64) -> Box<Registers> {
    let mut model = Box::new(Registers::new(Behaviour::new(config, now)));
    let family = config.chipset.family();
    for (offset, value) in constants(config, identity, family) {
        ignore_duplicate(add(&mut model, offset, Kind::ReadOnly, value));
    }
    for row in ROWS.iter().filter(|row| row.families.contains(family)) {
        add_row(&mut model, row);
    }
    for row in FALCON_ROWS.iter().filter(|row| row.families.contains(family)) {
        for base in falcon::BASES {
            add_row(&mut model, &row.up(base));
        }
    }
    add_catalogue(&mut model, family);
    model
}

/// Registers whose reset value depends on the chip or its configuration.
fn constants(config: &SimConfig, identity: &Identity, family: Family) -> Vec<(u32, u32)> {
    use super::Health;
    use nova_core::bus::Register;

    fn at<R: Register>(_register: R) -> u32 {
        R::OFFSET
    }

    let boot_0 = if config.health == Health::Recovery { 0 } else { identity.boot_0 };
    let mut all = vec![
        (at(pmc::NV_PMC_BOOT_0), boot_0),
        (at(pmc::NV_PMC_BOOT_1), identity.boot_1),
        (at(pmc::NV_PMC_BOOT_42), identity.boot_42),
    ];
    let mirror =
        if sets::hopper_up.contains(family) { at(xve::NV_EP_PCFG_GPU_ID) } else { at(xve::NV_XVE_ID) };
    all.extend(identity.config_words().into_iter().zip((mirror..).step_by(4)).map(|(word, at)| (at, word)));
    if sets::pre_hopper.contains(family) {
        let mask = if config.time_writable { TIME_WRITABLE } else { 0 };
        all.push((at(ptimer::NV_PTIMER_TIME_PRIV_LEVEL_MASK), mask));
    }
    if sets::turing_ga100.contains(family) {
        all.push((at(pfb::NV_PFB_PRI_MMU_LOCAL_MEMORY_RANGE), memory_range(config.vram_mib)));
    } else {
        all.push((at(pgc6::NV_PGC6_AON_SECURE_SCRATCH_GROUP_42), config.vram_mib));
    }
    all
}

/// The size as magnitude times a power of two MiB: what Turing and GA100 say.
fn memory_range(mib: u32) -> u32 {
    let scale = (u32::BITS - mib.leading_zeros()).saturating_sub(LARGEST_MAGNITUDE.count_ones());
    (mib >> scale) << 4 | scale
}

fn add(model: &mut Registers, offset: u32, kind: Kind, reset: u32) -> Result<(), AddError> {
    match Offset::new(offset) {
        Ok(at) => model.add_at(at, kind, reset),
        Err(_) => Err(AddError { offset, kind: AddErrorKind::Place }),
    }
}

/// Whoever comes first has the place; anything else is a mistake in the tables, which the tests build for all chips.
fn ignore_duplicate(result: Result<(), AddError>) {
    if let Err(error) = result {
        assert!(matches!(error.kind, AddErrorKind::Duplicate), "the register tables are wrong: {error}");
    }
}

fn add_row(model: &mut Registers, row: &Row) {
    for index in 0..row.count {
        let step = index * row.stride;
        let kind = match row.kind {
            Kind::AliasOf(first) => match Offset::new(first.bytes() + step) {
                Ok(target) => Kind::AliasOf(target),
                Err(_) => row.kind,
            },
            kind => kind,
        };
        ignore_duplicate(add(model, row.offset + step, kind, row.reset));
    }
}

/// Storage for everything else the catalogue knows on this family, behaving as its access mode says and zero at reset.
fn add_catalogue(model: &mut Registers, family: Family) {
    for found in regs::all().filter(|found| found.families().contains(family)) {
        // What the table says of an array is all there is of it on this family: eight leaves up to Ada.
        let told = |row: &Row| row.families.contains(family) && row.offset == found.offset();
        if found.entry.count > LARGEST_ARRAY || found.entry.width != 4 || ROWS.iter().any(told) {
            continue;
        }
        for element in found.elements() {
            let kind = Kind::of_access(found.entry.access);
            ignore_duplicate(add(model, element.offset(), kind, 0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nova_core::chip::Chipset;

    #[test]
    fn every_chip_can_be_built_with_room_to_spare() {
        for chipset in Chipset::ALL {
            let config = SimConfig::new(*chipset);
            let model = registers(&config, &Identity::of(&config), 0);
            assert!(model.len() < CELLS * 3 / 4, "{chipset}: {} registers", model.len());
            assert_eq!(model.counters().absent, 0, "{chipset}");
        }
    }

    #[test]
    fn memory_size_is_magnitude_and_scale() {
        let size = |mib| {
            let range = memory_range(mib);
            (range >> 4 & 0x3f) << (range & 0xf)
        };
        for mib in [0, 1, 63, 64, 6144, 8192, 11264, 40960, 81920] {
            assert_eq!(size(mib), mib);
        }
    }
}
