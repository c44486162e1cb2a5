//! Every finding, on a made-up system; and none where all is well.

mod fake;

use fake::Tree;
use nova_vfio_glue::doctor::{Finding, Places, Severity, Subject, examine, is_ready};

const GPU: &str = "0000:01:00.0";

/// A system on which everything is right, with its files for devices beside sysfs.
fn healthy() -> (Tree, Places) {
    let tree = Tree::new();
    tree.driver("vfio-pci");
    tree.driver("nouveau");
    tree.function(GPU, Some("vfio-pci"), 7);
    for file in ["dev/vfio/vfio", "dev/vfio/7"] {
        tree.file(file, "");
    }
    tree.file("cpuinfo", "vendor_id\t: GenuineIntel\n");
    let places = Places {
        sysfs: tree.root(),
        dev: tree.path().join("dev"),
        cpuinfo: tree.path().join("cpuinfo"),
        memlock: None,
        root: false,
    };
    (tree, places)
}

fn all(places: &Places) -> Vec<Finding> {
    examine(places, Some(GPU.parse().expect("an address")))
}

/// The one finding there is.
fn only(places: &Places) -> Finding {
    let findings = all(places);
    assert_eq!(findings.len(), 1, "{findings:#?}");
    findings.into_iter().next().expect("one")
}

#[test]
fn where_all_is_well_there_is_nothing_to_say() {
    let (_tree, places) = healthy();
    assert_eq!(all(&places), []);
    assert!(is_ready(&[]));
}

#[test]
fn no_iommu() {
    let (tree, places) = healthy();
    std::fs::remove_dir_all(tree.path().join("kernel/iommu_groups")).expect("removed");
    let findings = examine(&places, None);
    assert_eq!((findings[0].subject, findings[0].severity), (Subject::Iommu, Severity::Problem));
    assert!(findings[0].fix.as_ref().is_some_and(|fix| fix.contains("intel_iommu=on")), "{findings:#?}");
    assert!(!is_ready(&findings));
    tree.file("cpuinfo", "vendor_id\t: AuthenticAMD\n");
    assert_eq!(examine(&places, None)[0].fix, None, "it is on whenever the firmware has it on");
    tree.file("module/vfio/parameters/enable_unsafe_noiommu_mode", "Y\n");
    let findings = examine(&places, None);
    assert_eq!(findings.len(), 2);
    assert!(is_ready(&findings), "it works, at a risk: {findings:#?}");
}

#[test]
fn a_machine_without_a_gpu() {
    let (tree, places) = healthy();
    std::fs::remove_dir_all(tree.path().join("bus/pci/devices").join(GPU)).expect("removed");
    std::fs::remove_dir_all(tree.path().join("kernel/iommu_groups")).expect("removed");
    std::fs::remove_dir_all(tree.path().join("bus/pci/drivers/vfio-pci")).expect("removed");
    let subjects: Vec<_> = examine(&places, None).iter().map(|finding| finding.subject).collect();
    assert_eq!(subjects, [Subject::Device, Subject::Iommu, Subject::Module]);
}

#[test]
fn the_module_is_missing() {
    let (tree, places) = healthy();
    std::fs::remove_dir_all(tree.path().join("bus/pci/drivers/vfio-pci")).expect("removed");
    let finding = only(&places);
    assert_eq!(finding.subject, Subject::Module);
    assert_eq!(finding.fix.as_deref(), Some("sudo modprobe vfio-pci"));
}

#[test]
fn no_container() {
    let (tree, places) = healthy();
    std::fs::remove_file(tree.path().join("dev/vfio/vfio")).expect("removed");
    assert_eq!(only(&places).subject, Subject::Container);
    tree.file("dev/iommu", "");
    assert_eq!(all(&places), [], "iommufd is one as well");
}

#[test]
fn little_memory_may_be_locked() {
    let (_tree, places) = healthy();
    let places = Places { memlock: Some(64 << 10), ..places };
    let finding = only(&places);
    assert_eq!((finding.subject, finding.severity), (Subject::Memlock, Severity::Warning));
    assert!(finding.to_string().contains("64 KiB"), "{finding}");
    assert_eq!(all(&Places { root: true, ..places }), []);
}

#[test]
fn another_driver_has_it() {
    let (tree, places) = healthy();
    tree.set_driver(GPU, Some("nouveau"));
    tree.file(&format!("bus/pci/devices/{GPU}/boot_vga"), "1\n");
    let findings = all(&places);
    let told: Vec<_> = findings.iter().map(|finding| (finding.subject, finding.severity)).collect();
    assert_eq!(told, [(Subject::Driver, Severity::Problem), (Subject::Console, Severity::Warning)]);
    assert_eq!(findings[0].fix.as_deref(), Some("sudo nova bind 0000:01:00.0"));
    assert!(findings[0].what.contains("nouveau"));
    tree.set_driver(GPU, None);
    assert!(all(&places)[0].what.contains("no driver"));
}

#[test]
fn another_function_of_the_group_has_a_driver() {
    let (tree, places) = healthy();
    tree.function("0000:01:00.1", Some("nouveau"), 7);
    let finding = only(&places);
    assert_eq!(finding.subject, Subject::Group);
    assert_eq!(finding.fix.as_deref(), Some("sudo nova bind 0000:01:00.1"));
    tree.set_driver("0000:01:00.1", None);
    assert_eq!(all(&places), [], "one without a driver keeps nobody off");
}

#[test]
fn the_group_has_no_file() {
    let (tree, places) = healthy();
    std::fs::remove_file(tree.path().join("dev/vfio/7")).expect("removed");
    let finding = only(&places);
    assert_eq!(finding.subject, Subject::GroupFile);
    assert!(finding.what.ends_with("dev/vfio/7 is not there"), "{finding}");
    // The device's own file does as well.
    tree.folder(&format!("bus/pci/devices/{GPU}/vfio-dev/vfio0"));
    tree.file("dev/vfio/devices/vfio0", "");
    assert_eq!(all(&places), []);
}

#[test]
fn a_group_without_an_iommu() {
    let (tree, places) = healthy();
    tree.file("kernel/iommu_groups/7/name", "vfio-noiommu\n");
    tree.file("dev/vfio/noiommu-7", "");
    let finding = only(&places);
    assert_eq!((finding.subject, finding.severity), (Subject::NoIommuMode, Severity::Warning));
}

#[test]
fn a_device_that_sleeps_or_is_not_there() {
    let (tree, places) = healthy();
    tree.file(&format!("bus/pci/devices/{GPU}/power_state"), "D3cold\n");
    assert_eq!((only(&places).subject, only(&places).severity), (Subject::Power, Severity::Note));
    let nobody = examine(&places, Some("0000:09:00.0".parse().expect("an address")));
    assert_eq!(nobody.iter().map(|finding| finding.subject).collect::<Vec<_>>(), [Subject::Device]);
}
