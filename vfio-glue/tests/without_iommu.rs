//! A device for which the kernel has made a file of iommufd although there is no IOMMU.

mod fake;

use fake::Tree;
use nova_vfio_glue::device::Error;
use nova_vfio_glue::kernel::{Interface, Options, open};

const GPU: &str = "0000:01:00.0";

/// What such a system looks like from Linux 7.3 on, with the user's consent in the kernel.
fn tree() -> (Tree, Options) {
    let tree = Tree::new();
    tree.driver("vfio-pci");
    tree.function(GPU, Some("vfio-pci"), 0);
    tree.file("kernel/iommu_groups/0/name", "vfio-noiommu\n");
    tree.file(&format!("bus/pci/devices/{GPU}/vfio-dev/noiommu-vfio0/dev"), "511:0\n");
    for file in ["dev/iommu", "dev/vfio/devices/noiommu-vfio0"] {
        tree.file(file, "");
    }
    let options = Options {
        sysfs: tree.root(),
        dev: tree.path().join("dev"),
        interface: Interface::Any,
        no_iommu: false,
    };
    (tree, options)
}

fn refused(options: &Options) -> Error {
    let Err(error) = open(GPU.parse().expect("an address"), options) else { panic!("opened") };
    error
}

#[test]
fn it_is_not_opened_unless_the_caller_insists() {
    let (_tree, options) = tree();
    for interface in [Interface::Any, Interface::Iommufd, Interface::Group] {
        let error = refused(&Options { interface, ..options.clone() });
        assert!(matches!(error, Error::NoIommu { .. }), "{interface:?}: {error}");
    }
}

#[test]
fn iommufd_which_would_map_memory_for_it_is_not_used_even_then() {
    let (_tree, options) = tree();
    let insisting = Options { no_iommu: true, ..options };
    let by_iommufd = Options { interface: Interface::Iommufd, ..insisting.clone() };
    assert!(matches!(refused(&by_iommufd), Error::Unsupported { .. }));
    // The way by groups was taken: this tree has none of its files.
    let error = refused(&insisting);
    assert!(error.to_string().contains("dev/vfio/vfio"), "{error}");
}
