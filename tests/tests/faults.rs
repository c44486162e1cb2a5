//! The fault loop: whatever goes wrong at whatever access, nothing hangs, nothing panics, nothing is
//! touched after removal, and no success is reported that is none. One test for each scenario, so that
//! they run side by side; `l09_` ones are about a device that goes away.

#[path = "faults/falcon.rs"]
mod falcon;
#[path = "faults/scenarios.rs"]
mod scenarios;

use falcon::{DMA, PORTS};
use scenarios::{ALARM, INTERRUPT, POWER_CYCLE, PROBE, REMOVE, SLEEP, WAIT};

#[test]
fn l09_probe_survives_every_fault() {
    PROBE.run_all();
}

#[test]
fn l09_a_wait_survives_every_fault() {
    WAIT.run_all();
}

#[test]
fn l09_an_alarm_survives_every_fault() {
    ALARM.run_all();
}

#[test]
fn l09_an_interrupt_survives_every_fault() {
    INTERRUPT.run_all();
}

#[test]
fn l09_sleep_survives_every_fault() {
    SLEEP.run_all();
}

#[test]
fn l09_sleep_with_a_power_cut_survives_every_fault() {
    POWER_CYCLE.run_all();
}

#[test]
fn l09_remove_survives_every_fault() {
    REMOVE.run_all();
}

#[test]
fn l09_dma_survives_every_fault() {
    DMA.run_all();
}

#[test]
fn l09_the_ports_of_a_falcon_survive_every_fault() {
    PORTS.run_all();
}
