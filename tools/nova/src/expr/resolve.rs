//! From an expression to places on the bus.

use nova_core::bus::catalogue::{Entry, FieldInfo};
use nova_core::bus::{Offset, OffsetError, OffsetErrorKind};
use nova_core::chip::Family;
use nova_core::regs::{self, Found};

use super::{Expr, Index, Path};
use crate::error::{Code, Error, Result};

/// A place on the bus, with what the catalogue knows of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    /// Byte offset in BAR0.
    pub(crate) offset: u32,
    /// Width in bytes.
    pub(crate) width: u32,
    /// The register, if one is known there.
    pub(crate) found: Option<Found>,
    /// The field that was asked for.
    pub(crate) field: Option<&'static FieldInfo>,
}

impl Target {
    /// The place of a known register.
    pub(crate) fn of(found: Found) -> Self {
        Self { offset: found.offset(), width: found.entry.width, found: Some(found), field: None }
    }

    /// The register, if one is known.
    pub(crate) fn entry(&self) -> Option<&'static Entry> {
        self.found.map(|found| found.entry)
    }

    /// Its name, or its offset.
    pub(crate) fn name(&self) -> String {
        self.found.map_or_else(|| crate::output::offset(self.offset), |found| found.to_string())
    }
}

/// The places that `expr` stands for, on `family` if one is known. Never none.
///
/// # Errors
///
/// When there is no such register, field or element, also when `family` does not have it.
pub(crate) fn resolve(expr: &Expr, family: Option<Family>) -> Result<Vec<Target>> {
    match expr {
        Expr::Offset(offset) => {
            let found = regs::by_offset(*offset, family);
            let width = found.map_or(4, |found| found.entry.width);
            // An offset outside is not mended by being made even.
            if Offset::<u8>::new(*offset).is_err() {
                return Err(OffsetError { offset: *offset, width, kind: OffsetErrorKind::Outside }.into());
            }
            match width {
                1 => Offset::<u8>::new(*offset).map(drop)?,
                2 => Offset::<u16>::new(*offset).map(drop)?,
                _ => Offset::<u32>::new(*offset).map(drop)?,
            }
            Ok(vec![Target { offset: *offset, width, found, field: None }])
        }
        Expr::Path(path) => path.resolve(family),
    }
}

impl Path {
    fn resolve(&self, family: Option<Family>) -> Result<Vec<Target>> {
        // A.B is INSTANCE.NAME, or else NAME.FIELD.
        let whole = self.registers(0..self.segments.len());
        let (registers, field) = match self.segments.split_last() {
            Some((field, [_, ..])) if whole.is_empty() => {
                (self.registers(0..self.segments.len() - 1), Some(field))
            }
            _ => (whole, None),
        };
        let places = self.elements(&registers)?;
        let here = places.iter().copied().filter(|found| family.is_none_or(|f| found.families().contains(f)));
        let here: Vec<_> = here.collect();
        match (places.first(), here.is_empty(), family) {
            (None, ..) => Err(unknown(&self.segments)),
            (Some(there), true, Some(family)) => Err(elsewhere(there, family)),
            _ => here.into_iter().map(|found| with_field(found, field)).collect(),
        }
    }

    /// The registers called by some of the segments, with or without NVIDIA's `NV_`.
    fn registers(&self, segments: std::ops::Range<usize>) -> Vec<Found> {
        let (instance, name) = match self.segments.get(segments) {
            Some([name]) => (None, name),
            Some([instance, name]) => (Some(instance), name),
            _ => return Vec::new(),
        };
        let named = |name: &str| -> Vec<Found> {
            let pattern = instance.map_or_else(|| name.to_owned(), |instance| format!("{instance}.{name}"));
            regs::matching(&pattern).collect()
        };
        match named(name) {
            none if none.is_empty() => named(&format!("NV_{name}")),
            some => some,
        }
    }

    /// The elements the index asks for; without one the whole of an array only for a pattern's sake.
    fn elements(&self, registers: &[Found]) -> Result<Vec<Found>> {
        let mut places = Vec::new();
        for found in registers {
            match self.index {
                None => places.push(*found),
                Some((_, Index::All)) => places.extend(found.elements()),
                Some((_, Index::At(index))) if index < found.entry.count => {
                    places.push(Found { index, ..*found });
                }
                Some((_, Index::At(index))) => {
                    let last = found.entry.count - 1;
                    let name = found.entry.name;
                    return Err(Error::usage(format!("{name} has no element {index}; the last is {last}"))
                        .next(format!("nova reg show {name}")));
                }
            }
        }
        Ok(places)
    }
}

