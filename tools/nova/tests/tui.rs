//! The full screen in a pseudo-terminal, as a person has it.
#![cfg(feature = "tui")]

mod common;

use std::io::{Read as _, Write};
use std::num::NonZero;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use common::server::Server;
use insta::assert_snapshot;
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use vt100::Parser;

/// More than anything takes on a machine that is busy.
const DEADLINE: Duration = Duration::from_mins(1);
const SIZE: PtySize = PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 };

/// The tool in a terminal of its own. Killed when dropped.
struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    keys: Box<dyn Write + Send>,
    output: Receiver<Vec<u8>>,
    parser: Parser,
    /// What has come and is not on the screen yet.
    pending: Vec<u8>,
    /// The other end.
    master: Box<dyn MasterPty + Send>,
    /// How the terminal was before.
    modes: String,
}

/// What ends a frame.
const FRAME: &[u8] = b"\x1b[?2026l";

impl Terminal {
    fn start(args: &[&str], environment: &[(&str, &str)]) -> Self {
        let pair = native_pty_system().openpty(SIZE).unwrap();
        let modes = modes(pair.master.as_ref());
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_nova"));
        command.args(args);
        command.env_remove("NOVA_DEVICE");
        command.env_remove("NO_COLOR");
        command.env("TERM", "xterm-256color");
        for (name, value) in environment {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().unwrap();
        let keys = pair.master.take_writer().unwrap();
        let (send, output) = channel();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                if send.send(bytes[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        let [rows, cols] = [SIZE.rows, SIZE.cols].map(|size| NonZero::new(size).unwrap());
        let parser = Parser::new(rows, cols, 1000);
        Self { child, keys, output, parser, pending: Vec::new(), master: pair.master, modes }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    fn text(&self) -> String {
        self.parser.screen().contents()
    }

    /// Takes what the tool writes, a frame at a time, until the screen is as wanted.
    fn until(&mut self, what: &str, wanted: impl Fn(&vt100::Screen) -> bool) {
        let end = Instant::now() + DEADLINE;
        while !wanted(self.parser.screen()) {
            let frame = self.pending.windows(FRAME.len()).position(|window| window == FRAME);
            if let Some(place) = frame {
                let frame: Vec<_> = self.pending.drain(..place + FRAME.len()).collect();
                self.parser.process(&frame);
                continue;
            }
            match self.output.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.pending.extend(bytes),
                Err(error) => panic!("{what} never comes ({error}):\n{}", self.text()),
            }
        }
    }

    fn shows(&mut self, text: &str) {
        self.until(text, |screen| screen.contents().contains(text));
    }

    /// The end of the process, with everything that it still writes.
    fn end(&mut self) -> u32 {
        self.parser.process(&std::mem::take(&mut self.pending));
        let end = Instant::now() + DEADLINE;
        while let Ok(bytes) = self.output.recv_timeout(end.saturating_duration_since(Instant::now())) {
            self.parser.process(&bytes);
        }
        self.child.wait().unwrap().exit_code()
    }

    /// The terminal is as it was: the first screen, with a cursor, and no mode left on.
    #[track_caller]
    fn is_restored(&self) {
        let screen = self.parser.screen();
        assert!(!screen.alternate_screen() && !screen.hide_cursor(), "{}", self.text());
        assert_eq!(modes(self.master.as_ref()), self.modes);
    }

    fn signal(&self, name: &str) {
        let id = self.child.process_id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }
}

/// Echo, lines, signals and the like, as far as the terminal tells.
fn modes(terminal: &dyn MasterPty) -> String {
    format!("{:?}", terminal.get_termios().unwrap())
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_simulated_gpu_step_by_step() {
    let mut terminal = Terminal::start(&["tui", "--paused"], &[]);
    terminal.shows("look 1 ");
    assert!(terminal.parser.screen().alternate_screen());
    assert_ne!(modes(terminal.master.as_ref()), terminal.modes, "keys come one by one");
    assert_snapshot!("start", terminal.text());
    terminal.press("n");
    terminal.shows("look 2 ");
    terminal.press("t");
    terminal.shows("ms interrupt");
    terminal.press("a");
    terminal.shows("ms alarm");
    terminal.press("jj");
    terminal.shows("from 3 of");
    assert_snapshot!("at_work", terminal.text());
    terminal.press("?");
    terminal.shows(" keys ─");
    assert_snapshot!("keys", terminal.text());
    // The first q closes the list, the second one ends it.
    terminal.press("q");
    terminal.until("the list gone", |screen| !screen.contents().contains(" keys ─"));
    terminal.press("q");
    assert_eq!(terminal.end(), 0);
    terminal.is_restored();
}

#[test]
fn it_looks_by_itself_until_it_is_paused() {
    let mut terminal = Terminal::start(&["-d", "sim:gb202", "tui", "--interval", "1ms"], &[]);
    terminal.shows("look 5");
    terminal.press("p");
    terminal.shows("paused");
    terminal.press("\u{3}");
    assert_eq!(terminal.end(), 0);
    terminal.is_restored();
}

#[test]
fn the_terminal_is_given_back_at_a_signal() {
    for signal in ["TERM", "INT"] {
        let mut terminal = Terminal::start(&["tui", "--paused"], &[]);
        terminal.shows("look 1 ");
        terminal.signal(signal);
        assert_ne!(terminal.end(), 0, "{signal}");
        terminal.is_restored();
    }
}

#[test]
fn a_gpu_of_another_process_is_shown_in_real_time_and_left_quiet() {
    let server = Server::start(&["--chip", "ad102"]);
    for signal in [None, Some("TERM")] {
        let mut terminal = Terminal::start(&["-d", &server.device(), "tui", "--interval", "1ms"], &[]);
        terminal.shows("look 3 ");
        terminal.shows("AD102 (Ada), revision a1");
        terminal.press("t");
        terminal.shows(" 1 CPU doorbell");
        match signal {
            Some(signal) => terminal.signal(signal),
            None => terminal.press("q"),
        }
        assert_eq!(terminal.end() == 0, signal.is_none(), "{signal:?}:\n{}", terminal.text());
        terminal.is_restored();
        let stats = server.stats();
        assert_eq!((&stats["connected"], &stats["dma"]["maps"]), (&false.into(), &0.into()), "{stats}");
    }
}

#[test]
fn colors_are_left_out_where_nobody_wants_them() {
    for (environment, colored) in [(&[][..], true), (&[("NO_COLOR", "1")], false)] {
        let mut terminal = Terminal::start(&["tui", "--paused"], environment);
        terminal.shows("look 1 ");
        terminal.press("n");
        terminal.shows("look 2 ");
        let any = (0..SIZE.rows)
            .flat_map(|row| (0..SIZE.cols).map(move |col| (row, col)))
            .filter_map(|(row, col)| terminal.parser.screen().cell(row, col))
            .any(|cell| cell.fgcolor() != vt100::Color::Default);
        assert_eq!(any, colored, "{environment:?}:\n{}", terminal.text());
        terminal.press("q");
        assert_eq!(terminal.end(), 0);
        terminal.is_restored();
    }
}

#[test]
fn a_device_that_cannot_be_shown_leaves_the_terminal_alone() {
    let mut terminal = Terminal::start(&["-d", "sim:ga102,gone", "tui"], &[]);
    assert_eq!(terminal.end(), 3);
    terminal.is_restored();
    assert!(terminal.text().contains("; try: "), "{}", terminal.text());
    let run = common::nova(&["tui"]);
    assert_eq!((run.code, run.stdout.as_str()), (5, ""));
    assert!(run.stderr.contains("needs a terminal"), "{}", run.stderr);
}

#[test]
fn no_color_is_heeded_on_a_terminal() {
    let show = ["reg", "show", "NV_PMC_BOOT_0"];
    for (environment, colored) in
        [(&[][..], true), (&[("NO_COLOR", "")], true), (&[("NO_COLOR", "1")], false)]
    {
        let mut terminal = Terminal::start(&show, environment);
        assert_eq!(terminal.end(), 0);
        let screen = terminal.parser.screen();
        let dim = (0..SIZE.rows)
            .flat_map(|row| (0..SIZE.cols).map(move |col| (row, col)))
            .any(|(row, col)| screen.cell(row, col).is_some_and(vt100::Cell::dim));
        assert_eq!(dim, colored, "{environment:?}:\n{}", terminal.text());
    }
}

#[test]
fn a_bar_shows_progress_on_a_terminal_only() {
    let stress = ["device", "stress", "--rounds", "40", "--mode", "world"];
    let mut terminal = Terminal::start(&stress, &[]);
    let mut bar = false;
    while let Ok(bytes) = terminal.output.recv_timeout(DEADLINE) {
        terminal.parser.process(&bytes);
        bar |= terminal.text().contains("rounds");
    }
    assert_eq!(terminal.end(), 0);
    assert!(bar, "no bar");
    assert!(terminal.text().contains("PASS"), "{}", terminal.text());
    let run = common::nova(&stress);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
}
