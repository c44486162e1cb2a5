//! The picture of a terminal in the README is what the tool prints.
//!
//! `NOVA_PICTURE=write cargo test -p nova --test readme_picture` makes it again.

mod common;

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

use common::nova;

/// The commands in the picture.
const COMMANDS: [&[&str]; 3] = [&["info"], &["timer", "--alarm", "5ms"], &["device", "remove"]];
/// Width of a character and height of a line, in the picture's units.
const CHARACTER: usize = 8;
const LINE: usize = 18;

/// The commands and what they print, a line of the terminal each.
fn session() -> Vec<String> {
    let mut lines = Vec::new();
    for args in COMMANDS {
        let run = nova(args);
        assert_eq!(run.code, 0, "{args:?}: {}", run.stderr);
        lines.push(format!("$ nova {}", args.join(" ")));
        lines.extend(run.stdout.lines().map(|line| line.trim_end().to_owned()));
        lines.push(String::new());
    }
    lines.pop();
    lines
}

fn draw(lines: &[String]) -> String {
    let columns = lines.iter().map(|line| line.chars().count()).max().unwrap_or(0);
    let (width, height) = ((columns + 4) * CHARACTER, (lines.len() + 2) * LINE);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"monospace\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"#1e1e1e\"/>\n"
    );
    for (row, line) in lines.iter().enumerate().filter(|(_, line)| !line.is_empty()) {
        let color = if line.starts_with("$ ") { "#7ec97e" } else { "#d4d4d4" };
        let length = line.chars().count() * CHARACTER;
        let text = line.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let (x, y) = (2 * CHARACTER, (row + 2) * LINE - 5);
        let _ = writeln!(
            svg,
            "<text x=\"{x}\" y=\"{y}\" fill=\"{color}\" textLength=\"{length}\" xml:space=\"preserve\">{text}</text>"
        );
    }
    svg + "</svg>\n"
}

#[test]
fn the_picture_in_the_readme_is_what_the_tool_prints() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/pictures/nova.svg");
    let drawn = draw(&session());
    if env::var_os("NOVA_PICTURE").is_some_and(|value| value == "write") {
        fs::write(&path, &drawn).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(kept, drawn, "make it again with NOVA_PICTURE=write, and look at it");
}
