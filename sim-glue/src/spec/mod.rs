//! Simulated devices in one line of text: `ga102`, `sim:gb202,firewall`, `ga100,seed=7,boot-ms=20,fault=nth=17;read;all-ones`.
//!
//! A chip of core's table in any case, then keys in any order, separated by commas; see [`KEYS`]. A fault is in the
//! words of [`nova_backends::faults`], with `;` for its commas.

mod error;
mod near;

pub use error::SpecError;

use std::ops::RangeInclusive;
use std::str::FromStr;

use nova_backends::faults::Fault;
use nova_core::chip::Chipset;
use nova_core::chip::family::sets;

use crate::gpu::{Function, Gpu, Health, SimConfig};

/// A simulated device as asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct SimSpec {
    /// The GPU.
    pub config: SimConfig,
    /// Seed of the world it lives in; 0 when none is given.
    pub seed: u64,
    /// Faults of its bus, in order.
    pub faults: Vec<Fault>,
    /// Whether it starts unplugged.
    pub gone: bool,
    /// Whether it starts without power.
    pub powered_down: bool,
    /// Whether its timer stands still.
    pub hung_timer: bool,
}

/// A key of the language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// The word.
    pub name: &'static str,
    /// What stands after the `=`; `None` for a plain word.
    pub value: Option<&'static str>,
    /// What it does.
    pub help: &'static str,
}

const fn key(name: &'static str, value: &'static str, help: &'static str) -> Key {
    Key { name, value: Some(value), help }
}

const fn word(name: &'static str, help: &'static str) -> Key {
    Key { name, value: None, help }
}

/// All keys, for help texts.
pub const KEYS: &[Key] = &[
    key("seed", "N", "seed of the deterministic world (0)"),
    key("boot-ms", "0..60000", "how long firmware boots, in ms (0)"),
    key("vram-mib", "64..1048576", "video memory in MiB (8192)"),
    key("time", "0..0x1fffffffffffffff", "timer at power-on in ns (0.1 ms before a wrap of its low word)"),
    key("device-id", "0..0xffff", "PCI device id (that of a known board)"),
    key("fault", "WORDS", "a fault of the bus, `;` between its words; may be given several times"),
    word("vf", "an SR-IOV virtual function"),
    word("firewall", "BAR firewall up: all reads give ones (Blackwell)"),
    word("recovery", "recovery mode: BOOT_0 reads zero"),
    word("security-fault", "security fault state: everything reads 0xbadf0200"),
    word("time-locked", "the host may not set the time (Turing to Ada)"),
    word("hung-timer", "the timer stands still"),
    word("gone", "unplugged from the start"),
    word("powered-down", "without power from the start (D3cold)"),
];

const BOOT_MS: RangeInclusive<u64> = 0..=60_000;
const VRAM_MIB: RangeInclusive<u64> = 64..=1 << 20;
const DEVICE_ID: RangeInclusive<u64> = 0..=0xffff;
/// What the timer's counter holds: 61 bits.
const TIME: RangeInclusive<u64> = 0..=(1 << 61) - 1;
const ANY: RangeInclusive<u64> = 0..=u64::MAX;

impl SimSpec {
    /// A healthy chip.
    pub const fn new(chipset: Chipset) -> Self {
        Self {
            config: SimConfig::new(chipset),
            seed: 0,
            faults: Vec::new(),
            gone: false,
            powered_down: false,
            hung_timer: false,
        }
    }

    /// The GPU, powered on at host time `now`, in ns. The faults belong around its bus and are not in it.
    pub fn gpu(&self, now: u64) -> Gpu {
        let gpu = Gpu::powered_on_at(self.config.clone(), now);
        gpu.with(|gpu| {
            if self.hung_timer {
                gpu.freeze_time(true, now);
            }
            if self.gone {
                gpu.unplug();
            }
            if self.powered_down {
                gpu.power_off();
            }
        });
        gpu
    }

