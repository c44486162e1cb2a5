//! Messages made from bytes: from a generator with a seed, from proptest, or from a fuzzer.

use nova_backends::vfio_user::{
    Capabilities, Command, DeviceFeature, DeviceFlags, DeviceInfo, DmaAccess, DmaMap, DmaMapFlags, DmaUnmap,
    DmaUnmapFlags, DmaWritten, Errno, FeatureFlags, IoFdFlags, IoFdKind, IrqAction, IrqData, IrqFlags,
    IrqInfo, Migration, MultiWrite, RegionAccess, RegionCap, RegionCaps, RegionData, RegionFlags, RegionInfo,
    RegionIoFds, Reply, Request, SetIrqs, SparseArea, SubRegion, TwinSocket, Version,
};

/// Bytes that decide; zeros when they have run out.
pub struct Source<'a>(pub &'a [u8]);

impl Source<'_> {
    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    pub fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    pub fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end
    }

    /// Any number, and those at the edges often.
    pub fn u64(&mut self) -> u64 {
        match self.byte() {
            0..=15 => 0,
            16..=31 => u64::MAX,
            32..=47 => u64::from(u32::MAX),
            48..=127 => u64::from(self.byte()),
            _ => u64::from_le_bytes(std::array::from_fn(|_| self.byte())),
        }
    }

    pub fn u32(&mut self) -> u32 {
        self.u64() as u32
    }

    /// A range that ends within 64 bits.
    fn range(&mut self) -> (u64, u64) {
        let (start, length) = (self.u64(), self.u64());
        (start, length.min((u64::MAX - start).saturating_add(1)))
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        let length = self.below(most + 1);
        (0..length).map(|_| self.byte()).collect()
    }

    fn many<T>(&mut self, most: usize, mut one: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let count = self.below(most + 1);
        (0..count).map(|_| one(self)).collect()
    }
}

/// What the messages borrow.
pub struct Store {
    bytes: Vec<u8>,
    writes: Vec<MultiWrite>,
    areas: Vec<SparseArea>,
    sub_regions: Vec<SubRegion>,
    region_size: u64,
}

/// How many file descriptors come with the replies here.
pub const FDS: usize = 4;

