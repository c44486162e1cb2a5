//! What is broken at run time, beside what the GPU itself remembers.

use super::control::Storm;

/// A storm that is going on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Raging {
    pub(super) storm: Storm,
    pub(super) left: u32,
    /// Time of the next interrupt, in ns.
    pub(super) next: u64,
}

/// The faults.
#[derive(Debug, Default)]
pub(super) struct Faults {
    /// Every access to a region takes this long, in ns.
    pub(super) delay: u64,
    /// The GPU's time stands still, resets or not.
    pub(super) frozen: bool,
    pub(super) storm: Option<Raging>,
    /// What the loop is to do at its next turn, each once.
    orders: Vec<Order>,
}

/// Something for the loop to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Cut the client off.
    Disconnect,
    /// Signal the client's eventfd of this type.
    Signal(u32),
}

impl Faults {
    pub(super) fn order(&mut self, order: Order) {
        if !self.orders.contains(&order) {
            self.orders.push(order);
        }
    }

    pub(super) fn take_orders(&mut self) -> Vec<Order> {
        std::mem::take(&mut self.orders)
    }
}
