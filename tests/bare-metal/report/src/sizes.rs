//! Flash and RAM by section.

use std::fmt::Write as _;

use anyhow::Result;
use object::{File, Object as _, ObjectSection as _, SectionFlags, SectionKind, elf::SHF_ALLOC};

/// What a section takes of each memory, in bytes.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    name: String,
    flash: u64,
    ram: u64,
}

/// The firmware's sections as a table.
pub(crate) fn table(firmware: &[u8]) -> Result<String> {
    let file = File::parse(firmware)?;
    let rows: Vec<_> = file.sections().filter_map(|section| row(&section)).collect();
    Ok(render(&rows))
}

/// A section that is on the machine. What runtimes call the stack and the heap is what is left of RAM, not what the
/// firmware takes.
fn row(section: &object::Section<'_, '_>) -> Option<Row> {
    let SectionFlags::Elf { sh_flags } = section.flags() else { return None };
    let name = section.name().ok()?.to_owned();
    if sh_flags & u64::from(SHF_ALLOC) == 0 || section.size() == 0 || [".stack", ".heap"].contains(&&*name) {
        return None;
    }
    let size = section.size();
    let (flash, ram) = match section.kind() {
        SectionKind::UninitializedData => (0, size),
        // Copied from flash at the start.
        SectionKind::Data => (size, size),
        _ => (size, 0),
    };
    Some(Row { name, flash, ram })
}

fn render(rows: &[Row]) -> String {
    let mut text = format!("{:16} {:>8} {:>8}\n", "section", "flash", "RAM");
    let total = Row {
        name: "total".into(),
        flash: rows.iter().map(|row| row.flash).sum(),
        ram: rows.iter().map(|row| row.ram).sum(),
    };
    for Row { name, flash, ram } in rows.iter().chain([&total]) {
        let _ = writeln!(text, "{name:16} {flash:>8} {ram:>8}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_that_of_each_memory() {
        let rows = [
            Row { name: ".text".into(), flash: 1000, ram: 0 },
            Row { name: ".data".into(), flash: 16, ram: 16 },
            Row { name: ".bss".into(), flash: 0, ram: 200 },
        ];
        let expected = "\
section             flash      RAM
.text                1000        0
.data                  16       16
.bss                    0      200
total                1016      216
";
        assert_eq!(render(&rows), expected);
    }
}
