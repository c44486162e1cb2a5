//! The GPU in its slot: config space, and the resets that come through it.

use crate::pci::{ConfigRangeError, Live, Message, PciFunction, PciOptions, PciOptionsError, ResetKind};

use super::{Identity, Power, SimConfig, SimGpu};

/// The function of a board with nothing special, as a system left it that enabled the device.
pub(super) fn function(config: &SimConfig, identity: &Identity) -> PciFunction {
    let function = PciFunction::new(identity, config.chipset.family(), &PciOptions::default());
    let mut function = function.expect("the default board exists for every chip, which a test goes through");
    function.enable_all();
    function
}

impl SimGpu {
    /// Reads 32 bits of PCI config space at a multiple of four; ones while the GPU is not there. `None` where config
    /// space has no such word.
    pub fn pci_config(&self, offset: u16) -> Option<u32> {
        let mut word = [0; 4];
        let aligned = offset.is_multiple_of(4);
        let read = aligned.then(|| self.config_read(offset.into(), &mut word));
        read?.ok().map(|()| u32::from_le_bytes(word))
    }

    /// Reads PCI config space; ones while the GPU is not there.
    ///
    /// # Errors
    ///
    /// When the bytes are not all inside.
    pub fn config_read(&self, offset: u64, into: &mut [u8]) -> Result<(), ConfigRangeError> {
        let live = Live { interrupt: self.lines().signalled, firewall: self.firewall };
        self.pci.read(offset, into, live)?;
        if self.power != Power::Present {
            into.fill(0xff);
        }
        Ok(())
    }

    /// Writes PCI config space at host time `now`, in ns; lost while the GPU is not there. A reset that the write asks
    /// for is done.
    ///
    /// # Errors
    ///
    /// When the bytes are not all inside; nothing is written then.
    pub fn config_write(
        &mut self,
        offset: u64,
        from: &[u8],
        now: u64,
    ) -> Result<Option<ResetKind>, ConfigRangeError> {
        if self.power != Power::Present {
            let mut there = vec![0; from.len()];
            return self.pci.read(offset, &mut there, Live::default()).map(|()| None);
        }
        let reset = self.pci.write(offset, from)?;
        if reset.is_some() {
            self.power_on(now);
        }
        Ok(reset)
    }

    /// Resets it at host time `now`, in ns, config space included; a GPU that is not there stays as it is. False then.
    pub fn reset(&mut self, now: u64) -> bool {
        let there = self.power == Power::Present;
        if there {
            self.pci.reset();
            self.power_on(now);
        }
        there
    }

    /// Resets it at host time `now`, in ns, as a system does on behalf of a driver: config space is as before. A GPU that
    /// is not there stays as it is. False then.
    pub fn reset_keeping_config(&mut self, now: u64) -> bool {
        let there = self.power == Power::Present;
        if there {
            self.pci.reset_keeping_config();
            self.power_on(now);
        }
        there
    }

    /// Puts it on a board as `options` say, from reset, with config space as after power-on.
    ///
    /// # Errors
    ///
    /// When no such board can be; nothing is changed then.
    pub fn fit(&mut self, options: &PciOptions) -> Result<(), PciOptionsError> {
        self.pci = PciFunction::new(&self.identity, self.family(), options)?;
        Ok(())
    }

    /// The PCI function.
    pub const fn pci(&self) -> &PciFunction {
        &self.pci
    }

    /// The PCI function, to change what no bus access can.
    pub const fn pci_mut(&mut self) -> &mut PciFunction {
        &mut self.pci
    }

    /// Whether the interrupt wire is up.
    pub fn intx(&self) -> bool {
        self.power == Power::Present && self.pci.may_assert_intx() && self.lines().signalled
    }

    /// Fetches an interrupt message that may go out. Messages that no capability is enabled for, and those without
    /// bus mastering, are lost; several that were sent meanwhile are one.
    pub fn next_message(&mut self) -> Option<Message> {
        if self.take_messages() > 0 {
            return self.pci.send();
        }
        if self.power == Power::Present { self.pci.take_pending() } else { None }
    }
}
