//! What the types refuse, each beside a twin that compiles and differs only in the misuse.
//!
//! These are doctests: `cargo test -p nova-tests --doc`. A stable compiler sees that they fail; with
//! `RUSTC_BOOTSTRAP=1` (and a target folder of its own) it also sees that they fail with the named code.
//!
//! # Registers
//!
//! A write-only register is written:
//! ```
//! # use nova_core::{bus::{Bus, Io}, regs::intr::NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_LEAF_TRIGGER as TRIGGER};
//! fn f<B: Bus>(io: Io<'_, B>) { let _ = io.write_word(TRIGGER, 129); }
//! ```
//! and not read:
//! ```compile_fail,E0277
//! # use nova_core::{bus::{Bus, Io}, regs::intr::NV_VIRTUAL_FUNCTION_PRIV_CPU_INTR_LEAF_TRIGGER as TRIGGER};
//! fn f<B: Bus>(io: Io<'_, B>) { let _ = io.read(TRIGGER); }
//! ```
//!
//! A read-only register is read:
//! ```
//! # use nova_core::{bus::{Bus, Io}, regs::pmc::NV_PMC_BOOT_0};
//! fn f<B: Bus>(io: Io<'_, B>) { let _ = io.read(NV_PMC_BOOT_0); }
//! ```
//! and not written:
//! ```compile_fail,E0277
//! # use nova_core::{bus::{Bus, Io}, regs::pmc::NV_PMC_BOOT_0};
//! fn f<B: Bus>(io: Io<'_, B>) { let _ = io.write_word(NV_PMC_BOOT_0, 0); }
//! ```
//!
//! A write-1-to-clear register is not modified by writing back what was read:
//! ```compile_fail,E0277
//! # use nova_core::{bus::{Bus, Io}, chip::Tu102, regs::ptimer::NV_PTIMER_INTR_0 as INTR};
//! fn f<B: Bus>(io: Io<'_, B, Tu102>) { let _ = io.modify(INTR, INTR::ALARM::SET); }
//! ```
//! ```
//! # use nova_core::{bus::{Bus, Io}, chip::Tu102, regs::ptimer::NV_PTIMER_INTR_0 as INTR};
//! fn f<B: Bus>(io: Io<'_, B, Tu102>) { let _ = io.write(INTR, INTR::ALARM::SET); }
//! ```
//!
//! A register of Turing is used with the proof of a Turing chip:
//! ```
//! # use nova_core::{bus::{Bus, Io}, chip::Tu102, regs::ptimer::NV_PTIMER_INTR_EN_0};
//! fn f<B: Bus>(io: Io<'_, B, Tu102>) { let _ = io.read(NV_PTIMER_INTR_EN_0); }
//! ```
//! and not with that of a Hopper chip:
//! ```compile_fail,E0277
//! # use nova_core::{bus::{Bus, Io}, chip::HopperUp, regs::ptimer::NV_PTIMER_INTR_EN_0};
//! fn f<B: Bus>(io: Io<'_, B, HopperUp>) { let _ = io.read(NV_PTIMER_INTR_EN_0); }
//! ```
//!
//! and no proof is made out of thin air:
//! ```compile_fail,E0423
//! let proof = nova_core::chip::Tu102(());
//! ```
//!
//! A constant that fits its field, and one that does not:
//! ```
//! # use nova_core::{field, regs::ptimer::NV_PTIMER_INTR_EN_0};
//! let _ = field!(NV_PTIMER_INTR_EN_0::ALARM, 1);
//! ```
//! ```compile_fail,E0080
//! # use nova_core::{field, regs::ptimer::NV_PTIMER_INTR_EN_0};
//! let _ = field!(NV_PTIMER_INTR_EN_0::ALARM, 2);
//! ```
//!
//! # Tokens
//!
//! What a token gives lives as long as the call:
//! ```
//! # use nova_core::lifecycle::Bound; use nova_tests::toy::Toy;
//! fn f<'a>(cx: &Bound<'a, Toy>) -> &'a Toy { cx.data() }
//! ```
//! and no longer:
//! ```compile_fail
//! # use nova_core::lifecycle::Bound; use nova_tests::toy::Toy;
//! fn f<'a>(cx: &Bound<'a, Toy>) -> &'static Toy { cx.data() }
//! ```
//!
//! so register access cannot be kept past a call:
//! ```
//! # use nova_core::lifecycle::Outside; use nova_core::regs::pmc::NV_PMC_BOOT_0; use nova_tests::toybench::Client;
//! fn f(client: &Client) {
//!     let mut kept = None;
//!     let _ = client.call(&mut Outside::new(), |cx| { kept = Some(cx.io().read(NV_PMC_BOOT_0)); Ok(()) });
//! }
//! ```
//! ```compile_fail,E0521
//! # use nova_core::lifecycle::Outside; use nova_core::regs::pmc::NV_PMC_BOOT_0; use nova_tests::toybench::Client;
//! fn f(client: &Client) {
//!     let mut kept = None;
//!     let _ = client.call(&mut Outside::new(), |cx| { kept = Some(cx.io()); Ok(()) });
//! }
//! ```
//!
//! A token stays on its thread:
//! ```
//! # use nova_core::lifecycle::Bound; use nova_tests::toy::Toy;
//! fn f(cx: &Bound<'_, Toy>) { std::thread::scope(|s| { let _ = cx; s.spawn(|| ()); }); }
//! ```
//! ```compile_fail,E0277
//! # use nova_core::lifecycle::Bound; use nova_tests::toy::Toy;
//! fn f(cx: &Bound<'_, Toy>) { std::thread::scope(|s| { s.spawn(|| { let _ = cx.data(); }); }); }
//! ```
//!
//! and cannot be doubled:
//! ```compile_fail,E0507
//! # use nova_core::lifecycle::Bound; use nova_tests::toy::Toy;
//! fn f<'a>(cx: &Bound<'a, Toy>) -> Bound<'a, Toy> { *cx }
//! ```
//!
//! # Stages
//!
//! Work is queued while the device is bound:
//! ```
//! # use nova_core::lifecycle::Bound; use nova_tests::toy::Toy;
//! fn f(cx: &Bound<'_, Toy>) { let _ = cx.queue(&Toy::WORK); }
//! ```
//! and not while it is being removed:
//! ```compile_fail,E0599
//! # use nova_core::lifecycle::Removing; use nova_tests::toy::Toy;
//! fn f(cx: &Removing<'_, Toy>) { let _ = cx.queue(&Toy::WORK); }
//! ```
//!
//! A device that is being removed can be talked to:
//! ```
//! # use nova_core::lifecycle::Removing; use nova_tests::toy::Toy;
//! fn f(cx: &Removing<'_, Toy>) { let _ = cx.io(); }
//! ```
//! one that sleeps or is gone cannot:
//! ```compile_fail,E0599
//! # use nova_core::lifecycle::Suspended; use nova_tests::toy::Toy;
//! fn f(cx: &Suspended<'_, Toy>) { let _ = cx.io(); }
//! ```
//! ```compile_fail,E0599
//! # use nova_core::lifecycle::Lost; use nova_tests::toy::Toy;
//! fn f(cx: &Lost<'_, Toy>) { let _ = cx.io(); }
//! ```
//!
//! # Contexts
//!
//! Work may sleep:
//! ```
//! # use nova_core::{hal::Host as _, lifecycle::Bound}; use nova_tests::toy::Toy;
//! fn f(cx: &Bound<'_, Toy>) { let _ = cx.host().delay(); }
//! ```
//! an interrupt handler may not:
//! ```compile_fail,E0599
//! # use nova_core::{hal::Host as _, lifecycle::{Bound, NoSleep}}; use nova_tests::toy::Toy;
//! fn f(cx: &Bound<'_, Toy, NoSleep>) { let _ = cx.host().delay(); }
//! ```
//!
//! A thread removes a device after a call:
//! ```
//! # use nova_core::lifecycle::Outside; use nova_tests::toybench::Client;
//! fn f(client: &Client, outside: &mut Outside) {
//!     let _ = client.call(outside, |_| Ok(()));
//!     let _ = client.device().remove(outside);
//! }
//! ```
//! and not inside one:
//! ```compile_fail,E0500
//! # use nova_core::lifecycle::Outside; use nova_tests::toybench::Client;
//! fn f(client: &Client, outside: &mut Outside) {
//!     let _ = client.call(outside, |_| { let _ = client.device().remove(outside); Ok(()) });
//! }
//! ```
//!
//! # Callbacks
//!
//! A callback captures nothing:
//! ```
//! # use nova_core::lifecycle::WorkEntry; use nova_tests::toy::Toy;
//! let work = WorkEntry::<Toy>::new(1, "work", |_| { let local = 5; let _ = local; Ok(()) });
//! ```
//! neither what dies before it nor anything else:
//! ```compile_fail,E0308
//! # use nova_core::lifecycle::WorkEntry; use nova_tests::toy::Toy;
//! let local = 5;
//! let work = WorkEntry::<Toy>::new(1, "work", |_| { let _ = local; Ok(()) });
//! ```
