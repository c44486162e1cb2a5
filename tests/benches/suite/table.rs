//! Cases in turns, as a table in Markdown.

use std::time::Duration;

use super::{Case, instructions};

/// How often every case is measured.
const ROUNDS: usize = 15;
/// How long one measurement is to take.
const SPAN: Duration = Duration::from_millis(40);

/// Measures the cases with `word` in their name, and their peers, and prints them.
pub(crate) fn print(cases: &[Case], word: &str) {
    let cases: Vec<_> = cases
        .iter()
        .filter(|case| {
            let is_peer = |other: &Case| other.name.contains(word) && other.peer == Some(case.name);
            case.name.contains(word) || cases.iter().any(is_peer)
        })
        .collect();
    let times: Vec<_> = cases.iter().map(|case| calibrate(case)).collect();
    // In turns: whatever else the machine does hits a case and its peer alike.
    let mut rounds = vec![Vec::with_capacity(ROUNDS); cases.len()];
    for _ in 0..ROUNDS {
        for ((case, times), took) in cases.iter().zip(&times).zip(&mut rounds) {
            took.push(each(case, *times));
        }
    }
    println!("| case | median | fastest | per second | against | ratio | instructions |");
    println!("|---|---|---|---|---|---|---|");
    for (case, took) in cases.iter().zip(&rounds) {
        let peer = cases.iter().zip(&rounds).find(|(peer, _)| Some(peer.name) == case.peer);
        let (against, ratio) = peer.map_or(("", String::new()), |(peer, other)| {
            let ratios = took.iter().zip(other).map(|(this, other)| this / other).collect();
            (peer.name, format!("{:.2}", median(ratios)))
        });
        let fastest = took.iter().copied().fold(f64::INFINITY, f64::min);
        let middle = median(took.clone());
        let count = instructions::of(case).map_or_else(|| "-".to_owned(), |count| format!("{count:.1}"));
        println!(
            "| {} | {} | {} | {} | {against} | {ratio} | {count} |",
            case.name,
            span(middle),
            span(fastest),
            rate(1e9 / middle)
        );
    }
}

/// How many times fill a measurement.
fn calibrate(case: &Case) -> u64 {
    let mut times = 1;
    loop {
        let took = (case.run)(times);
        if took >= SPAN || times > 1 << 40 {
            return times;
        }
        let factor = SPAN.as_nanos() / took.as_nanos().max(1) + 1;
        times *= u64::try_from(factor).unwrap_or(u64::MAX).clamp(2, 100);
    }
}

/// Nanoseconds for doing it once.
#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn each(case: &Case, times: u64) -> f64 {
    (case.run)(times).as_nanos() as f64 / times as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn span(ns: f64) -> String {
    if ns < 1e4 { format!("{ns:.2} ns") } else { format!("{:.2} us", ns / 1e3) }
}

fn rate(per_second: f64) -> String {
    if per_second < 1e6 { format!("{per_second:.0}") } else { format!("{:.1} million", per_second / 1e6) }
}
