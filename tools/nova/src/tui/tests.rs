//! Screens of a simulated device, drawn into memory.

use insta::assert_snapshot;
use nova_core::hal::Nanos;
use nova_core::regs;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::keys::{Action, KEYS, action};
use super::model::Model;
use super::{Options, view};
use crate::device::Opened;
use crate::expr::Target;

fn options(names: &[&str]) -> Options {
    let registers = names.iter().map(|name| Target::of(regs::by_name(name).unwrap())).collect();
    Options { registers, interval: Nanos::from_millis(100), paused: true, color: false }
}

const NAMES: [&str; 3] = ["NV_PTIMER_TIME_0", "NV_PTIMER_ALARM_0", "NV_PMC_BOOT_0"];

/// The screen as text.
fn screen(model: &Model<'_>, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| view::draw(frame, model, false)).unwrap();
    terminal.backend().to_string()
}

#[test]
fn a_device_as_it_lives() {
    let opened = Opened::open("sim:ga102").unwrap();
    let mut model = Model::new(&opened, options(&NAMES)).unwrap();
    assert_snapshot!("first_look", screen(&model, 80, 24));
    for act in [Action::Step, Action::Step, Action::Trigger, Action::Alarm, Action::Load, Action::Step] {
        model.act(act);
    }
    assert_snapshot!("at_work", screen(&model, 80, 24));
    assert_snapshot!("at_work_large", screen(&model, 120, 40));
    model.act(Action::Help);
    assert_snapshot!("keys", screen(&model, 80, 24));
    model.close().unwrap();
}

#[test]
fn one_that_takes_no_driver_is_only_read() {
    let log =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../backends/tests/data/nouveau-ga102-trimmed.mmiotrace");
    let opened = Opened::open(&format!("replay:{log}")).unwrap();
    let mut model = Model::new(&opened, options(&NAMES)).unwrap();
    // The path of the checkout is nobody's business.
    model.device = "replay:LOG".to_owned();
    model.act(Action::Trigger);
    assert_snapshot!("only_read", screen(&model, 80, 24));
}

#[test]
fn one_that_goes_away_is_shown_as_gone() {
    let opened = Opened::open("sim:ga102,fault=from=400;all-ones").unwrap();
    let mut model = Model::new(&opened, options(&NAMES)).unwrap();
    for _ in 0..100 {
        model.act(Action::Step);
    }
    assert_snapshot!("gone", screen(&model, 80, 24));
    model.close().unwrap();
}

#[test]
fn a_name_that_is_too_long_gives_way_to_its_value() {
    let opened = Opened::open("sim:ga102").unwrap();
    let name = "NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_TOP";
    let model = Model::new(&opened, options(&[name])).unwrap();
    let small = screen(&model, 76, 20);
    assert!(small.contains("NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_… 0x00000000"), "{small}");
    assert!(screen(&model, 80, 20).contains(&format!("{name} 0x00000000")));
    model.close().unwrap();
}

#[test]
fn any_size_of_screen_is_drawn() {
    let opened = Opened::open("sim:gb202").unwrap();
    let mut model = Model::new(&opened, options(&NAMES)).unwrap();
    for help in [false, true] {
        for (width, height) in [(1, 1), (75, 20), (76, 19), (76, 20), (300, 10), (10, 300), (300, 100)] {
            assert!(!screen(&model, width, height).is_empty(), "{help} {width} {height}");
        }
        model.act(Action::Help);
    }
    model.close().unwrap();
}

#[test]
fn scrolling_and_the_interval_have_their_ends() {
    let opened = Opened::open("sim:ga102").unwrap();
    let mut model = Model::new(&opened, options(&NAMES)).unwrap();
    for _ in 0..30 {
        for act in [Action::Down, Action::PageDown, Action::Slower] {
            model.act(act);
        }
    }
    assert_eq!((model.top, model.interval()), (2, Nanos::from_secs(10)));
    for _ in 0..30 {
        for act in [Action::Up, Action::PageUp, Action::Faster] {
            model.act(act);
        }
    }
    assert_eq!((model.top, model.interval()), (0, Nanos::from_millis(1)));
    model.close().unwrap();
}

#[test]
fn every_key_of_the_list_does_what_it_says() {
    use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
    for (names, wanted, _) in KEYS {
        for name in names.split(", ") {
            let code = match name {
                "Down" => KeyCode::Down,
                "Up" => KeyCode::Up,
                "PgDn" => KeyCode::PageDown,
                "PgUp" => KeyCode::PageUp,
                "Esc" => KeyCode::Esc,
                other => KeyCode::Char(other.chars().next().unwrap()),
            };
            assert_eq!(action(KeyEvent::new(code, KeyModifiers::NONE)), Some(wanted), "{name}");
        }
    }
    assert_eq!(action(KeyEvent::new(KeyCode::Char('x'), KeyModifiers::NONE)), None);
}

/// Takes the terminal and panics. The test that is run in a terminal of its own by the next one.
#[test]
#[ignore = "takes the terminal"]
fn panics_with_the_screen() {
    let mut screen = super::screen::Screen::open().unwrap();
    screen.draw(|frame| frame.render_widget("drawn", frame.area())).unwrap();
    panic!("while drawing");
}

#[test]
fn the_terminal_is_given_back_at_a_panic() {
    use std::io::Read as _;

    use portable_pty::{CommandBuilder, PtySize, native_pty_system};

    let pair = native_pty_system().openpty(PtySize::default()).unwrap();
    let before = pair.master.get_termios().unwrap();
    let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "tui::tests::panics_with_the_screen", "--nocapture"]);
    command.env("RUST_BACKTRACE", "0");
    let mut child = pair.slave.spawn_command(command).unwrap();
    drop(pair.slave);
    let mut output = Vec::new();
    // The end of a terminal is an error here, after everything that was written to it.
    let _ = pair.master.try_clone_reader().unwrap().read_to_end(&mut output);
    assert!(!child.wait().unwrap().success());
    assert_eq!(pair.master.get_termios().unwrap(), before);
    let text = String::from_utf8_lossy(&output);
    let [taken, given_back, told] = ["\u{1b}[?1049h", "\u{1b}[?1049l", "while drawing"]
        .map(|part| text.find(part).unwrap_or_else(|| panic!("no {part:?} in {text}")));
    assert!(taken < given_back && given_back < told, "{text}");
}
