//! Requests: what is in the body of a command.

use super::{
    command::Command,
    dma::{DmaAccess, DmaMap, DmaUnmap},
    error::{DecodeError, DecodeErrorKind, EncodeError},
    feature::DeviceFeature,
    header::{Header, Kind, Limits},
    irq::SetIrqs,
    region::{MultiWrite, RegionAccess, RegionData},
    version::Version,
    wire,
    writer::{self, Writer},
};

/// A request, whose data stays in the buffer it was read from.
///
/// `argsz` is how long the body of the reply may be, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request<'a> {
    /// The first request of a connection.
    Version(Version),
    /// The device may use this memory. At most one file descriptor comes with it.
    DmaMap(DmaMap),
    /// The device may no longer use this memory.
    DmaUnmap(DmaUnmap),
    /// What is the device?
    DeviceGetInfo {
        /// Room for the reply.
        argsz: u32,
    },
    /// What is this region?
    DeviceGetRegionInfo {
        /// Room for the reply.
        argsz: u32,
        /// Which region.
        index: u32,
    },
    /// Which parts of this region can be watched by KVM?
    DeviceGetRegionIoFds {
        /// Room for the reply.
        argsz: u32,
        /// Which region.
        index: u32,
    },
    /// What is this type of interrupts?
    DeviceGetIrqInfo {
        /// Room for the reply.
        argsz: u32,
        /// Which type.
        index: u32,
    },
    /// Do this with these interrupts.
    DeviceSetIrqs(SetIrqs<'a>),
    /// Read from a region.
    RegionRead(RegionAccess),
    /// Write to a region.
    RegionWrite(RegionData<'a>),
    /// Write to regions, one after the other.
    RegionWriteMulti(&'a [MultiWrite]),
    /// Read memory of the client.
    DmaRead(DmaAccess),
    /// Write memory of the client.
    DmaWrite {
        /// Where it begins for the device.
        address: u64,
        /// What is written.
        data: &'a [u8],
    },
    /// Reset the device.
    DeviceReset,
    /// Get, set or probe a feature.
    DeviceFeature(DeviceFeature<'a>),
    /// Read from the stream of migration.
    MigDataRead {
        /// Room for the reply.
        argsz: u32,
        /// How much, in bytes.
        size: u32,
    },
    /// Write to the stream of migration.
    MigDataWrite(&'a [u8]),
}

impl<'a> Request<'a> {
    /// Which command this is.
    pub const fn command(&self) -> Command {
        match self {
            Self::Version(_) => Command::Version,
            Self::DmaMap(_) => Command::DmaMap,
            Self::DmaUnmap(_) => Command::DmaUnmap,
            Self::DeviceGetInfo { .. } => Command::DeviceGetInfo,
            Self::DeviceGetRegionInfo { .. } => Command::DeviceGetRegionInfo,
            Self::DeviceGetRegionIoFds { .. } => Command::DeviceGetRegionIoFds,
            Self::DeviceGetIrqInfo { .. } => Command::DeviceGetIrqInfo,
            Self::DeviceSetIrqs(_) => Command::DeviceSetIrqs,
            Self::RegionRead(_) => Command::RegionRead,
            Self::RegionWrite(_) => Command::RegionWrite,
            Self::RegionWriteMulti(_) => Command::RegionWriteMulti,
            Self::DmaRead(_) => Command::DmaRead,
            Self::DmaWrite { .. } => Command::DmaWrite,
            Self::DeviceReset => Command::DeviceReset,
            Self::DeviceFeature(_) => Command::DeviceFeature,
            Self::MigDataRead { .. } => Command::MigDataRead,
            Self::MigDataWrite(_) => Command::MigDataWrite,
        }
    }

    /// Reads the body of a request that `fds` file descriptors came with.
    ///
    /// # Errors
    ///
    /// The message is not one of the protocol, or asks for more than the limits. The next message can
    /// be read in any case, and [`DecodeError::errno`] is what to answer if an answer is wanted.
    pub fn decode(header: &Header, body: &'a [u8], fds: usize, limits: &Limits) -> Result<Self, DecodeError> {
        if !matches!(header.kind, Kind::Command { .. }) {
            return Err(DecodeError::new("request", DecodeErrorKind::Direction));
        }
        let command = Command::from_number(header.command)?;
        check_fds(command, fds)?;
        match command {
            Command::Version => Version::decode(body).map(Self::Version),
            Command::DmaMap => DmaMap::decode(body).map(Self::DmaMap),
            Command::DmaUnmap => DmaUnmap::decode(body).map(Self::DmaUnmap),
            Command::DeviceSetIrqs => SetIrqs::decode(body, fds).map(Self::DeviceSetIrqs),
            Command::RegionWrite => RegionData::decode("REGION_WRITE", body, limits).map(Self::RegionWrite),
            Command::RegionWriteMulti => MultiWrite::decode(body, limits).map(Self::RegionWriteMulti),
            Command::DmaWrite => {
                let (address, data) = DmaAccess::decode_with_data("DMA_WRITE", body, limits)?;
                Ok(Self::DmaWrite { address, data })
            }
            Command::DeviceReset => wire::exactly("DEVICE_RESET", body, 0).map(|()| Self::DeviceReset),
            Command::DeviceFeature => DeviceFeature::decode(body).map(Self::DeviceFeature),
            Command::MigDataWrite => decode_mig_data_write(body, limits),
            _ => Self::decode_query(command, body, limits),
        }
    }

    /// The requests that only ask for something.
    fn decode_query(command: Command, body: &'a [u8], limits: &Limits) -> Result<Self, DecodeError> {
        match command {
            Command::DeviceGetInfo => decode_get_info(body),
            Command::DeviceGetRegionInfo => decode_get_region_info(body),
            Command::DeviceGetRegionIoFds => {
                let (argsz, index) = decode_index("DEVICE_GET_REGION_IO_FDS", body)?;
                Ok(Self::DeviceGetRegionIoFds { argsz, index })
            }
            Command::DeviceGetIrqInfo => {
                let (argsz, index) = decode_index("DEVICE_GET_IRQ_INFO", body)?;
                Ok(Self::DeviceGetIrqInfo { argsz, index })
            }
            Command::RegionRead => {
                let (access, rest) = RegionAccess::decode("REGION_READ", body, limits)?;
                wire::exactly("REGION_READ", rest, 0)?;
                Ok(Self::RegionRead(access))
            }
            Command::DmaRead => {
                let (access, rest) = DmaAccess::decode("DMA_READ", body, limits)?;
                wire::exactly("DMA_READ", rest, 0)?;
                Ok(Self::DmaRead(access))
            }
            Command::MigDataRead => {
                let wire = wire::whole::<wire::MigData>("MIG_DATA_READ", body)?;
                let (argsz, size) = (wire.argsz.get(), wire.size.get());
                limits.transfer("MIG_DATA_READ", u64::from(size))?;
                Ok(Self::MigDataRead { argsz: wire::argsz(argsz, size_of::<wire::MigData>())?, size })
            }
            other => Err(DecodeError::new("command", DecodeErrorKind::UnknownCommand(other.number()))),
        }
    }

    /// Writes the whole message to the start of `out` and returns its length, in bytes.
    ///
    /// # Errors
    ///
    /// The buffer is too small, or the message longer than a header can say.
    pub fn encode(&self, id: u16, no_reply: bool, out: &mut [u8]) -> Result<usize, EncodeError> {
        let header = Header::request(id, self.command(), no_reply);
        writer::message(out, header, |out| self.encode_body(out))
    }

    fn encode_body(&self, out: &mut Writer<'_>) {
        match *self {
            Self::Version(version) => version.encode(out),
            Self::DmaMap(map) => map.encode(out),
            Self::DmaUnmap(unmap) => unmap.encode(out),
            Self::DeviceGetInfo { argsz } => out.value(&wire::DeviceInfo {
                argsz: argsz.into(),
                flags: 0.into(),
                regions: 0.into(),
                irqs: 0.into(),
            }),
            Self::DeviceGetRegionInfo { argsz, index } => out.value(&wire::RegionInfo {
                argsz: argsz.into(),
                flags: 0.into(),
                index: index.into(),
                cap_offset: 0.into(),
                size: 0.into(),
                offset: 0.into(),
            }),
            Self::DeviceGetRegionIoFds { argsz, index } | Self::DeviceGetIrqInfo { argsz, index } => {
                out.value(&wire::IndexCount {
                    argsz: argsz.into(),
                    flags: 0.into(),
                    index: index.into(),
                    count: 0.into(),
                });
            }
            Self::DeviceSetIrqs(set) => set.encode(out),
            Self::RegionRead(access) => access.encode(out),
            Self::RegionWrite(write) => write.encode(out),
            Self::RegionWriteMulti(writes) => MultiWrite::encode_all(writes, out),
            Self::DmaRead(access) => access.encode(out),
            Self::DmaWrite { address, data } => {
                DmaAccess { address, count: data.len() as u64 }.encode(out);
                out.bytes(data);
            }
            Self::DeviceReset => {}
            Self::DeviceFeature(feature) => feature.encode(out),
            Self::MigDataRead { argsz, size } => {
                out.value(&wire::MigData { argsz: argsz.into(), size: size.into() });
            }
            Self::MigDataWrite(data) => encode_mig_data(data, out),
        }
    }
}

/// A file descriptor that nobody expects would stay open for ever.
fn check_fds(command: Command, fds: usize) -> Result<(), DecodeError> {
    let allowed = match command {
        Command::DmaMap => 1,
        // Its own count says how many.
        Command::DeviceSetIrqs => return Ok(()),
        _ => 0,
    };
    if fds > allowed {
        let kind = DecodeErrorKind::Fds { found: fds, allowed };
        return Err(DecodeError::new(command.name(), kind));
    }
    Ok(())
}

fn decode_get_info(body: &[u8]) -> Result<Request<'_>, DecodeError> {
    const WHAT: &str = "DEVICE_GET_INFO";
    let wire = wire::whole::<wire::DeviceInfo>(WHAT, body)?;
    for field in [wire.flags, wire.regions, wire.irqs] {
        wire::zero(WHAT, u64::from(field.get()))?;
    }
    Ok(Request::DeviceGetInfo { argsz: wire::argsz(wire.argsz.get(), size_of::<wire::DeviceInfo>())? })
}

fn decode_get_region_info(body: &[u8]) -> Result<Request<'_>, DecodeError> {
    const WHAT: &str = "DEVICE_GET_REGION_INFO";
    let wire = wire::whole::<wire::RegionInfo>(WHAT, body)?;
    for field in [wire.flags.get().into(), wire.cap_offset.get().into(), wire.size.get(), wire.offset.get()] {
        wire::zero(WHAT, field)?;
    }
    let argsz = wire::argsz(wire.argsz.get(), size_of::<wire::RegionInfo>())?;
    Ok(Request::DeviceGetRegionInfo { argsz, index: wire.index.get() })
}

fn decode_index(what: &'static str, body: &[u8]) -> Result<(u32, u32), DecodeError> {
    let wire = wire::whole::<wire::IndexCount>(what, body)?;
    for field in [wire.flags, wire.count] {
        wire::zero(what, u64::from(field.get()))?;
    }
    Ok((wire::argsz(wire.argsz.get(), size_of::<wire::IndexCount>())?, wire.index.get()))
}

fn decode_mig_data_write<'a>(body: &'a [u8], limits: &Limits) -> Result<Request<'a>, DecodeError> {
    Ok(Request::MigDataWrite(decode_mig_data("MIG_DATA_WRITE", body, limits)?))
}

/// `argsz` is the room for a reply in one direction and the length of the message in the other; the
/// size says all there is to know.
pub(super) fn decode_mig_data<'a>(
    what: &'static str,
    body: &'a [u8],
    limits: &Limits,
) -> Result<&'a [u8], DecodeError> {
    let (wire, data) = wire::head::<wire::MigData>(what, body)?;
    limits.transfer(what, u64::from(wire.size.get()))?;
    wire::exactly(what, data, u64::from(wire.size.get()))?;
    Ok(data)
}

pub(super) fn encode_mig_data(data: &[u8], out: &mut Writer<'_>) {
    let argsz = size_of::<wire::MigData>().saturating_add(data.len());
    out.value(&wire::MigData { argsz: (argsz as u32).into(), size: (data.len() as u32).into() });
    out.bytes(data);
}
