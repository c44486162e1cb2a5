//! Files that are not nova's are told from devices that are.

use nova_kernel_client::{Device, Error, Kind};

#[test]
fn what_is_no_device_of_nova_is_refused() {
    for path in ["/dev/null", "/dev/zero"] {
        let error = Device::open(path).unwrap_err();
        assert_eq!(error, Error::NotNova { path: path.into() });
        assert!(error.to_string().contains(path));
    }
    assert_eq!(Device::open("/").unwrap_err().kind(), Kind::Argument);
    let missing = Device::open("/nowhere/nova0").unwrap_err();
    assert_eq!(missing.kind(), Kind::Gone);
    assert!(missing.to_string().contains("nova.ko"), "{missing}");
}
