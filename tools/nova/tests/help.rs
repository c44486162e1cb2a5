//! Help, completions and manual pages: made from one definition, and none of them leaves a command out.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use common::{nova, transcript};

/// Every command, as the words to type, found in the help texts themselves.
fn commands() -> Vec<Vec<String>> {
    let mut found = vec![Vec::new()];
    let mut at = 0;
    while at < found.len() {
        let words: Vec<String> = found[at].clone();
        let help = nova(&[&words.iter().map(String::as_str).collect::<Vec<_>>()[..], &["--help"]].concat());
        assert_eq!((help.code, help.stderr.as_str()), (0, ""), "{words:?}");
        let lines = help.stdout.lines().skip_while(|line| *line != "Commands:").skip(1);
        let names = lines.take_while(|line| !line.is_empty()).filter_map(|line| {
            let name = line.strip_prefix("  ")?.split(' ').next()?;
            (!name.is_empty() && name != "help").then(|| name.to_owned())
        });
        found.extend(names.map(|name| [&words[..], &[name]].concat()).collect::<Vec<_>>());
        at += 1;
    }
    found
}

/// The help of each command, as it looks on a terminal.
fn helps() -> Vec<String> {
    let commands = commands();
    assert!(commands.len() > 40, "{commands:?}");
    let help = |words: &Vec<String>| {
        transcript(&[&words.iter().map(String::as_str).collect::<Vec<_>>()[..], &["--help"]].concat())
    };
    commands.iter().map(help).collect()
}

/// Of the whole tool; what a smaller one has is below.
#[test]
#[cfg(all(feature = "plot", feature = "tui"))]
fn the_help_of_every_command() {
    insta::assert_snapshot!(helps().join("\n\n"));
}

#[test]
fn a_smaller_tool_lacks_what_was_left_out_and_nothing_else() {
    let (plot, tui) = (cfg!(feature = "plot"), cfg!(feature = "tui"));
    let whole = include_str!("snapshots/help__the_help_of_every_command.snap");
    let wanted = whole.lines().filter(|line| {
        match line.strip_prefix("$ nova ").and_then(|line| line.strip_suffix("--help")) {
            Some("tui ") => tui,
            Some("trace plot ") => plot,
            other => other.is_some(),
        }
    });
    let helps = helps();
    let commands = helps.iter().filter_map(|text| text.lines().next());
    assert_eq!(commands.collect::<BTreeSet<_>>(), wanted.collect());
    // Its texts do not speak of it either.
    let option = |text: &String| text.lines().any(|line| line.trim_start().starts_with("--plot "));
    let mut with_option: Vec<_> =
        helps.iter().filter(|text| option(text)).filter_map(|text| text.lines().next()).collect();
    with_option.sort_unstable();
    let all = ["$ nova device stress --help", "$ nova timer --help"];
    assert_eq!(with_option, if plot { &all[..] } else { &[] });
}

#[test]
fn every_command_has_a_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    let run = nova(&["man", "--out", &folder.path().display().to_string()]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let pages: BTreeSet<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    let wanted = commands()
        .into_iter()
        .map(|words| format!("{}.1", [vec!["nova".to_owned()], words].concat().join("-")));
    assert_eq!(pages, wanted.collect());
    for page in &pages {
        let text = fs::read_to_string(folder.path().join(page)).unwrap();
        let name = page.strip_suffix(".1").unwrap();
        assert!(text.contains(&format!(".TH {name} 1 ")), "{page}: {text}");
        for section in [".SH NAME", ".SH SYNOPSIS", ".SH DESCRIPTION", ".SH OPTIONS"] {
            assert!(text.contains(section), "{page} has no {section}");
        }
    }
    let main = fs::read_to_string(folder.path().join("nova.1")).unwrap();
    assert_eq!(nova(&["man"]).stdout, main);
    for page in pages.iter().filter(|page| page.matches('-').count() == 1) {
        // A page names the pages of the subcommands.
        let reference = page.replace(".1", "(1)").replace('-', "\\-");
        assert!(main.contains(&reference), "nova.1 does not refer to {reference}");
    }
}

#[test]
fn every_command_is_completed_in_every_shell() {
    let commands = commands();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = nova(&["completions", shell]);
        assert_eq!((script.code, script.stderr.as_str()), (0, ""), "{shell}");
        for words in &commands {
            for word in words {
                assert!(script.stdout.contains(word.as_str()), "{shell} does not know {word}");
            }
        }
        assert!(script.stdout.contains("--device") || script.stdout.contains("-l device"), "{shell}");
    }
    assert_eq!(nova(&["completions", "cmd"]).code, 2);
}

/// What bash offers behind these words, by its own means.
fn complete(words: &[&str]) -> Vec<String> {
    let script = nova(&["completions", "bash"]).stdout;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("nova.bash");
    let line: Vec<_> = words.iter().map(|word| format!("'{word}'")).collect();
    let run = format!(
        "COMP_WORDS=({}); COMP_CWORD={}; _nova nova '{}' '{}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"\n",
        line.join(" "),
        words.len() - 1,
        words.last().unwrap(),
        words[words.len() - 2],
    );
    fs::write(&file, script + &run).unwrap();
    let output = Command::new("bash").args(["--norc", "--noprofile"]).arg(&file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_every_command() {
    for words in commands().iter().filter(|words| !words.is_empty()) {
        let mut line = vec!["nova"];
        line.extend(words.iter().map(String::as_str));
        let offered = complete(&line);
        assert!(offered.contains(words.last().unwrap()), "{line:?}: {offered:?}");
    }
    assert!(complete(&["nova", "--format", ""]).contains(&"ndjson".to_owned()));
    assert!(complete(&["nova", "device", "stress", "--se"]).contains(&"--seed".to_owned()));
}
