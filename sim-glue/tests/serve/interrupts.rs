//! Interrupts through eventfds: by message, by wire, masked, stormed.

use std::os::fd::AsFd;

use nova_backends::vfio_user::{IrqAction, IrqData, SetIrqs, index::irq};

use crate::client::{Client, Event, serve};

const EINVAL: u32 = 22;

/// Enables of a leaf and of all subtrees.
const LEAF_ENABLE_4: u32 = 0xb8_1210;
const LEAF_4: u32 = 0xb8_1010;
const TOP_ENABLE: u32 = 0xb8_1608;
const TRIGGER: u32 = 0xb8_1640;
const REARM: u32 = 0x8_8704;
const ALARM: u32 = 0x9420;
const ALARM_ENABLE: u32 = 0x9140;
const TIME_0: u32 = 0x9400;
const VECTOR: u32 = 148;

fn enable_tree(client: &mut Client) {
    client.set_reg(LEAF_ENABLE_4, u32::MAX);
    client.set_reg(TOP_ENABLE, 0xff);
}

fn mask(client: &mut Client, action: IrqAction, data: IrqData<'_>) -> Option<u32> {
    client.irqs(SetIrqs { index: irq::INTX, start: 0, count: 1, action, data }, &[])
}

#[test]
fn a_message_arrives_before_the_answer_to_what_brought_it_about() {
    let server = serve("ga102");
    let mut client = Client::new(server.handle());
    client.enable();
    let msi = client.attach(irq::MSI);
    enable_tree(&mut client);
    for round in 0..200 {
        client.set_reg(TRIGGER, VECTOR);
        assert_eq!(msi.take(), 1, "round {round}");
        client.set_reg(LEAF_4, u32::MAX);
        client.set_reg(REARM, 0);
        assert_eq!(msi.take(), 0, "round {round}");
    }
    assert_eq!(server.handle().stats().server.messages, 200);
}

#[test]
fn the_timer_interrupts_by_itself() {
    for chip in ["ga102", "gh100", "gb202"] {
        let server = serve(chip);
        let mut client = Client::new(server.handle());
        client.enable();
        let msi = client.attach(irq::MSI);
        enable_tree(&mut client);
        client.set_reg(ALARM_ENABLE, 1);
        for _ in 0..3 {
            let time = client.reg(TIME_0);
            client.set_reg(ALARM, time.wrapping_add(2_000_000));
            assert_eq!(msi.wait(), 1, "{chip}");
            assert!(client.reg(TIME_0).wrapping_sub(time) >= 2_000_000, "{chip}: too early");
            client.set_reg(LEAF_4, u32::MAX);
            client.set_reg(REARM, 0);
        }
    }
}

#[test]
fn messages_need_bus_mastering_and_an_eventfd() {
    let server = serve("ga102");
    let mut client = Client::new(server.handle());
    let msi = client.attach(irq::MSI);
    enable_tree(&mut client);
    client.set_reg(TRIGGER, VECTOR);
    assert_eq!(msi.take(), 0, "no bus master");
    client.enable();
    client.set_reg(REARM, 0);
    assert_eq!(msi.take(), 1);
    client.detach(irq::MSI);
    client.set_reg(REARM, 0);
    assert_eq!((msi.take(), client.config(0x6a) & 1), (0, 0));
}

#[test]
fn the_enable_bit_follows_the_eventfds() {
    let server = serve("gb202");
    let mut client = Client::new(server.handle());
    assert_eq!(client.config(0x4a) & 1, 0);
    let _msi = client.attach(irq::MSI);
    assert_eq!(client.config(0x4a) & 1, 1);
    client.detach(irq::MSI);
    assert_eq!(client.config(0x4a) & 1, 0);
}

