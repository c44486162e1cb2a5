//! The JSON of every command, held against the published schema.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use common::server::Server;
use common::{FakeSys, GPU, command, finish, nova};
use jsonschema::Validator;
use serde_json::{Value, json};

/// Commands that print no JSON: what they print is for a shell, for `man`, or is a schema itself; or they go on for ever.
const NO_JSON: [&str; 4] = ["completions", "schema", "sim-serve", "tui"];

const LOG: &str = "nouveau-ga102-trimmed.mmiotrace";

/// Holds output against the schema, and remembers what was seen.
struct Checker {
    schema: Value,
    kinds: BTreeSet<String>,
    commands: BTreeSet<String>,
}

impl Checker {
    fn new() -> Self {
        let text = nova(&["schema"]).stdout;
        Self {
            schema: serde_json::from_str(&text).unwrap(),
            kinds: BTreeSet::new(),
            commands: BTreeSet::new(),
        }
    }

    fn validator(&self, kind: &str) -> Validator {
        assert!(self.schema["$defs"][kind].is_object(), "no kind {kind}");
        let schema = json!({ "$ref": format!("#/$defs/{kind}"), "$defs": self.schema["$defs"] });
        jsonschema::draft202012::new(&schema).unwrap()
    }

    /// Runs a command on its own machine; its one document is of this kind.
    fn document(&mut self, kind: &str, args: &[&str]) {
        let text = output("json", args, None);
        self.check(kind, args, &[serde_json::from_str(&text).unwrap()]);
    }

    /// The same with a GPU in the machine.
    fn on(&mut self, machine: &FakeSys, kind: &str, args: &[&str]) {
        let text = output("json", args, Some(machine));
        self.check(kind, args, &[serde_json::from_str(&text).unwrap()]);
    }

    /// Runs a command; each of its lines is of this kind.
    fn lines(&mut self, kind: &str, args: &[&str]) {
        let text = output("ndjson", args, None);
        let lines: Vec<_> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        self.check(kind, args, &lines);
    }

    fn check(&mut self, kind: &str, args: &[&str], values: &[Value]) {
        let validator = self.validator(kind);
        assert!(!values.is_empty(), "{args:?} prints nothing");
        for value in values {
            if let Err(error) = validator.validate(value) {
                panic!("{args:?} is no {kind}: {error} at {}\n{value}", error.instance_path());
            }
        }
        self.kinds.insert(kind.to_owned());
        let words = args.iter().skip_while(|word| word.starts_with('-') || word.contains(':'));
        let words: Vec<_> = words.take(2).copied().collect();
        self.commands.insert(words.join("-"));
        self.commands.insert(words[0].to_owned());
    }
}

/// What a command prints, whether or not it found what it looked for.
fn output(format: &str, args: &[&str], machine: Option<&FakeSys>) -> String {
    let all = [&["--format", format], args].concat();
    let run = match machine {
        Some(machine) => machine.nova(&all),
        None => finish(&mut command(&all)),
    };
    assert!(matches!(run.code, 0 | 1 | 5 | 7), "{args:?}: {} {}", run.code, run.stderr);
    run.stdout
}

#[test]
fn what_every_command_prints_is_in_the_schema() {
    let mut checker = Checker::new();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    devices(&mut checker);
    registers(&mut checker);
    traces(&mut checker, &path);
    served(&mut checker);
    let pages = path("man");
    checker.document("man", &["man", "--out", &pages]);
    everything_was_seen(&checker, Path::new(&pages));
}

fn devices(checker: &mut Checker) {
    let machine = FakeSys::new();
    checker.document("list", &["list"]);
    checker.on(&machine, "list", &["list"]);
    checker.document("info", &["info"]);
    checker.document("info", &["-d", "sim:gb207", "info"]);
    checker.on(&machine, "info", &["-d", "pci:01:00.0", "info"]);
    checker.document("timer", &["timer"]);
    checker.document("alarm", &["timer", "--alarm", "1ms"]);
    checker.lines("timer-line", &["timer", "--watch", "--interval", "1ms", "--count", "2"]);
    checker.document("irq", &["irq"]);
    checker.lines("irq", &["irq", "--watch", "--interval", "1ms", "--count", "2"]);
    checker.document("device-probe", &["device", "probe"]);
    checker.document("device-remove", &["device", "remove"]);
    checker.document("stress", &["device", "stress", "--rounds", "1"]);
    checker.document("hang-demo", &["device", "stress", "--hang-demo"]);
    checker.document("doctor", &["doctor"]);
    checker.on(&machine, "doctor", &["doctor", GPU]);
    machine.set_driver("vfio-pci");
    checker.on(&machine, "bind", &["bind", GPU]);
    machine.set_driver("nouveau");
    checker.commands.insert("unbind".to_owned());
}

