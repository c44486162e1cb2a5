//! Pictures: what is in them, and that they are the same every time.
#![cfg(feature = "plot")]

mod common;

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::BufReader;

use common::{json, nova};
use tempfile::TempDir;

const LOG: &str = "nouveau-ga102-trimmed.mmiotrace";
const WHITE: [u8; 3] = [255; 3];
/// The first and the second colour of charts.
const ONE: ([u8; 3], &str) = ([0, 90, 156], "#005A9C");
const OTHER: ([u8; 3], &str) = ([200, 80, 0], "#C85000");

/// A folder, and commands that write `x.svg` and `x.png` there.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    /// The text of a picture, which is drawn twice.
    fn svg(&self, args: &[&str], option: &str) -> String {
        let texts = ["one.svg", "two.svg"].map(|name| {
            let run = nova(&[args, &[option, &self.path(name)]].concat());
            assert_eq!(run.code, 0, "{args:?}: {}", run.stderr);
            fs::read_to_string(self.path(name)).unwrap()
        });
        assert!(texts[0] == texts[1], "{args:?} draws something else each time");
        texts[0].clone()
    }

    /// How often each colour is in a picture.
    fn png(&self, args: &[&str], option: &str) -> HashMap<[u8; 3], usize> {
        let path = self.path("x.png");
        let run = nova(&[args, &[option, &path]].concat());
        assert_eq!(run.code, 0, "{args:?}: {}", run.stderr);
        let mut reader = png::Decoder::new(BufReader::new(File::open(path).unwrap())).read_info().unwrap();
        let mut dots = vec![0; reader.output_buffer_size().unwrap()];
        let frame = reader.next_frame(&mut dots).unwrap();
        assert_eq!((frame.width, frame.height, frame.color_type), (1200, 600, png::ColorType::Rgb));
        let mut colors = HashMap::new();
        for dot in dots.chunks_exact(3) {
            *colors.entry([dot[0], dot[1], dot[2]]).or_default() += 1;
        }
        colors
    }
}

/// How often each shape of these two colours is in a picture.
fn shapes(svg: &str, shape: &str) -> [usize; 2] {
    [ONE.1, OTHER.1].map(|color| {
        svg.lines().filter(|line| line.starts_with(&format!("<{shape}")) && line.contains(color)).count()
    })
}

#[test]
fn a_trace_has_a_dot_for_each_access_in_the_row_of_its_unit() {
    let folder = Folder::new();
    let svg = folder.svg(&["trace", "plot", LOG], "-o");
    let summary = json(&["trace", "show", "--summary", LOG]);
    let units = summary["units"].as_array().unwrap();
    let sum = |key: &str| units.iter().map(|unit| unit[key].as_u64().unwrap() as usize).sum::<usize>();
    assert_eq!(shapes(&svg, "circle"), [sum("reads"), sum("writes")]);
    for unit in units {
        assert!(svg.contains(&format!("\n{}\n", unit["unit"].as_str().unwrap())), "{unit}");
    }
    let title = format!("GA102: {} accesses", sum("reads") + sum("writes"));
    assert!(svg.contains(&title), "no {title}");
    let colors = folder.png(&["trace", "plot", LOG], "-o");
    assert!(
        colors[&ONE.0] > 100 && colors[&OTHER.0] > 20,
        "{:?} {:?}",
        colors.get(&ONE.0),
        colors.get(&OTHER.0)
    );
    assert!(colors[&WHITE] > 1200 * 600 / 2);
}

#[test]
fn one_unit_of_a_trace_has_a_row_for_each_register() {
    let folder = Folder::new();
    let file = folder.path("x.trace");
    assert_eq!(nova(&["trace", "record", "-o", &file, "all"]).code, 0);
    let svg = folder.svg(&["trace", "plot", &file, "--unit", "ptimer"], "-o");
    assert!(svg.contains("NV_PTIMER_ALARM_0"), "{svg}");
    assert!(!svg.contains("NV_PMC_BOOT_0"));
}

#[test]
fn the_timer_has_a_line_as_long_as_it_was_read() {
    let folder = Folder::new();
    let args = ["timer", "--readings", "50", "--every", "1ms", "--plot"];
    let svg = folder.svg(&args[..5], args[5]);
    let line = svg.lines().find(|line| line.starts_with("<polyline") && line.contains(ONE.1)).unwrap();
    let points = line.split("points=\"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(points.split_whitespace().count(), 50, "{line}");
    assert!(folder.png(&args[..5], args[5])[&ONE.0] > 500);
    // A clock that stands still falls behind by all the time that passes.
    let file = folder.path("still.svg");
    let run = nova(&["-d", &format!("replay:{LOG}"), "timer", "--plot", &file]);
    assert_ne!(run.code, 0, "a log without a time has none to draw");
}

#[test]
fn stress_has_a_bar_for_each_step_of_latency() {
    let folder = Folder::new();
    let stress = ["device", "stress", "--rounds", "30", "--mode", "world"];
    let svg = folder.svg(&stress, "--plot");
    let [world, threads] = shapes(&svg, "rect");
    assert!(world >= 2 && threads == 0, "{world} {threads}");
    let removals = svg.lines().find_map(|line| line.split_once(" removals; blue")).unwrap().0;
    assert!((60..=120).contains(&removals.parse().unwrap()), "{removals} of 30 rounds with 4 bindings each");
    assert!(folder.png(&stress, "--plot")[&ONE.0] > 500);
}

#[test]
fn a_picture_that_cannot_be_is_refused_before_anything_is_done() {
    let folder = Folder::new();
    for (name, code, says) in
        [("x.gif", 2, ".svg or .png"), ("x", 2, ".svg or .png"), ("no/x.svg", 1, "mkdir -p")]
    {
        let path = folder.path(name);
        for args in [
            &["timer", "--plot", &path][..],
            &["trace", "plot", LOG, "-o", &path],
            &["device", "stress", "--plot", &path],
        ] {
            let run = nova(args);
            assert_eq!((run.code, run.stdout.as_str()), (code, ""), "{args:?}: {}", run.stderr);
            assert!(run.stderr.contains(says) && run.stderr.contains("; try: "), "{}", run.stderr);
        }
    }
    let run = nova(&["trace", "plot", LOG, "-o", &folder.path("x.svg"), "--unit", "VOODOO"]);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{}", run.stderr);
    assert!(!folder.0.path().join("x.svg").exists());
}