#[test]
fn sixteen_vectors_with_masks() {
    let server = serve("gb202");
    let mut client = Client::new(server.handle());
    client.enable();
    let events: Vec<Event> = (0..16).map(|_| Event::new()).collect();
    let fds: Vec<_> = events.iter().map(|event| event.0.as_fd()).collect();
    let data = IrqData::EventFd { attached: true };
    let set = SetIrqs { index: irq::MSI, start: 0, count: 16, action: IrqAction::Trigger, data };
    assert_eq!(client.irqs(set, &fds), None);
    enable_tree(&mut client);
    client.set_config(0x58, 1);
    client.set_reg(TRIGGER, VECTOR);
    assert_eq!((events[0].take(), client.config(0x5c)), (0, 1), "masked and pending");
    client.set_config(0x58, 0);
    assert_eq!((events[0].take(), client.config(0x5c)), (1, 0));
    // The client tests its own path.
    let some = IrqData::Bool(&[0, 1, 0, 1]);
    let set = SetIrqs { index: irq::MSI, start: 4, count: 4, action: IrqAction::Trigger, data: some };
    assert_eq!(client.irqs(set, &[]), None);
    let seen: Vec<u64> = events.iter().map(Event::take).collect();
    assert_eq!(seen, [0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    // Taken back one by one.
    let none = IrqData::EventFd { attached: false };
    let set = SetIrqs { index: irq::MSI, start: 5, count: 1, action: IrqAction::Trigger, data: none };
    assert_eq!(client.irqs(set, &[]), None);
    let set =
        SetIrqs { index: irq::MSI, start: 0, count: 16, action: IrqAction::Trigger, data: IrqData::None };
    assert_eq!(client.irqs(set, &[]), None);
    assert_eq!((events[4].take(), events[5].take()), (1, 0));
}

#[test]
fn msix_on_a_board_that_has_it() {
    let server = serve("ga100");
    let mut client = Client::new(server.handle());
    client.enable();
    let msix = client.attach(irq::MSIX);
    assert_eq!(client.config(0xca) & 0x8000, 0x8000);
    enable_tree(&mut client);
    client.set_reg(TRIGGER, VECTOR);
    assert_eq!(msix.take(), 1);
    // The table is storage, and its pending bits are there.
    client.set_reg(0xb9_0054, 0x1234);
    assert_eq!((client.reg(0xb9_0054), client.reg(0xba_0000)), (0x1234, 0));
}

#[test]
fn the_wire_is_told_once_until_it_is_unmasked_and_then_again_while_it_is_up() {
    let server = serve("ga102");
    let mut client = Client::new(server.handle());
    let intx = client.attach(irq::INTX);
    enable_tree(&mut client);
    assert_eq!(client.config(6) & 8, 0);
    client.set_reg(TRIGGER, VECTOR);
    assert_eq!((intx.take(), client.config(6) & 8), (1, 8));
    client.set_reg(TRIGGER, VECTOR + 1);
    assert_eq!(intx.take(), 0, "masked since it was told");
    assert_eq!(mask(&mut client, IrqAction::Unmask, IrqData::None), None);
    assert_eq!(intx.take(), 1, "still up");
    client.set_reg(LEAF_4, u32::MAX);
    assert_eq!(client.config(6) & 8, 0);
    assert_eq!(mask(&mut client, IrqAction::Unmask, IrqData::Bool(&[1])), None);
    assert_eq!(intx.take(), 0, "down");
    assert_eq!(mask(&mut client, IrqAction::Mask, IrqData::None), None);
    client.set_reg(TRIGGER, VECTOR);
    assert_eq!(intx.take(), 0, "masked");
    // COMMAND can hold it back as well.
    client.set_config(4, 0x402);
    assert_eq!(mask(&mut client, IrqAction::Unmask, IrqData::None), None);
    assert_eq!(intx.take(), 0, "disabled");
    client.set_config(4, 2);
    assert_eq!(intx.take(), 1);
}

#[test]
fn an_eventfd_unmasks_the_wire_too() {
    let server = serve("ga102");
    let mut client = Client::new(server.handle());
    let intx = client.attach(irq::INTX);
    enable_tree(&mut client);
    for _ in 0..2 {
        // A second one takes the first one's place.
        let unmask = Event::new();
        let data = IrqData::EventFd { attached: true };
        let set = SetIrqs { index: irq::INTX, start: 0, count: 1, action: IrqAction::Unmask, data };
        assert_eq!(client.irqs(set, &[unmask.0.as_fd()]), None);
        client.set_reg(TRIGGER, VECTOR);
        assert_eq!(intx.wait(), 1);
        rustix::io::write(&unmask.0, &1_u64.to_ne_bytes()).unwrap();
        assert_eq!(intx.wait(), 1, "told again: it is still up");
        client.set_reg(LEAF_4, u32::MAX);
        assert_eq!(mask(&mut client, IrqAction::Unmask, IrqData::None), None);
    }
    client.detach(irq::INTX);
    client.set_reg(TRIGGER, VECTOR);
    assert_eq!(intx.take(), 0);
}

#[test]
fn what_cannot_be_set_up_is_refused_and_changes_nothing() {
    let server = serve("ga102");
    let mut client = Client::new(server.handle());
    let event = Event::new();
    let fd = event.0.as_fd();
    let attached = IrqData::EventFd { attached: true };
    let trigger = IrqAction::Trigger;
    let set = |index, start, count, action, data| SetIrqs { index, start, count, action, data };
    for (what, asked, fds) in [
        ("no such vector", set(irq::MSI, 1, 1, trigger, attached), &[fd][..]),
        ("no such type", set(9, 0, 1, trigger, attached), &[fd]),
        ("no MSI-X on this chip", set(irq::MSIX, 0, 1, trigger, attached), &[fd]),
        ("more eventfds than vectors", set(irq::MSI, 0, 2, trigger, attached), &[fd, fd]),
        ("fewer eventfds than told", set(irq::MSI, 0, 1, trigger, attached), &[fd, fd]),
        ("messages have no mask", set(irq::MSI, 0, 1, IrqAction::Mask, IrqData::None), &[]),
        ("a mask by eventfd", set(irq::INTX, 0, 1, IrqAction::Mask, attached), &[fd]),
        ("too far", set(irq::INTX, u32::MAX, 1, trigger, IrqData::None), &[]),
    ] {
        assert_eq!(client.irqs(asked, fds), Some(EINVAL), "{what}");
    }
    let (_, writer) = std::io::pipe().unwrap();
    assert_eq!(
        client.irqs(set(irq::MSI, 0, 1, trigger, attached), &[writer.as_fd()]),
        Some(EINVAL),
        "a pipe"
    );
    assert_eq!(client.config(0x6a) & 1, 0);
}
