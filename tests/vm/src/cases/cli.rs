//! The `nova` tool in the guest: it prints of a GPU behind VFIO what it prints of the simulator in its own process.

use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use nova_vm_tests::CHIPS;

use crate::pci::Function;

/// What `nova` says of a register's value that only its simulator can know to be made up.
const MADE_UP: &str = "  (derived, not observed)";

/// `info` and `timer --alarm 1ms` of a GPU of every family.
pub(super) fn info() -> Result<()> {
    let mut latest = 0;
    for chip in CHIPS {
        let function = Function::of(chip)?;
        function.bind_vfio()?;
        let (simulated, real) = (format!("sim:{chip}"), format!("vfio:{}", function.address()));
        let expected = as_driven(&nova(&simulated, &["info"])?, &simulated, &real, "vfio-pci")?;
        compare(&expected, &without_times(&nova(&real, &["info"])?))?;

        let alarm = ["timer", "--alarm", "1ms"];
        let [expected, printed] = [nova(&simulated, &alarm)?, nova(&real, &alarm)?];
        compare(&without_times(&expected), &without_times(&printed))?;
        latest = latest.max(lateness(&printed)?);
        ensure!(!function.is_bus_master()?, "nova has left {chip} with access to memory");
    }
    println!("{}; alarms at most {} us late", CHIPS.join(", "), latest / 1000);
    Ok(())
}

/// What `nova` prints, as a person sees it.
pub(super) fn nova(device: &str, words: &[&str]) -> Result<String> {
    let output = Command::new("/bin/nova").args(["-d", device]).args(words).output();
    let output = output.context("cannot start nova")?;
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    ensure!(output.status.success() && said.is_empty(), "nova -d {device} {}: {said}", words.join(" "));
    Ok(String::from_utf8(output.stdout)?)
}

/// What `nova info` has to print of the GPU `real`, which `driver` of the kernel has, if it prints `text` of its simulator: the same to the byte, but for the
/// device's name, the time, the note on what a simulator has made up, and the last line, which names the kernel's driver.
pub(super) fn as_driven(text: &str, simulated: &str, real: &str, driver: &str) -> Result<String> {
    ensure!(text.contains(simulated) && !text.contains("driver"), "nova info of the simulator:\n{text}");
    let text = text.replace(simulated, real).replace(MADE_UP, "");
    Ok(format!("{}driver  {driver} (kernel)\n", without_times(&text)))
}

/// The text with every time as `TIME`: a number before ` ns`, and what comes after `late`.
pub(super) fn without_times(text: &str) -> String {
    let line = |line: &str| -> String {
        let late = line.strip_prefix("late").map(str::trim_start);
        if let Some(time) = late {
            return line.replace(time, "TIME");
        }
        let words: Vec<_> = line.split(' ').collect();
        let is_time = |at: usize| words.get(at + 1) == Some(&"ns") && words[at].parse::<u64>().is_ok();
        let shown = words.iter().enumerate().map(|(at, word)| if is_time(at) { "TIME" } else { word });
        shown.collect::<Vec<_>>().join(" ")
    };
    text.lines().map(|text| line(text) + "\n").collect()
}

/// How late the alarm was, in ns, of which is sure that it was not early.
pub(super) fn lateness(text: &str) -> Result<u64> {
    let time = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        let number = line.and_then(|line| line.split_whitespace().nth(1));
        let number = number.with_context(|| format!("no {name} in:\n{text}"))?;
        number.parse::<u64>().with_context(|| format!("{name} is '{number}'"))
    };
    let [requested, due, seen] = [time("requested")?, time("due")?, time("seen")?];
    ensure!(requested <= due && due <= seen, "the alarm was early:\n{text}");
    Ok(seen - requested)
}

pub(super) fn compare(expected: &str, printed: &str) -> Result<()> {
    if expected != printed {
        bail!("nova printed:\n{printed}instead of:\n{expected}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALARM: &str = "\
requested  1000 ns  (now + 1 ms)
due        1024 ns  (the timer's next step)
seen       1088 ns
late       88 ns
";

    #[test]
    fn times_are_left_out_and_nothing_else() {
        let shown = without_times(ALARM);
        assert!(shown.starts_with("requested  TIME ns  (now + 1 ms)\n"), "{shown}");
        assert!(shown.ends_with("seen       TIME ns\nlate       TIME\n"), "{shown}");
        assert_eq!(without_times("pci     10de:2204, class 030000\n"), "pci     10de:2204, class 030000\n");
    }

    #[test]
    fn an_early_alarm_is_noticed() {
        assert_eq!(lateness(ALARM).unwrap(), 88);
        assert!(lateness(&ALARM.replace("1088", "1008")).is_err());
        assert!(lateness("").is_err());
    }

    #[test]
    fn the_difference_to_a_simulator_is_exact() {
        let text = "device  sim:x\nboot42  0x1  (derived, not observed)\ntimer   5 ns\n";
        let expected = "device  vfio:y\nboot42  0x1\ntimer   TIME ns\ndriver  vfio-pci (kernel)\n";
        assert_eq!(as_driven(text, "sim:x", "vfio:y", "vfio-pci").unwrap(), expected);
        assert!(compare(expected, text).is_err());
    }
}
