//! Functions change their driver, and get their old one back, on a made-up tree with a made-up kernel behind it.

mod fake;

use std::time::Duration;

use fake::{Kernel, Manners, Tree};
use nova_vfio_glue::bind::{BindError, Moved, Places, VFIO_PCI, bind, group, unbind};
use nova_vfio_glue::sysfs::Address;

const GPU: &str = "0000:01:00.0";

fn address() -> Address {
    GPU.parse().expect("an address")
}

fn places(tree: &Tree) -> Places {
    Places {
        sysfs: tree.root(),
        records: tree.path().join("run"),
        dev: tree.path().join("dev"),
        proc: tree.path().join("proc"),
        patience: Duration::from_millis(500),
    }
}

fn tree(driver: Option<&str>) -> Tree {
    let tree = Tree::new();
    for name in ["nouveau", "other", VFIO_PCI] {
        tree.driver(name);
    }
    tree.function(GPU, driver, 7);
    tree
}

fn own() -> Manners {
    Manners { own: Some("nouveau"), ..Manners::default() }
}

#[test]
fn there_and_back_again() {
    // The driver it had is not the one the kernel would choose.
    let tree = tree(Some("other"));
    let kernel = Kernel::start(&tree, GPU, own());
    let places = places(&tree);
    let there = bind(&places, address()).expect("binds");
    let to = Some(VFIO_PCI.to_owned());
    assert_eq!(there, Moved { address: address(), from: Some("other".to_owned()), to: to.clone() });
    assert_eq!(tree.driver_of(GPU), to);
    let again = bind(&places, address()).expect("has it");
    assert!(!again.is_change());
    let back = unbind(&places, address()).expect("unbinds");
    assert_eq!((back.from, back.to.as_deref()), (to, Some("other")));
    assert_eq!(tree.driver_of(GPU).as_deref(), Some("other"));
    assert_eq!(kernel.end(), None, "no override stays");
    assert!(
        matches!(unbind(&places, address()), Err(BindError::NotOurs { driver: Some(driver), .. }) if driver == "other")
    );
}

#[test]
fn one_that_had_no_driver_has_none_again() {
    let tree = tree(None);
    let kernel = Kernel::start(&tree, GPU, own());
    let places = places(&tree);
    assert_eq!(bind(&places, address()).expect("binds").from, None);
    assert_eq!(unbind(&places, address()).expect("unbinds").to, None);
    assert_eq!((kernel.end(), tree.driver_of(GPU)), (None, None));
}

#[test]
fn without_a_record_the_kernel_chooses() {
    let tree = tree(Some(VFIO_PCI));
    let kernel = Kernel::start(&tree, GPU, own());
    unbind(&places(&tree), address()).expect("unbinds");
    assert_eq!(kernel.end(), None);
    assert_eq!(tree.driver_of(GPU).as_deref(), Some("nouveau"));
}

#[test]
fn what_vfio_does_not_take_keeps_its_driver() {
    let tree = tree(Some("other"));
    let manners = Manners { refuses: vec![VFIO_PCI], ..own() };
    let kernel = Kernel::start(&tree, GPU, manners);
    let error = bind(&places(&tree), address()).expect_err("refused");
    assert!(matches!(&error, BindError::NotTaken { driver, .. } if driver == VFIO_PCI), "{error}");
    assert_eq!(kernel.end(), None);
    assert_eq!(tree.driver_of(GPU).as_deref(), Some("other"));
}

#[test]
fn what_was_stopped_half_way_can_be_gone_on_with() {
    for again in [false, true] {
        let tree = tree(Some("other"));
        let places = places(&tree);
        let kernel = Kernel::start(&tree, GPU, own());
        bind(&places, address()).expect("binds");
        assert_eq!(kernel.end().as_deref(), Some(VFIO_PCI));
        // Its old driver does not take it back.
        let kernel = Kernel::start(&tree, GPU, Manners { refuses: vec!["other"], ..own() });
        let error = unbind(&places, address()).expect_err("not taken");
        assert!(matches!(&error, BindError::NotTaken { driver, .. } if driver == "other"), "{error}");
        assert_eq!((kernel.end(), tree.driver_of(GPU)), (None, None));
        let kernel = Kernel::start(&tree, GPU, own());
        if again {
            assert_eq!(bind(&places, address()).expect("binds").from, None);
        }
        assert_eq!(unbind(&places, address()).expect("goes on").to.as_deref(), Some("other"));
        assert_eq!(kernel.end(), None);
        let error = unbind(&places, address()).expect_err("done");
        assert!(matches!(error, BindError::NotOurs { .. }), "{error}");
    }
}

