//! Every mutant there is, by name, and the files with all of them in them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use super::{
    operators::{self, Module, Operator, Switches},
    source::Source,
};

/// What is mutated: folders, with what their crates call the module with the switches.
const FOLDERS: [(&str, &str); 2] = [("core/src/lifecycle", "crate"), ("backends/src/gate", "nova_core")];

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mutant {
    /// `lifecycle/device.rs:Device.lose:no-fence:1`: the same after edits elsewhere.
    pub(super) name: String,
    pub(super) operator: Operator,
    /// From the root of the workspace.
    pub(super) file: String,
    pub(super) line: usize,
    /// The line as it is.
    pub(super) text: String,
}

/// All mutants; the switch of each is its place here plus one. And the files, with the switches.
#[derive(Debug, Default)]
pub(super) struct Mutated {
    pub(super) mutants: Vec<Mutant>,
    pub(super) files: Vec<(PathBuf, String)>,
}

/// Finds all mutants in the workspace `root`, without those whose names are in `without`.
pub(super) fn enumerate(root: &Path, without: &BTreeSet<String>) -> Result<Mutated> {
    let mut mutated = Mutated::default();
    for (folder, module) in FOLDERS {
        for path in rust_files(&root.join(folder))? {
            let text =
                fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let file = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            let text = mutate(&file, &text, Module(module), without, &mut mutated.mutants);
            mutated.files.push((file.into(), text));
        }
    }
    Ok(mutated)
}

/// The files below `folder`, in order, without those that are modules for tests.
fn rust_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        if !folder.exists() {
            continue;
        }
        let only_tests = test_modules(&fs::read_to_string(folder.join("mod.rs")).unwrap_or_default());
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            if only_tests.contains(&stem) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// `model` of `#[cfg(all(test, nova_model = "loom"))]` and then `mod model;`.
fn test_modules(text: &str) -> Vec<String> {
    let lines: Vec<_> = text.lines().collect();
    let pairs = lines.windows(2).filter(|pair| pair[0].starts_with("#[cfg(") && pair[0].contains("test"));
    pairs.filter_map(|pair| Some(pair[1].strip_prefix("mod ")?.strip_suffix(';')?.to_owned())).collect()
}

/// The text of one file with switches; its mutants go to the others.
fn mutate(
    file: &str,
    text: &str,
    module: Module,
    without: &BTreeSet<String>,
    mutants: &mut Vec<Mutant>,
) -> String {
    let source = Source::new(text);
    let mut counts = BTreeMap::new();
    let mut here = Here { file, function: "", line: 0, text: "", without, counts: &mut counts, mutants };
    let tables = tables(&source, &mut here);
    let mut lines = Vec::with_capacity(source.lines.len());
    for (place, line) in source.lines.iter().enumerate() {
        let mut line = line.clone();
        if let Some(function) = &source.functions[place] {
            (here.function, here.line, here.text) = (function, place + 1, source.lines[place].trim());
            line = operators::rewrite(&source, place, module, &mut here).unwrap_or(line);
            for (table, switches) in &tables {
                let rows = format!("{}::mutant::rows({table}, &{switches:?})", module.0);
                line = line.replace(&format!("{table}.iter()"), &rows);
            }
        }
        lines.push(line);
    }
    lines.join("\n") + "\n"
}

/// The rows of constant tables of tuples, each a mutant: for each table, the switches of its rows.
fn tables(source: &Source, here: &mut Here<'_>) -> Vec<(String, Vec<u32>)> {
    let mut tables = Vec::new();
    for (place, line) in source.code.iter().enumerate() {
        let Some((_, rest)) = line.split_once("const ") else { continue };
        let Some((name, value)) = rest.split_once(": &[(") else { continue };
        if !value.trim_end().ends_with("= &[") {
            continue;
        }
        let rows = source.code.iter().enumerate().skip(place + 1).take_while(|(_, row)| row.trim() != "];");
        let mut switches = Vec::new();
        for (place, _) in rows.filter(|(_, row)| row.trim().starts_with('(')) {
            let row = source.lines[place].trim().to_owned();
            switches.push(here.add(name, place + 1, &row, Operator::NoRow).unwrap_or(u32::MAX));
        }
        tables.push((name.to_owned(), switches));
    }
    tables
}

/// Where a mutant is, while they are enumerated.
struct Here<'a> {
    file: &'a str,
    function: &'a str,
    line: usize,
    text: &'a str,
    without: &'a BTreeSet<String>,
    counts: &'a mut BTreeMap<(String, Operator), usize>,
    mutants: &'a mut Vec<Mutant>,
}

impl Here<'_> {
    fn add(&mut self, function: &str, line: usize, text: &str, operator: Operator) -> Option<u32> {
        let count = self.counts.entry((function.to_owned(), operator)).or_default();
        *count += 1;
        let short = self.file.split_once("/src/").map_or(self.file, |(_, short)| short);
        let name = format!("{short}:{function}:{operator}:{count}");
        if self.without.contains(&name) {
            return None;
        }
        let (file, text) = (self.file.to_owned(), text.to_owned());
        self.mutants.push(Mutant { name, operator, file, line, text });
        u32::try_from(self.mutants.len()).ok()
    }
}