fn registers(checker: &mut Checker) {
    checker.document("reg-find", &["reg", "find", "*"]);
    checker.lines("reg-find-line", &["reg", "find", "*"]);
    for name in ["NV_PMC_BOOT_0", "NV_PFALCON_FALCON_MAILBOX0", "NV_PTIMER_VF_TIMER", "NV_PTIMER_INTR_EN_0"] {
        checker.document("reg-show", &["reg", "show", name]);
    }
    checker.document("reg-read", &["reg", "read", "NV_PMC_BOOT_0", "0x9ffc"]);
    checker.lines("reading", &["reg", "read", "NV_PMC_BOOT_0", "0x9ffc"]);
    checker.document("reading", &["decode", "0x9400", "0xbadf1100"]);
    checker.document("reg-write", &["reg", "write", "NV_PTIMER_ALARM_0=0x1007"]);
    checker.document("reg-write", &["reg", "write", "--write", "NV_PTIMER_ALARM_0=0x1000"]);
    checker.document("reg-write", &["-d", "sim:tu102", "reg", "write", "NV_PTIMER_TIME_1_SET=0"]);
    checker.document("dump", &["dump", "--all"]);
    checker.lines("reading", &["dump", "--unit", "ptimer"]);
    checker.document("diff", &["diff", "sim:ga102", "sim:gh100"]);
    checker.document("diff", &["diff", "sim:ga102", LOG]);
    checker.lines("difference", &["diff", "sim:ga102", "sim:gh100"]);
    let watched = ["watch", "PTIMER_TIME_0", "0x9ffc", "PTIMER_TIME_1", "--interval", "1ms", "--count", "3"];
    checker.lines("watch-line", &watched);
}

fn traces(checker: &mut Checker, path: &dyn Fn(&str) -> String) {
    let (one, other, log) = (path("one.trace"), path("other.trace"), path("one.log"));
    checker.document("trace-record", &["trace", "record", "-o", &one, "all"]);
    checker.document("trace-record", &["-d", "sim:gb202", "trace", "record", "-o", &other, "probe"]);
    for trace in [&one, LOG] {
        checker.document("trace-show", &["trace", "show", trace]);
        checker.lines("access", &["trace", "show", trace]);
        checker.document("trace-summary", &["trace", "show", "--summary", trace]);
        checker.document("trace-replay", &["trace", "replay", trace]);
    }
    checker.document("trace-replay-on-device", &["trace", "replay", "--on-device", &one]);
    checker.document("trace-compare", &["trace", "compare", &one, &other]);
    checker.document("trace-compare", &["trace", "compare", &one, &one]);
    checker.lines("hunk", &["trace", "compare", &one, &other]);
    let pictures: &[_] = if cfg!(feature = "plot") { &["svg", "png"] } else { &[] };
    for kind in pictures {
        checker.document("picture", &["trace", "plot", LOG, "-o", &path(&format!("x.{kind}"))]);
        checker.document("picture", &["timer", "--plot", &path(&format!("y.{kind}"))]);
    }
    checker.document("trace-convert", &["trace", "convert", &one, "-o", &log]);
}

fn served(checker: &mut Checker) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scripts/faults.nova");
    checker.document("sim-run", &["sim", "run", script]);
    let server = Server::start(&[]);
    let socket = server.socket();
    let ctl = |order: &[&'static str]| {
        [&["sim", "ctl", "--socket"], &[&*socket][..], order]
            .concat()
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    for (kind, order) in
        [("sim-ctl", &["raise", "148"][..]), ("sim-ctl", &["unplug"]), ("sim-stats", &["stats"])]
    {
        let args = ctl(order);
        checker.document(kind, &args.iter().map(String::as_str).collect::<Vec<_>>());
    }
    assert!(server.end().is_empty());
}

/// Every kind of document, and every command: each has a manual page.
fn everything_was_seen(checker: &Checker, pages: &Path) {
    let kinds = checker.schema["anyOf"].as_array().unwrap().iter();
    let kinds = kinds.map(|kind| kind["$ref"].as_str().unwrap().trim_start_matches("#/$defs/"));
    // The schema is that of the whole tool, since it is one file for all who read it.
    for kind in kinds.filter(|kind| cfg!(feature = "plot") || *kind != "picture") {
        assert!(checker.kinds.contains(kind), "nothing prints a {kind}");
    }
    let files = fs::read_dir(pages).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let names: BTreeSet<_> =
        files.filter_map(|name| Some(name.strip_prefix("nova-")?.strip_suffix(".1")?.to_owned())).collect();
    // The orders of `sim ctl` are one command each to clap, and one kind of document.
    let commands =
        names.iter().filter(|name| !name.starts_with("sim-ctl-") && !NO_JSON.contains(&name.as_str()));
    for name in commands {
        let has_subcommands = names.iter().any(|other| other.starts_with(&format!("{name}-")));
        assert!(checker.commands.contains(name) || has_subcommands, "the JSON of {name} is not checked");
    }
}

#[test]
fn the_schema_refuses_what_is_not_in_it() {
    let checker = Checker::new();
    let info = common::json(&["info"]);
    let validator = checker.validator("info");
    assert!(validator.is_valid(&info));
    let mut with = info.clone();
    with["extra"] = 1.into();
    let mut without = info.clone();
    without.as_object_mut().unwrap().remove("chipset");
    let mut other = info;
    other["boot0"] = "172".into();
    for wrong in [with, without, other] {
        assert!(!validator.is_valid(&wrong), "{wrong}");
    }
}

#[test]
fn one_kind_of_document_has_a_schema_of_its_own() {
    let run = nova(&["schema", "timer"]);
    let schema: Value = serde_json::from_str(&run.stdout).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    assert!(validator.is_valid(&common::json(&["timer"])));
    assert!(!validator.is_valid(&common::json(&["info"])));
    let run = nova(&["schema", "nonsense"]);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{}", run.stderr);
}
