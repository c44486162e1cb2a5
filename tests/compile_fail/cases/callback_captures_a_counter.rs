//! E0308: nor anything that belongs to one thread; what callbacks share is in the driver's state.
#![allow(unused, unexpected_cfgs)]

use std::rc::Rc;

use nova_core::hal::Rearm;
use nova_core::lifecycle::TimerEntry;
use nova_tests::toy::Toy;

fn make() {
    let count = Rc::new(5);
    let _timer = TimerEntry::<Toy>::new(1, "timer", move |cx| {
        #[cfg(trybuild)]
        let _ = Rc::clone(&count);
        #[cfg(not(trybuild))]
        let _ = cx.data();
        Ok(Rearm::No)
    });
}

fn main() {}