fn with_field(found: Found, field: Option<&String>) -> Result<Target> {
    let target = Target::of(found);
    let Some(name) = field else { return Ok(target) };
    if let Some(field) = found.entry.field(name) {
        return Ok(Target { field: Some(field), ..target });
    }
    let names: Vec<_> = found.entry.fields.iter().map(|field| field.name).collect();
    let register = found.entry.name;
    Err(Error::not_found(format!("{register} has no field {name}; it has {}", names.join(", ")))
        .next(format!("nova reg show {register}")))
}

fn elsewhere(found: &Found, family: Family) -> Error {
    let families: Vec<_> = found.families().iter().map(|family| family.to_string()).collect();
    let there = if families.is_empty() { "no chip nova drives".to_owned() } else { families.join(", ") };
    Error::new(Code::Differs, format!("{found} does not exist on the {family} family; it exists on {there}"))
        .next(format!("nova reg show {}", found.entry.name))
}

fn unknown(segments: &[String]) -> Error {
    let name = segments.join(".");
    let error = Error::not_found(format!("no register called {name}"));
    match nearest(segments) {
        Some(near) => error.next(format!("nova reg show {near}")),
        None => error.next("nova reg find '*TIME*'"),
    }
}

/// The register whose name is most like one of `segments`.
fn nearest(segments: &[String]) -> Option<&'static str> {
    // Two names are not alike because both are NVIDIA's.
    fn plain(name: &str) -> &str {
        name.strip_prefix("NV_").unwrap_or(name)
    }
    let wanted: Vec<_> = segments.iter().map(|segment| segment.to_ascii_uppercase()).collect();
    let wanted: Vec<_> = wanted.iter().map(|segment| plain(segment)).collect();
    let likeness = |name: &str| wanted.iter().map(|w| strsim::jaro_winkler(name, w)).fold(0.0, f64::max);
    regs::all()
        .map(|found| (likeness(plain(found.entry.name)), found.entry.name))
        .filter(|(likeness, _)| *likeness > 0.85)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str, family: Option<Family>) -> Vec<String> {
        let targets = resolve(&Expr::parse(text).unwrap(), family).unwrap();
        targets
            .iter()
            .map(|t| t.field.map_or_else(|| t.name(), |f| format!("{}.{}", t.name(), f.name)))
            .collect()
    }

    fn fails(text: &str, family: Option<Family>) -> Error {
        resolve(&Expr::parse(text).unwrap(), family).unwrap_err()
    }

    #[test]
    fn names_fields_elements_and_instances() {
        assert_eq!(names("nv_pmc_boot_0", None), ["NV_PMC_BOOT_0"]);
        assert_eq!(names("PMC_BOOT_0", None), ["NV_PMC_BOOT_0"]);
        assert_eq!(names("NV_PMC_BOOT_42.ARCHITECTURE", None), ["NV_PMC_BOOT_42.ARCHITECTURE"]);
        assert_eq!(names("0x9400", Some(Family::Ga102)), ["NV_PTIMER_TIME_0"]);
        assert_eq!(names("0x9ffc", None), ["0x009ffc"]);
        assert_eq!(names("GSP.NV_PFALCON_FALCON_MAILBOX0", None), ["GSP.NV_PFALCON_FALCON_MAILBOX0"]);
        assert_eq!(names("NV_PTIMER_VF_TIMER[3].NSEC", None), ["NV_PTIMER_VF_TIMER[3].NSEC"]);
        assert_eq!(names("NV_PTIMER_VF_TIMER[*]", None).len(), 16);
        assert!(names("NV_PTIMER_*", Some(Family::Gh100)).len() > 5);
    }

    #[test]
    fn what_is_not_there_says_what_is() {
        assert!(fails("NV_PTIMER_TIME_9", None).to_string().contains("nova reg show NV_PTIMER_TIME_"));
        assert!(fails("NV_PMC_BOOT_0.NOPE", None).to_string().contains("ARCHITECTURE_0"));
        assert!(fails("NV_PTIMER_INTR_0", Some(Family::Gh100)).to_string().contains("TU102"));
        assert!(fails("NV_PTIMER_VF_TIMER[16]", None).to_string().contains("the last is 15"));
        assert_eq!(fails("0x1000000", None).code(), Code::Usage);
        assert_eq!(fails("0x9401", None).code(), Code::Usage);
    }
}
