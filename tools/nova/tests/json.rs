//! JSON for scripts.

mod common;

use common::{json, nova};
use serde_json::Value;

/// Every simulated device there is.
fn devices() -> Vec<String> {
    let list = json(&["list"]);
    assert_eq!(list["schema_version"], 1);
    let chips = list["simulated"].as_array().unwrap();
    chips.iter().map(|chip| chip["device"].as_str().unwrap().to_owned()).collect()
}

fn word(value: &Value) -> u32 {
    let text = value.as_str().unwrap();
    assert_eq!(text.len(), 10, "{text}");
    u32::from_str_radix(text.strip_prefix("0x").unwrap(), 16).unwrap()
}

#[test]
fn info_of_every_chipset() {
    let devices = devices();
    assert!(devices.len() >= 24);
    for device in devices {
        let info = json(&["-d", &device, "info"]);
        assert_eq!(info["schema_version"], 1);
        assert_eq!(info["device"], device);
        assert_eq!(info["state"], "bound");
        let chipset = info["chipset"].as_str().unwrap();
        assert_eq!(format!("sim:{}", chipset.to_ascii_lowercase()), device);
        assert!(
            ["Turing", "Ampere", "Ada", "Hopper", "Blackwell"]
                .contains(&info["architecture"].as_str().unwrap())
        );
        assert_eq!(info["revision"], "a1");
        // Both registers give the same chip id.
        assert_eq!(word(&info["boot0"]) >> 20 & 0x1ff, word(&info["boot42"]) >> 20);
        assert!(info["timer_ns"].as_u64().unwrap() > 0);
        assert_eq!(info["pci"]["vendor"], "10de");
        assert!(info["bar0_size"].as_u64().unwrap() >= 16 << 20);
    }
}

#[test]
fn every_command_has_json() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.trace").display().to_string();
    for args in [
        &["list"][..],
        &["info"],
        &["timer"],
        &["timer", "--watch", "--interval", "1ms", "--count", "1"],
        &["irq", "--watch", "--count", "1"],
        &["decode", "NV_PMC_BOOT_0", "1"],
        &["trace", "record", "-o", &file, "probe"],
        &["trace", "show", &file],
        &["trace", "replay", &file],
        &["device", "stress", "--rounds", "1", "--mode", "world"],
        &["timer", "--alarm", "1ms"],
        &["irq"],
        &["reg", "find", "NV_PMC_BOOT_*"],
        &["reg", "show", "NV_PMC_BOOT_0"],
        &["reg", "read", "NV_PMC_BOOT_0", "0x9400"],
        &["reg", "write", "NV_PTIMER_ALARM_0=0"],
        &["dump", "--unit", "ptimer"],
        &["trace", "show", "--summary", "nouveau-ga102-trimmed.mmiotrace"],
    ] {
        assert_eq!(json(args)["schema_version"], 1, "{args:?}");
    }
    assert_eq!(json(&["decode", "NV_PMC_BOOT_0", "1"])["name"], "NV_PMC_BOOT_0");
}

#[test]
fn every_line_of_ndjson_has_the_version() {
    for args in [
        &["list"][..],
        &["info"],
        &["timer", "--watch", "--interval", "1ms", "--count", "2"],
        &["irq", "--watch", "--interval", "1ms", "--count", "2"],
        &["reg", "find", "NV_PMC_BOOT_*"],
        &["reg", "show", "NV_PMC_BOOT_0"],
        &["reg", "read", "NV_PMC_BOOT_*"],
        &["reg", "write", "NV_PTIMER_ALARM_0=0"],
        &["decode", "NV_PMC_BOOT_0", "1"],
        &["dump", "--unit", "ptimer"],
        &["trace", "show", "nouveau-ga102-trimmed.mmiotrace"],
        &["device", "stress", "--rounds", "1", "--mode", "world"],
    ] {
        let run = nova(&[&["--format", "ndjson"], args].concat());
        assert_eq!(run.code, 0, "{args:?}: {}", run.stderr);
        assert_ne!(run.stdout, "", "{args:?}");
        assert!(run.stdout.lines().all(|line| line.starts_with("{\"schema_version\":1,")), "{args:?}");
    }
}

#[test]
fn an_alarm_comes_soon_after_its_time_and_never_before() {
    for device in devices() {
        let alarm = json(&["-d", &device, "timer", "--alarm", "5ms"]);
        let ns = |key: &str| alarm[key].as_u64().unwrap();
        assert!(ns("requested_ns") <= ns("due_ns") && ns("due_ns") <= ns("seen_ns"), "{alarm}");
        assert!(ns("late_ns") < 100_000, "{alarm}");
    }
}

#[test]
fn software_interrupts_are_counted_on_every_chip() {
    for device in devices() {
        let irq = json(&["-d", &device, "irq", "--trigger", "5"]);
        let sources = irq["sources"].as_array().unwrap();
        let doorbell = sources.iter().find(|source| source["number"] == 129).unwrap();
        assert_eq!((&doorbell["count"], &irq["messages"]["served"]), (&5.into(), &5.into()), "{device}");
    }
}

#[test]
fn both_views_of_the_time_agree() {
    let timer = json(&["-d", "sim:gb203", "timer"]);
    let (one, other) = (timer["ptimer_ns"].as_u64().unwrap(), timer["virtual_function_ns"].as_u64().unwrap());
    assert!(other > one && other - one < 100_000);
}

#[test]
fn watching_prints_a_line_at_a_time() {
    let run = nova(&["--format", "ndjson", "timer", "--watch", "--interval", "1ms", "--count", "3"]);
    let lines: Vec<Value> = run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    assert!(lines.iter().skip(1).all(|line| line["since_last_ns"].as_u64().unwrap() >= 1_000_000));
    let run = nova(&["irq", "--watch", "--interval", "1ms", "--count", "2", "--trigger", "2"]);
    assert!(run.stdout.lines().nth(1).unwrap().starts_with("triggered 4, messages served 4"));
}

#[test]
fn a_write_is_done_only_when_asked_for() {
    let written = |args: &[&str]| json(&[&["reg", "write", "NV_PTIMER_ALARM_0=0x1000"], args].concat());
    let dry = written(&[]);
    assert_eq!((&dry["written"], &dry["writes"][0]["now"]), (&false.into(), &Value::Null));
    let wet = written(&["--write"]);
    assert_eq!((&wet["written"], &wet["writes"][0]["now"]), (&true.into(), &"0x00001000".into()));
}
