//! E0451: a host keeps the tickets it is given, and makes none.
#![allow(unused, unexpected_cfgs)]

use nova_core::hal::Ticket;

fn forge(ticket: Ticket) -> Ticket {
    #[cfg(trybuild)]
    return Ticket { lane: 1, ..ticket };
    #[cfg(not(trybuild))]
    return ticket;
}

fn main() {}