impl Switches for Here<'_> {
    fn switch(&mut self, operator: Operator) -> Option<u32> {
        let (function, text) = (self.function, self.text);
        self.add(function, self.line, text, operator)
    }
}

/// The module with the switches. `NOVA_MUTANT` says which one is on; with `NOVA_MUTANT_REACHED`, each switch that is
/// looked at is written to that file, once. What it uses is std's, which no model checker looks into.
pub(super) fn switchboard(mutants: usize) -> String {
    format!(
        "\
//! Written by `cargo xtask prove`.
#![allow(missing_docs)]
extern crate std;
use core::sync::atomic::{{AtomicBool, Ordering}};
use std::{{env, fs::{{File, OpenOptions}}, io::Write as _, sync::{{Mutex, OnceLock}}}};

static SEEN: [AtomicBool; {count}] = [const {{ AtomicBool::new(false) }}; {count}];
static BOARD: OnceLock<(u32, Option<Mutex<File>>)> = OnceLock::new();

fn board() -> &'static (u32, Option<Mutex<File>>) {{
    BOARD.get_or_init(|| {{
        let on = env::var(\"NOVA_MUTANT\").map_or(0, |on| on.parse().expect(\"NOVA_MUTANT is a number\"));
        let reached = env::var_os(\"NOVA_MUTANT_REACHED\");
        // A test may run the program once more: both add to the list.
        let open = |path| OpenOptions::new().create(true).append(true).open(path).expect(\"can be written\");
        (on, reached.map(|path| Mutex::new(open(path))))
    }})
}}

pub fn on(switch: u32) -> bool {{
    let (on, reached) = board();
    if let Some(file) = reached {{
        if SEEN.get(switch as usize).is_some_and(|seen| !seen.swap(true, Ordering::Relaxed)) {{
            let mut file = file.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            let mut line = [b'0'; 9];
            line[8] = b'\\n';
            let mut rest = switch;
            for digit in line[..8].iter_mut().rev() {{
                *digit = b'0' + (rest % 10) as u8;
                rest /= 10;
            }}
            let _ = file.write_all(&line);
        }}
    }}
    *on == switch
}}

pub fn order(switch: u32, weak: Ordering, strong: Ordering) -> Ordering {{
    if on(switch) {{ weak }} else {{ strong }}
}}

pub fn rows<T>(table: &'static [T], switches: &'static [u32]) -> impl Iterator<Item = &'static T> {{
    table.iter().zip(switches).filter(|(_, switch)| !on(**switch)).map(|(row, _)| row)
}}
",
        count = mutants + 1
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
pub const TABLE: &[(u8, u8)] = &[
    (1, 2),
    // Why.
    (2, 3),
];
impl Cell {
    fn next(&self) {
        TABLE.iter().find(|row| row.0 == 1);
        fence(Ordering::Acquire);
        fence(Ordering::Acquire);
    }
}
";

    fn names(without: &[&str]) -> (Vec<String>, String) {
        let mut mutants = Vec::new();
        let without = without.iter().map(|name| (*name).to_owned()).collect();
        let text = mutate("core/src/a/b.rs", TEXT, Module("crate"), &without, &mut mutants);
        (mutants.into_iter().map(|mutant| mutant.name).collect(), text)
    }

    #[test]
    fn names_say_where_and_what_and_lines_stay() {
        let (names, text) = names(&[]);
        let expected = [
            "a/b.rs:TABLE:no-row:1",
            "a/b.rs:TABLE:no-row:2",
            "a/b.rs:Cell.next:no-statement:1",
            "a/b.rs:Cell.next:swapped:1",
            "a/b.rs:Cell.next:no-fence:1",
            "a/b.rs:Cell.next:no-fence:2",
        ];
        assert_eq!(names, expected);
        assert_eq!(text.lines().count(), TEXT.lines().count());
        assert!(text.contains("crate::mutant::rows(TABLE, &[1, 2]).find"), "{text}");
    }

    #[test]
    fn one_that_is_left_out_keeps_the_names_of_the_others() {
        let (names, text) = names(&["a/b.rs:Cell.next:no-fence:1"]);
        assert_eq!(names.last().unwrap(), "a/b.rs:Cell.next:no-fence:2");
        assert_eq!(text.matches("mutant::on(5)").count(), 1);
        assert!(!text.contains("mutant::on(6)"));
    }

    #[test]
    fn modules_for_tests_are_known() {
        let text = "mod gate;\n#[cfg(all(test, nova_model = \"loom\"))]\nmod model;\n#[cfg(feature = \"std\")]\nmod x;\n";
        assert_eq!(test_modules(text), ["model"]);
    }
}