    fn set(&mut self, key: &'static Key, value: &str) -> Result<(), SpecError> {
        let config = &mut self.config;
        match key.name {
            "seed" => self.seed = number(key, value, &ANY)?,
            "boot-ms" => config.boot_ns = number(key, value, &BOOT_MS)? * 1_000_000,
            "vram-mib" => config.vram_mib = number(key, value, &VRAM_MIB)? as u32,
            "time" => config.time_ns = number(key, value, &TIME)?,
            "device-id" => config.device_id = Some(number(key, value, &DEVICE_ID)? as u16),
            "fault" => {
                let fault = value.replace(';', ",").parse();
                self.faults.push(fault.map_err(|error| SpecError::Fault { text: value.to_owned(), error })?);
            }
            "vf" => config.function = Function::Virtual,
            "firewall" => config.firewall = true,
            "recovery" => config.health = Health::Recovery,
            "security-fault" => config.health = Health::SecurityFault,
            "time-locked" => config.time_writable = false,
            "hung-timer" => self.hung_timer = true,
            "powered-down" => self.powered_down = true,
            _ => self.gone = true,
        }
        Ok(())
    }

    /// Checks what one key alone cannot.
    fn check(&self) -> Result<(), SpecError> {
        if self.gone && self.powered_down {
            return Err(SpecError::Together { keys: ["gone", "powered-down"] });
        }
        let (chip, family) = (self.config.chipset, self.config.chipset.family());
        if self.config.firewall && !sets::blackwell.contains(family) {
            return Err(SpecError::NotOnChip {
                key: "firewall",
                chip,
                where_: "Blackwell chips, such as gb202",
            });
        }
        if !self.config.time_writable && !sets::pre_hopper.contains(family) {
            let where_ = "Turing to Ada; later chips never let the host write it";
            return Err(SpecError::NotOnChip { key: "time-locked", chip, where_ });
        }
        Ok(())
    }
}

impl FromStr for SimSpec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let text = text.trim();
        let mut words = text.strip_prefix("sim:").unwrap_or(text).split(',').map(str::trim);
        let name = words.next().unwrap_or_default();
        let chipset = Chipset::by_name(name).ok_or_else(|| SpecError::chip(name))?;
        let mut spec = Self::new(chipset);
        let mut seen: Vec<&str> = Vec::new();
        for word in words {
            let (name, value) = match word.split_once('=') {
                Some((name, value)) => (name.trim(), Some(value.trim())),
                None => (word, None),
            };
            let key = KEYS.iter().find(|key| key.name == name).ok_or_else(|| SpecError::key(name))?;
            if key.name != "fault" && seen.contains(&key.name) {
                return Err(SpecError::Twice { key: key.name });
            }
            seen.push(key.name);
            match (key.value, value) {
                (Some(_), Some(value)) => spec.set(key, value)?,
                (None, None) => spec.set(key, "")?,
                (Some(form), None) => return Err(SpecError::NoValue { key: key.name, form }),
                (None, Some(_)) => return Err(SpecError::Value { key: key.name }),
            }
        }
        spec.check()?;
        Ok(spec)
    }
}