#[test]
fn an_override_of_somebody_elses_is_there_again() {
    for refuses in [vec![], vec![VFIO_PCI]] {
        let fails = !refuses.is_empty();
        let tree = tree(Some("other"));
        let places = places(&tree);
        tree.file(&format!("bus/pci/devices/{GPU}/driver_override"), "other\n");
        let kernel = Kernel::start(&tree, GPU, Manners { refuses, ..own() });
        assert_eq!(bind(&places, address()).is_err(), fails);
        if !fails {
            unbind(&places, address()).expect("unbinds");
        }
        assert_eq!((kernel.end().as_deref(), tree.driver_of(GPU).as_deref()), (Some("other"), Some("other")));
    }
}

#[test]
fn a_write_that_does_not_return_is_not_waited_for() {
    let tree = tree(Some("nouveau"));
    // Nobody reads from this pipe, so opening it does not return, as the kernel's write while the device is used.
    let error = bind(&places(&tree), address()).expect_err("held");
    assert!(matches!(&error, BindError::Held { driver, .. } if driver == "nouveau"), "{error}");
    assert_eq!(tree.driver_of(GPU).as_deref(), Some("nouveau"));
}

#[test]
fn whoever_drives_it_is_named_before_anything_is_done() {
    let tree = tree(Some(VFIO_PCI));
    let places = places(&tree);
    std::fs::create_dir_all(tree.path().join("proc/41/fd")).expect("a folder");
    std::fs::create_dir_all(tree.path().join("proc/42/fd")).expect("a folder");
    let open = tree.path().join("proc/42/fd/3");
    std::os::unix::fs::symlink(tree.path().join("dev/vfio/7"), &open).expect("a link");
    let error = unbind(&places, address()).expect_err("in use");
    assert!(matches!(error, BindError::InUse { process: 42, .. }), "{error}");
    assert_eq!(tree.driver_of(GPU).as_deref(), Some(VFIO_PCI));
    std::fs::remove_file(open).expect("removed");
    let kernel = Kernel::start(&tree, GPU, own());
    unbind(&places, address()).expect("unbinds");
    drop(kernel);
}

#[test]
fn a_driver_that_does_not_let_go_is_named() {
    let tree = tree(Some("nouveau"));
    let kernel = Kernel::start(&tree, GPU, Manners { holds: vec!["nouveau"], ..own() });
    let error = bind(&places(&tree), address()).expect_err("held");
    assert!(matches!(&error, BindError::Held { driver, .. } if driver == "nouveau"), "{error}");
    assert_eq!(kernel.end(), None, "no override stays");
    assert_eq!(tree.driver_of(GPU).as_deref(), Some("nouveau"));
}

#[test]
fn what_is_missing_is_said_before_anything_is_done() {
    let tree = Tree::new();
    tree.driver("nouveau");
    tree.function(GPU, Some("nouveau"), 7);
    let places = places(&tree);
    let error = bind(&places, address()).expect_err("no module");
    assert!(error.to_string().contains("sudo modprobe vfio-pci"), "{error}");
    let nobody = bind(&places, "0000:09:00.0".parse().expect("an address")).expect_err("nobody");
    assert!(matches!(nobody, BindError::NoFunction { .. }));
    assert!(!places.records.exists());
}

#[test]
fn a_group_tells_who_is_in_it() {
    let tree = tree(Some(VFIO_PCI));
    tree.function("0000:01:00.1", Some("nouveau"), 7);
    tree.function("0000:00:01.0", Some("other"), 7);
    tree.file("bus/pci/devices/0000:00:01.0/class", "0x060400\n");
    let members = group(&tree.root(), address());
    let told: Vec<_> = members
        .iter()
        .map(|member| (member.address.to_string(), member.is_bridge(), member.is_viable()))
        .collect();
    let expected = [("0000:00:01.0", true, true), (GPU, false, true), ("0000:01:00.1", false, false)];
    assert_eq!(told, expected.map(|(address, bridge, viable)| (address.to_owned(), bridge, viable)));
}
