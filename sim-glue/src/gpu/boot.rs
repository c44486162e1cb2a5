//! Boot firmware: how far GFW (Turing to Ada) or FSP (Hopper on) has come, as time passes.

/// What the whole progress word reads at the end; its low byte is the 0xFF that nova-core waits for.
const GFW_DONE: u32 = 0x3ff;
const FSP_DONE: u32 = 0xff;
/// Answer while the privilege mask does not let the host read: the pattern of a privilege violation. That the
/// progress word answers so is inferred.
const PRIVILEGE: u32 = 0xbadf_5000;

/// The boot of one GPU.
#[derive(Debug, Clone, Copy)]
pub(super) struct Boot {
    started: u64,
    takes: u64,
}

impl Boot {
    pub(super) const fn new(now: u64, takes: u64) -> Self {
        Self { started: now, takes }
    }

    /// Host time at which it is done.
    pub(super) const fn done_at(&self) -> u64 {
        self.started.saturating_add(self.takes)
    }

    const fn is_done(&self, now: u64) -> bool {
        now >= self.done_at()
    }

    /// Bit 0: the progress can be read. From a quarter of the boot on, which is made up.
    pub(super) const fn gfw_mask(&self, now: u64) -> u32 {
        (self.is_done(now) || now.saturating_sub(self.started) >= self.takes / 4) as u32
    }

    pub(super) const fn gfw_progress(&self, now: u64) -> u32 {
        if self.is_done(now) {
            return GFW_DONE;
        }
        if self.gfw_mask(now) == 0 {
            return PRIVILEGE;
        }
        // In 256ths of the boot, which is never 0xFF before the end.
        let share = self.takes / 0xff + 1;
        (now.saturating_sub(self.started) / share) as u32
    }

    pub(super) const fn fsp_status(&self, now: u64) -> u32 {
        if self.is_done(now) { FSP_DONE } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_rises_and_reads_done_only_at_the_end() {
        let boot = Boot::new(1000, 1_000_000);
        let mut last = 0;
        for now in (0..1_001_000).step_by(997) {
            let progress = boot.gfw_progress(now);
            if boot.gfw_mask(now) == 0 {
                assert_eq!(progress, PRIVILEGE);
                continue;
            }
            assert!(progress >= last && progress & 0xff != 0xff, "{progress:#x} at {now}");
            last = progress;
        }
        assert_eq!(boot.gfw_progress(1_001_000), 0x3ff);
        assert_eq!((boot.fsp_status(1_000_999), boot.fsp_status(1_001_000)), (0, 0xff));
    }

    #[test]
    fn no_time_is_no_wait() {
        let boot = Boot::new(0, 0);
        assert_eq!((boot.gfw_mask(0), boot.gfw_progress(0), boot.fsp_status(0)), (1, 0x3ff, 0xff));
    }
}