impl Store {
    pub fn new(source: &mut Source<'_>) -> Self {
        let region_size = source.u64();
        let area = |source: &mut Source<'_>| {
            let offset = source.u64().min(region_size);
            SparseArea::new(offset, source.u64().min(region_size - offset))
        };
        Self {
            bytes: source.bytes(40),
            writes: source.many(5, write),
            areas: source.many(5, area),
            sub_regions: source.many(4, sub_region),
            region_size,
        }
    }

    pub fn caps(&self, source: &mut Source<'_>) -> Vec<RegionCap<'_>> {
        source.many(4, |source| match source.below(4) {
            0 => RegionCap::SparseMmap(&self.areas),
            1 => RegionCap::Type { kind: source.u32(), subtype: source.u32() },
            2 => RegionCap::MsixMappable,
            // Filled up already, so that it is the same when it comes back.
            _ => {
                let data = &self.bytes[..self.bytes.len() & !7];
                RegionCap::Other { id: source.u32() as u16 | 8, version: source.u32() as u16, data }
            }
        })
    }

    /// A request, and how many file descriptors come with it.
    pub fn request<'a>(&'a self, command: Command, source: &mut Source<'_>) -> (Request<'a>, usize) {
        let request = match command {
            Command::Version => Request::Version(version(source)),
            Command::DmaMap => return (Request::DmaMap(dma_map(source)), source.below(2)),
            Command::DmaUnmap => Request::DmaUnmap(dma_unmap(source)),
            Command::DeviceGetInfo => Request::DeviceGetInfo { argsz: source.u32().max(16) },
            Command::DeviceGetRegionInfo => {
                Request::DeviceGetRegionInfo { argsz: source.u32().max(32), index: source.u32() }
            }
            Command::DeviceGetRegionIoFds => {
                Request::DeviceGetRegionIoFds { argsz: source.u32().max(16), index: source.u32() }
            }
            Command::DeviceGetIrqInfo => {
                Request::DeviceGetIrqInfo { argsz: source.u32().max(16), index: source.u32() }
            }
            Command::DeviceSetIrqs => {
                let set = self.set_irqs(source);
                return (Request::DeviceSetIrqs(set), set.fds() as usize);
            }
            Command::RegionRead => Request::RegionRead(region_access(source)),
            Command::RegionWrite => Request::RegionWrite(self.region_data(source)),
            Command::RegionWriteMulti => Request::RegionWriteMulti(&self.writes),
            Command::DmaRead => Request::DmaRead(dma_access(source)),
            Command::DmaWrite => Request::DmaWrite { address: source.u64() >> 8, data: &self.bytes },
            Command::DeviceReset => Request::DeviceReset,
            Command::DeviceFeature => Request::DeviceFeature(self.feature(source)),
            Command::MigDataRead => {
                Request::MigDataRead { argsz: source.u32().max(8), size: source.u32() % (1 << 20) }
            }
            Command::MigDataWrite => Request::MigDataWrite(&self.bytes),
        };
        (request, 0)
    }

    /// An answer to a request with this command.
    pub fn reply<'a>(
        &'a self,
        command: Command,
        caps: &'a [RegionCap<'a>],
        source: &mut Source<'_>,
    ) -> Reply<'a> {
        match command {
            _ if source.below(16) == 1 => Reply::Error(Errno(source.u32())),
            Command::Version => Reply::Version(version(source)),
            Command::DmaMap => Reply::DmaMap,
            Command::DmaUnmap => Reply::DmaUnmap(source.flag().then(|| dma_unmap(source))),
            Command::DeviceGetInfo => Reply::DeviceGetInfo(DeviceInfo {
                flags: DeviceFlags::from_bits(source.u32() & 3).unwrap(),
                num_regions: source.u32(),
                num_irqs: source.u32(),
            }),
            Command::DeviceGetRegionInfo => Reply::DeviceGetRegionInfo(self.region_info(caps, source)),
            Command::DeviceGetRegionIoFds => {
                Reply::DeviceGetRegionIoFds(RegionIoFds::new(source.u32(), &self.sub_regions))
            }
            Command::DeviceGetIrqInfo => Reply::DeviceGetIrqInfo(IrqInfo {
                flags: IrqFlags::from_bits(source.u32() & 15).unwrap(),
                index: source.u32(),
                count: source.u32(),
            }),
            Command::DeviceSetIrqs => Reply::DeviceSetIrqs,
            Command::RegionRead => Reply::RegionRead(self.region_data(source)),
            Command::RegionWrite => Reply::RegionWrite(region_access(source)),
            Command::RegionWriteMulti => Reply::RegionWriteMulti(source.u64()),
            Command::DmaRead => Reply::DmaRead { address: source.u64() >> 8, data: &self.bytes },
            Command::DmaWrite => Reply::DmaWrite(source.flag().then(|| {
                let DmaAccess { address, count } = dma_access(source);
                DmaWritten { address, count: count as u32 }
            })),
            Command::DeviceReset => Reply::DeviceReset,
            Command::DeviceFeature => Reply::DeviceFeature(self.feature(source)),
            Command::MigDataRead => Reply::MigDataRead(&self.bytes),
            Command::MigDataWrite => Reply::MigDataWrite,
        }
    }

    fn region_data(&self, source: &mut Source<'_>) -> RegionData<'_> {
        RegionData { offset: source.u64() >> 8, region: source.u32(), data: &self.bytes }
    }

    fn region_info<'a>(&self, caps: &'a [RegionCap<'a>], source: &mut Source<'_>) -> RegionInfo<'a> {
        let flags = RegionFlags::from_bits(source.u32() & 7).unwrap();
        let offset = source.u64().min(u64::MAX - self.region_size);
        let info = RegionInfo::new(source.u32(), flags, self.region_size, offset, RegionCaps::list(caps));
        if source.flag() { info } else { info.within(source.u32()) }
    }

    fn set_irqs(&self, source: &mut Source<'_>) -> SetIrqs<'_> {
        let action = [IrqAction::Mask, IrqAction::Unmask, IrqAction::Trigger][source.below(3)];
        let (index, start) = (source.u32(), source.u32() >> 1);
        let (count, data) = match source.below(4) {
            0 => (source.u32() >> 1, IrqData::None),
            1 => (self.bytes.len() as u32, IrqData::Bool(&self.bytes)),
            2 => (source.u32() >> 1, IrqData::EventFd { attached: false }),
            _ => (source.u32() % 8 + 1, IrqData::EventFd { attached: true }),
        };
        SetIrqs { index, start, count, action, data }
    }

    fn feature(&self, source: &mut Source<'_>) -> DeviceFeature<'_> {
        let flags = [
            FeatureFlags::GET,
            FeatureFlags::SET,
            FeatureFlags::PROBE,
            FeatureFlags::PROBE | FeatureFlags::GET,
            FeatureFlags::ALL,
        ][source.below(5)];
        DeviceFeature { argsz: source.u32().max(8), flags, feature: source.u32() as u16, data: &self.bytes }
    }
}

fn version(source: &mut Source<'_>) -> Version {
    let twin = source.flag();
    let capabilities = Capabilities {
        max_msg_fds: source.u64(),
        max_data_xfer_size: source.u64(),
        max_dma_maps: source.u64(),
        pgsizes: source.u64(),
        twin_socket: TwinSocket {
            supported: twin,
            fd_index: (twin && source.flag()).then(|| source.below(FDS) as u64),
        },
        write_multiple: source.flag(),
        migration: source.flag().then(|| Migration {
            pgsize: source.u64(),
            max_bitmap_size: source.flag().then(|| source.u64()),
        }),
    };
    Version { major: source.u32() as u16, minor: source.u32() as u16, capabilities }
}

fn write(source: &mut Source<'_>) -> MultiWrite {
    let data = source.bytes(8);
    MultiWrite::new(source.u32(), source.u64() >> 8, &data).unwrap()
}

fn sub_region(source: &mut Source<'_>) -> SubRegion {
    let (offset, size) = source.range();
    let kind = if source.flag() {
        IoFdKind::IoEventFd { datamatch: source.u64() }
    } else {
        IoFdKind::IoRegionFd { user_data: source.u64() }
    };
    let flags = IoFdFlags::from_bits(source.u32() & 15).unwrap();
    SubRegion::new(offset, size, source.below(FDS) as u32, flags, kind)
}

fn dma_map(source: &mut Source<'_>) -> DmaMap {
    let (address, size) = source.range();
    let size = size.max(1);
    let offset = source.u64().min(u64::MAX - (size - 1));
    DmaMap { flags: DmaMapFlags::from_bits(source.u32() & 3).unwrap(), offset, address, size }
}

fn dma_unmap(source: &mut Source<'_>) -> DmaUnmap {
    let (address, size) = source.range();
    if source.flag() {
        DmaUnmap { flags: DmaUnmapFlags::UNMAP_ALL, address, size }
    } else {
        DmaUnmap { flags: DmaUnmapFlags::NONE, address, size: size.max(1) }
    }
}

fn region_access(source: &mut Source<'_>) -> RegionAccess {
    let count = source.u32() % ((1 << 20) + 1);
    RegionAccess { offset: source.u64().min(u64::MAX - u64::from(count)), region: source.u32(), count }
}

fn dma_access(source: &mut Source<'_>) -> DmaAccess {
    let RegionAccess { offset, count, .. } = region_access(source);
    DmaAccess { address: offset, count: u64::from(count) }
}
