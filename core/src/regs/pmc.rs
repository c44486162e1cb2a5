//! PMC, the master control unit: identification, the legacy interrupt summary, engine enables.
//!
//! Range 0x000000 to 0x000FFF.

use crate::bus::registers;

registers! {
    /// Chip identification and the first register any driver reads. It is never all-ones on a chip that
    /// answers. The chip id is bits 28:20, `ARCHITECTURE_0` with `IMPLEMENTATION`.
    /// Source: OGKM nv_ref.h, OGD tu104 dev_master. [H]
    NV_PMC_BOOT_0: u32 @ 0x000000, ro, pure, all {
        /// Mask revision within the stepping: 1 in "A1".
        MINOR_REVISION 3:0,
        /// Stepping as a hexadecimal digit.
        MAJOR_REVISION 7:4 { A = 0xA, B = 0xB, C = 0xC, D = 0xD, E = 0xE, F = 0xF },
        /// Sixth and highest bit of the architecture; 0 on every chip up to Blackwell.
        ARCHITECTURE_1 8:8,
        /// Chip within the architecture.
        IMPLEMENTATION 23:20,
        /// Low five bits of the architecture.
        ARCHITECTURE_0 28:24 {
            TURING = 0x16, AMPERE = 0x17, HOPPER = 0x18, ADA = 0x19,
            BLACKWELL_GB1XX = 0x1A, BLACKWELL_GB2XX = 0x1B,
        },
        /// Not named by NVIDIA; envytools calls it the foundry. Reads 5 on the GA10x chips seen. [E], [O]
        FOUNDRY 31:29,
    }

    /// Tells a physical function from a virtual one. Older chips also switched the byte order here.
    /// Source: OGKM nv_ref.h, nouveau device/base.c. [H]
    NV_PMC_BOOT_1: u32 @ 0x000004, ro, pure, all {
        /// Historic: reads 1, together with bit 24, on a big-endian chip.
        ENDIAN_0 0:0 { LITTLE = 0, BIG = 1 },
        /// Older, separate "this is a virtual GPU" bit.
        VGPU8 8:8 { REAL = 0, VIRTUAL = 1 },
        /// What kind of function this is. NVIDIA also names bit 16 alone VGPU16.
        VGPU 17:16 { REAL = 0, PV = 1, VF = 2 },
        /// Historic: writing a one flipped the byte order.
        ENDIAN_24 24:24 { LITTLE = 0, BIG = 1 },
    }

    /// Further revision information. Source: OGKM and OGD boot headers. [H]
    NV_PMC_BOOT_2: u32 @ 0x000008, ro, pure, all {
        /// Extended part of the minor revision.
        MINOR_EXTENDED_REVISION 3:0,
        /// Where the chip was made.
        FAB_ID 7:4,
    }

    /// Who may write `NV_PMC_DEVICE_ENABLE`, a priv level mask. Source: OGKM ampere/ga102 dev_boot.h. [H]
    /// Only read for Ampere; that later chips keep it is assumed.
    NV_PMC_DEVICE_ENABLE_PRIV_LEVEL_MASK: u32 @ 0x000084, rw, pure, ga100_up {
        /// Priv level mask; the bits are not documented for this register.
        VALUE 31:0,
    }

    /// Legacy interrupt summary, one bit per unit; cleared at the unit, not here. Element 0 is the
    /// stalling tree and carries the names below, element 1 has the same units for non-stalling ones.
    /// Chips from GA100 on use the leaf and top tree instead.
    /// Source: OGD tu104 dev_master and turing_interrupt_map.csv. [H]
    NV_PMC_INTR[2; 4]: u32 @ 0x000100, ro, pure, turing {
        /// Host scheduler.
        PFIFO 8:8 { NOT_PENDING = 0, PENDING = 1 },
        /// Hub by the older headers, NVJPG by the Turing interrupt map.
        HUB 9:9 { NOT_PENDING = 0, PENDING = 1 },
        /// Framebuffer.
        PFB 13:13 { NOT_PENDING = 0, PENDING = 1 },
        /// Thermal unit.
        THERMAL 18:18 { NOT_PENDING = 0, PENDING = 1 },
        /// HD-audio codec.
        HDACODEC 19:19 { NOT_PENDING = 0, PENDING = 1 },
        /// Timer alarm.
        PTIMER 20:20 { NOT_PENDING = 0, PENDING = 1 },
        /// Power and GPIO manager.
        PMGR 21:21 { NOT_PENDING = 0, PENDING = 1 },
        /// Design-for-debug unit.
        DFD 23:23 { NOT_PENDING = 0, PENDING = 1 },
        /// Power management unit.
        PMU 24:24 { NOT_PENDING = 0, PENDING = 1 },
        /// Level-two cache; the slices are in `NV_PMC_INTR_LTC`.
        LTC_ALL 25:25 { NOT_PENDING = 0, PENDING = 1 },
        /// Display.
        PDISP 26:26 { NOT_PENDING = 0, PENDING = 1 },
        /// GSP falcon. From the Turing interrupt map; dev_master does not name the bit.
        GSP 27:27 { NOT_PENDING = 0, PENDING = 1 },
        /// Host bus unit: failed register accesses.
        PBUS 28:28 { NOT_PENDING = 0, PENDING = 1 },
        /// PCI Express unit.
        XVE 29:29 { NOT_PENDING = 0, PENDING = 1 },
        /// Register network.
        PRIV_RING 30:30 { NOT_PENDING = 0, PENDING = 1 },
        /// Raised by `NV_PMC_INTR_SW`.
        SOFTWARE 31:31 { NOT_PENDING = 0, PENDING = 1 },
    }

    /// Whether a unit's line is taken as a level or an edge: 0 level, 1 edge, bits as in `NV_PMC_INTR`.
    /// Source: OGD tu104 dev_master. [H] Our notes have it as writable on older chips; here it is read only.
    NV_PMC_INTR_MODE[2; 4]: u32 @ 0x000120, ro, pure, turing {
        /// One bit per unit.
        VALUE 31:0,
    }

    /// Which units of the legacy summary are enabled. Since Pascal a view only: change it through
    /// `NV_PMC_INTR_EN_SET` and `NV_PMC_INTR_EN_CLEAR`. Source: OGD tu104 dev_master. [H]
    NV_PMC_INTR_EN[2; 4]: u32 @ 0x000140, ro, pure, turing {
        /// Enabled units, bits as in `NV_PMC_INTR`.
        VALUE 31:0,
    }

    /// Enables units of the legacy summary: a one written sets that bit. To see the state read
    /// `NV_PMC_INTR_EN`. Source: OGD tu104 dev_master, nouveau mc/gp100.c. [H]
    NV_PMC_INTR_EN_SET[2; 4]: u32 @ 0x000160, wo, effects, turing {
        /// Units to enable, bits as in `NV_PMC_INTR`.
        VALUE 31:0,
    }

    /// Disables units of the legacy summary: a one written clears that bit. To see the state read
    /// `NV_PMC_INTR_EN`. Source: OGD tu104 dev_master, nouveau mc/gp100.c. [H]
    NV_PMC_INTR_EN_CLEAR[2; 4]: u32 @ 0x000180, wo, effects, turing {
        /// Units to disable, bits as in `NV_PMC_INTR`.
        VALUE 31:0,
    }

    /// Raises the SOFTWARE bit of the legacy summary. Source: OGD tu104 dev_master. [H]
    NV_PMC_INTR_SW[2; 4]: u32 @ 0x0001a0, rw, pure, turing {
        /// The line that software drives. (Our notes say bit 31; that is where it shows in `NV_PMC_INTR`.)
        ASSERT 0:0 { FALSE = 0, TRUE = 1 },
    }

    /// Which level-two cache partitions are behind the LTC_ALL bit of the legacy summary.
    /// Source: OGD tu104 dev_master. [H]
    NV_PMC_INTR_LTC: u32 @ 0x0001c0, ro, pure, turing {
        /// One bit per partition, of which there are 16; the manual has the mask one bit wider.
        PART_MASK 16:0,
    }

    /// Which framebuffer partitions are behind the PFB bit of the legacy summary.
    /// Source: OGD tu104 dev_master. [H]
    NV_PMC_INTR_FBPA: u32 @ 0x0001d0, ro, pure, turing {
        /// One bit per partition, of which there are 16; the manual has the mask one bit wider.
        PART_MASK 16:0,
        /// Non-stalling interrupt of the framebuffer falcon.
        FBFALCON_INTR_NOSTALL 30:30 { NOT_PENDING = 0, PENDING = 1 },
        /// Stalling interrupt of the framebuffer falcon.
        FBFALCON_INTR_STALL 31:31 { NOT_PENDING = 0, PENDING = 1 },
    }

    /// Engine enables: a zero holds the engine in reset. The field names are Turing's; GA100 keeps
    /// NVDEC-class bits, ZPW, PERFMON and PDISP and moves the rest to `NV_PMC_DEVICE_ENABLE`. nouveau follows
    /// a change with two reads. Source: OGD tu104 dev_master and ga100 dev_boot, OGKM ga102 dev_boot.h. [H]
    NV_PMC_ENABLE: u32 @ 0x000200, rw, pure, all {
        /// Host scheduler.
        PFIFO 8:8 { DISABLED = 0, ENABLED = 1 },
        /// Graphics engine.
        PGRAPH 12:12 { DISABLED = 0, ENABLED = 1 },
        /// Power management unit.
        PWR 13:13 { DISABLED = 0, ENABLED = 1 },
        /// Security engine SEC2.
        SEC 14:14 { DISABLED = 0, ENABLED = 1 },
        /// First video decoder.
        NVDEC0 15:15 { DISABLED = 0, ENABLED = 1 },
        /// Timer, on chips long before Turing. [E]
        PTIMER 16:16 { DISABLED = 0, ENABLED = 1 },
        /// NVLink. TU104.
        NVLINK 25:25 { DISABLED = 0, ENABLED = 1 },
        /// Named in the TU104 and GA100 manuals, not described.
        ZPW 26:26 { DISABLED = 0, ENABLED = 1 },
        /// Named in the TU104 manual, not described.
        BLG 27:27 { DISABLED = 0, ENABLED = 1 },
        /// Performance monitor; resets to 0.
        PERFMON 28:28 { DISABLED = 0, ENABLED = 1 },
        /// Display; resets to 1.
        PDISP 30:30 { DISABLED = 0, ENABLED = 1 },
    }

    /// Engine enables by reset id, as the device info table gives it; resets to 0. NVIDIA writes it as an
    /// array of one. 32 bits count on GA100 and 26 on GA102. Source: OGKM ga100 and ga102 dev_boot.h. [H]
    /// Only read for Ampere; that later chips keep it is assumed.
    NV_PMC_DEVICE_ENABLE: u32 @ 0x000600, rw, pure, ga100_up {
        /// One bit per reset id: 1 enabled.
        STATUS 31:0,
    }

    /// The forward-looking identification register, with a six-bit architecture field; BOOT_0 runs out of ids
    /// after Blackwell. The chip id is bits 29:20. Source: OGKM nv_ref.h, OGD tu104 dev_master. [H]
    NV_PMC_BOOT_42: u32 @ 0x000a00, ro, pure, all {
        /// Extended part of the minor revision.
        MINOR_EXTENDED_REVISION 11:8,
        /// Mask revision within the stepping.
        MINOR_REVISION 15:12,
        /// Stepping as a hexadecimal digit.
        MAJOR_REVISION 19:16 { A = 0xA, B = 0xB, C = 0xC, D = 0xD, E = 0xE, F = 0xF },
        /// Chip within the architecture.
        IMPLEMENTATION 23:20,
        /// Architecture; five bits in the older manuals.
        ARCHITECTURE 29:24 {
            TURING = 0x16, AMPERE = 0x17, HOPPER = 0x18, ADA = 0x19,
            BLACKWELL_GB1XX = 0x1A, BLACKWELL_GB2XX = 0x1B,
        },
    }

    /// Blackwell's name of `NV_PMC_BOOT_0`. Alias of `NV_PMC_BOOT_0`.
    /// Source: OGKM blackwell/gb100 dev_boot_zb.h. [H]
    NV_PMC_ZB_BOOT_0: u32 @ 0x000000, ro, pure, blackwell {
        /// Fields as in `NV_PMC_BOOT_0`.
        VALUE 31:0,
    }

    /// Blackwell's name of `NV_PMC_BOOT_42`. Alias of `NV_PMC_BOOT_42`.
    /// Source: OGKM blackwell/gb100 dev_boot_zb.h. [H]
    NV_PMC_ZB_BOOT_42: u32 @ 0x000a00, ro, pure, blackwell {
        /// Fields as in `NV_PMC_BOOT_42`.
        VALUE 31:0,
    }
}
