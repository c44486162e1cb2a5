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
    assert_snapshot!("first_look", screen(&model, 100, 24));
    for act in [Action::Step, Action::Step, Action::Trigger, Action::Alarm, Action::Load, Action::Step] {
        model.act(act).unwrap();
    }
    assert_snapshot!("at_work", screen(&model, 100, 24));
    model.act(Action::Help).unwrap();
    assert_snapshot!("keys", screen(&model, 100, 24));
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
    model.act(Action::Trigger).unwrap();
    assert_snapshot!(screen(&model, 80, 20));
}

#[test]
fn one_that_goes_away_is_shown_as_gone() {
    let opened = Opened::open("sim:ga102,fault=from=40;all-ones").unwrap();
    let mut model = Model::new(&opened, options(&NAMES)).unwrap();
    for _ in 0..20 {
        model.act(Action::Step).unwrap();
    }
    let screen = screen(&model, 100, 24);
    assert!(screen.contains("gone  no time"), "{screen}");
    model.close().unwrap();
}

#[test]
fn any_size_of_screen_is_drawn() {
    let opened = Opened::open("sim:gb202").unwrap();
    let mut model = Model::new(&opened, options(&NAMES)).unwrap();
    for help in [false, true] {
        for (width, height) in [(1, 1), (59, 18), (60, 17), (60, 18), (300, 10), (10, 300), (300, 100)] {
            assert!(!screen(&model, width, height).is_empty(), "{help} {width} {height}");
        }
        model.act(Action::Help).unwrap();
    }
    model.close().unwrap();
}

#[test]
fn scrolling_and_the_interval_have_their_ends() {
    let opened = Opened::open("sim:ga102").unwrap();
    let mut model = Model::new(&opened, options(&NAMES)).unwrap();
    for _ in 0..30 {
        for act in [Action::Down, Action::PageDown, Action::Slower] {
            model.act(act).unwrap();
        }
    }
    assert_eq!((model.top, model.interval()), (2, Nanos::from_secs(10)));
    for _ in 0..30 {
        for act in [Action::Up, Action::PageUp, Action::Faster] {
            model.act(act).unwrap();
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
