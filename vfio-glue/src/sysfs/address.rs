//! Where a PCI function is: `0000:01:00.0`.

use std::fmt;
use std::str::FromStr;

/// Domain, bus, device and function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    domain: u32,
    bus: u8,
    device: u8,
    function: u8,
}

/// `0000:01:00.0`, as the kernel names its folders.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { domain, bus, device, function } = self;
        write!(f, "{domain:04x}:{bus:02x}:{device:02x}.{function}")
    }
}

/// Not the address of a PCI function.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the address of a PCI function; write it as 0000:01:00.0 or 01:00.0")]
pub struct AddressError(String);

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        parse(text).ok_or_else(|| AddressError(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<Address> {
    let (rest, function) = text.rsplit_once('.')?;
    let (rest, device) = rest.rsplit_once(':')?;
    let (domain, bus) = rest.rsplit_once(':').unwrap_or(("0", rest));
    let address = Address {
        domain: hex(domain, 8)?,
        bus: hex(bus, 2)?.try_into().ok()?,
        device: hex(device, 2)?.try_into().ok()?,
        function: hex(function, 1)?.try_into().ok()?,
    };
    (address.device < 32 && address.function < 8).then_some(address)
}

/// So many hexadecimal digits at most, and nothing else: no sign, no blank.
fn hex(text: &str, digits: usize) -> Option<u32> {
    let good =
        !text.is_empty() && text.len() <= digits && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    good.then(|| u32::from_str_radix(text, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_and_short_forms_are_one_address() {
        let long: Address = "0000:01:00.0".parse().unwrap();
        assert_eq!("01:00.0".parse(), Ok(long));
        assert_eq!(long.to_string(), "0000:01:00.0");
        assert_eq!("10000:AF:1f.7".parse::<Address>().unwrap().to_string(), "10000:af:1f.7");
    }

    #[test]
    fn anything_else_is_refused() {
        for bad in
            ["", "01:00", "01:20.0", "01:00.8", "1 :00.0", "+1:00.0", "../x:00.0", "123:00.0", "0:0:0:0.0"]
        {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
    }
}