/// `17` or `0x11`, in a range.
fn number(key: &Key, text: &str, range: &RangeInclusive<u64>) -> Result<u64, SpecError> {
    let parsed = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) if !digits.starts_with('+') => u64::from_str_radix(digits, 16),
        _ if text.starts_with('+') => "".parse(),
        _ => text.parse(),
    };
    parsed.ok().filter(|number| range.contains(number)).ok_or_else(|| SpecError::Number {
        key: key.name,
        text: text.to_owned(),
        min: *range.start(),
        max: *range.end(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::Power;

    fn parse(text: &str) -> Result<SimSpec, String> {
        text.parse::<SimSpec>().map_err(|error| error.to_string())
    }

    #[test]
    fn a_chip_alone_is_healthy() {
        assert_eq!(parse("ga102"), Ok(SimSpec::new(Chipset::GA102)));
        assert_eq!(parse(" sim:GB202 "), Ok(SimSpec::new(Chipset::GB202)));
    }

    #[test]
    fn keys_say_what_differs() {
        let spec = parse(
            "tu104,seed=0x7, boot-ms=20,vf,fault=nth=17;read;all-ones,fault=reg=0x9400;from=3;drop;write",
        )
        .unwrap();
        assert_eq!((spec.seed, spec.config.boot_ns), (7, 20_000_000));
        assert_eq!(spec.config.function, Function::Virtual);
        assert_eq!(spec.faults.len(), 2);
        assert!(parse("gb202,firewall").unwrap().config.firewall);
    }

    #[test]
    fn every_key_is_known_to_the_parser() {
        for key in KEYS {
            let text = match key.name {
                "fault" => "gb202,fault=all-ones".to_owned(),
                "time-locked" => "ga102,time-locked".to_owned(),
                name if key.value.is_some() => format!("gb202,{name}=100"),
                name => format!("gb202,{name}"),
            };
            assert_ne!(parse(&text).unwrap(), SimSpec::new(Chipset::GB202), "{text}");
        }
    }

    #[test]
    fn mistakes_say_what_to_write_instead() {
        for (text, says) in [
            ("ga105", "no chip is called `ga105`; did you mean GA100, GA102, GA103 or GA104?"),
            ("", "no chip is named; write one first, such as ga102"),
            ("ga102,colour=3", "there is no key `colour`; keys are seed, boot-ms,"),
            ("ga102,boot=3", "there is no key `boot`; did you mean boot-ms?"),
            ("ga102,sed=3", "there is no key `sed`; did you mean seed?"),
            ("ga102,seed", "`seed` wants a value; write seed=N"),
            ("ga102,vf=1", "`vf` takes no value; write vf"),
            ("ga102,boot-ms=60001", "`boot-ms=60001` is not a number from 0 to 60000"),
            ("ga102,seed=+1", "`seed=+1` is not a number"),
            ("ga102,seed=1,seed=2", "`seed` is given twice; keep one"),
            (
                "ga102,time=0x2000000000000000",
                "`time=0x2000000000000000` is not a number from 0 to 2305843009213693951",
            ),
            ("ga102,powered-down,gone", "`gone` and `powered-down` exclude each other; keep one"),
            ("ga102,powered", "there is no key `powered`; did you mean powered-down?"),
            ("ga102,powered-down=1", "`powered-down` takes no value; write powered-down"),
            ("ga102,firewall", "`firewall` does not exist on GA102"),
            ("gh100,time-locked", "`time-locked` does not exist on GH100"),
            ("ga102,fault=nth=0;all-ones", "`fault=nth=0;all-ones`: "),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with(says), "{text}: {error}");
        }
    }

    #[test]
    fn the_gpu_is_as_asked_for() {
        let gpu = parse("ga102,gone,hung-timer").unwrap().gpu(50);
        gpu.with(|gpu| {
            assert_eq!(gpu.power(), Power::Gone);
            assert_eq!(gpu.time(0), gpu.time(1 << 40));
        });
    }

    #[test]
    fn a_gpu_without_power_reads_ones_until_it_gets_some() {
        let gpu = parse("gh100,powered-down").unwrap().gpu(50);
        let boot_0 = nova_core::bus::Offset::new(0).unwrap();
        let bus = crate::gpu::SimBus::on(&gpu, crate::gpu::Workbench::default());
        let read = || nova_core::bus::Io::new(&bus).read_untyped(boot_0).unwrap();
        assert_eq!((gpu.with(|gpu| gpu.power()), read()), (Power::Off, u32::MAX));
        gpu.with(|gpu| gpu.power_on(60));
        assert_ne!(read(), u32::MAX);
    }

    #[test]
    fn the_largest_time_is_the_timers() {
        assert_eq!(parse("ga102,time=0x1fffffffffffffff").unwrap().config.time_ns, (1 << 61) - 1);
        assert_eq!(parse("ga102,time=0").unwrap().config.time_ns, 0);
    }
}
