//! Replies: what is in the body of an answer.

use zerocopy::little_endian::U64;

use super::{
    command::Command,
    dma::{DmaAccess, DmaUnmap, DmaWritten},
    errno::Errno,
    error::{DecodeError, DecodeErrorKind, EncodeError},
    feature::DeviceFeature,
    flags::DeviceFlags,
    header::{HEADER_SIZE, Header, Kind, Limits},
    io_fds::RegionIoFds,
    irq::IrqInfo,
    region::{RegionAccess, RegionData, RegionInfo},
    request,
    version::Version,
    wire,
    writer::{self, Writer},
};

/// The reply to `DEVICE_GET_INFO`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct DeviceInfo {
    /// What the device is.
    pub flags: DeviceFlags,
    /// How many regions it has.
    pub num_regions: u32,
    /// How many types of interrupts it has.
    pub num_irqs: u32,
}

/// An answer, whose data stays in the buffer it was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply<'a> {
    /// The request failed.
    Error(Errno),
    /// The version that is spoken from now on.
    Version(Version),
    /// The memory is known.
    DmaMap,
    /// The memory is forgotten. Some peers do not say which.
    DmaUnmap(Option<DmaUnmap>),
    /// What the device is.
    DeviceGetInfo(DeviceInfo),
    /// What the region is.
    DeviceGetRegionInfo(RegionInfo<'a>),
    /// Which parts of the region KVM can watch.
    DeviceGetRegionIoFds(RegionIoFds<'a>),
    /// What the interrupts are.
    DeviceGetIrqInfo(IrqInfo),
    /// It is done.
    DeviceSetIrqs,
    /// What was read.
    RegionRead(RegionData<'a>),
    /// What was written.
    RegionWrite(RegionAccess),
    /// How many writes were done.
    RegionWriteMulti(u64),
    /// What was read.
    DmaRead {
        /// Where it begins for the device.
        address: u64,
        /// What was read.
        data: &'a [u8],
    },
    /// What was written. Some peers do not say.
    DmaWrite(Option<DmaWritten>),
    /// The device is reset.
    DeviceReset,
    /// The feature.
    DeviceFeature(DeviceFeature<'a>),
    /// The next part of the stream of migration; the last one if it is less than was asked for.
    MigDataRead(&'a [u8]),
    /// It is done.
    MigDataWrite,
}

impl<'a> Reply<'a> {
    /// Reads the body of the answer to a request with the command `sent`. `fds` file descriptors came
    /// with it.
    ///
    /// Whether it is the answer to *this* request is for the caller to see: the ids have to be equal.
    ///
    /// # Errors
    ///
    /// The message is not an answer to this command, or not one of the protocol.
    pub fn decode(
        sent: Command,
        header: &Header,
        body: &'a [u8],
        fds: usize,
        limits: &Limits,
    ) -> Result<Self, DecodeError> {
        let error = match header.kind {
            Kind::Reply => None,
            Kind::Error(errno) => Some(errno),
            Kind::Command { .. } => return Err(DecodeError::new("reply", DecodeErrorKind::Direction)),
        };
        if header.command != sent.number() {
            let kind = DecodeErrorKind::OtherMessage { sent, found: header.command };
            return Err(DecodeError::new("reply", kind));
        }
        if let Some(errno) = error {
            return wire::exactly("error reply", body, 0).map(|()| Self::Error(errno));
        }
        Self::decode_body(sent, body, fds, limits)
    }

    fn decode_body(sent: Command, body: &'a [u8], fds: usize, limits: &Limits) -> Result<Self, DecodeError> {
        let nothing = |reply| wire::exactly(sent.name(), body, 0).map(|()| reply);
        match sent {
            Command::Version => decode_version(body, fds),
            Command::DmaMap => nothing(Self::DmaMap),
            Command::DmaUnmap if body.is_empty() => Ok(Self::DmaUnmap(None)),
            Command::DmaUnmap => Ok(Self::DmaUnmap(Some(DmaUnmap::decode(body)?))),
            Command::DeviceGetInfo => decode_info(body).map(Self::DeviceGetInfo),
            Command::DeviceGetRegionInfo => RegionInfo::decode(body).map(Self::DeviceGetRegionInfo),
            Command::DeviceGetRegionIoFds => RegionIoFds::decode(body, fds).map(Self::DeviceGetRegionIoFds),
            Command::DeviceGetIrqInfo => IrqInfo::decode(body).map(Self::DeviceGetIrqInfo),
            Command::DeviceSetIrqs => nothing(Self::DeviceSetIrqs),
            Command::RegionRead => RegionData::decode("REGION_READ", body, limits).map(Self::RegionRead),
            Command::RegionWrite => {
                let (access, rest) = RegionAccess::decode("REGION_WRITE", body, limits)?;
                wire::exactly("REGION_WRITE", rest, 0)?;
                Ok(Self::RegionWrite(access))
            }
            Command::RegionWriteMulti => {
                Ok(Self::RegionWriteMulti(wire::whole::<U64>("REGION_WRITE_MULTI", body)?.get()))
            }
            Command::DmaRead => {
                let (address, data) = DmaAccess::decode_with_data("DMA_READ", body, limits)?;
                Ok(Self::DmaRead { address, data })
            }
            Command::DmaWrite => DmaWritten::decode(body, limits).map(Self::DmaWrite),
            Command::DeviceReset => nothing(Self::DeviceReset),
            Command::DeviceFeature => DeviceFeature::decode(body).map(Self::DeviceFeature),
            Command::MigDataRead => {
                request::decode_mig_data("MIG_DATA_READ", body, limits).map(Self::MigDataRead)
            }
            Command::MigDataWrite => nothing(Self::MigDataWrite),
        }
    }

    /// Writes the whole answer to `request` to the start of `out` and returns its length, in bytes.
    ///
    /// The command stays that of the request.
    ///
    /// # Errors
    ///
    /// The buffer is too small, or the message longer than a header can say.
    pub fn encode(&self, request: &Header, out: &mut [u8]) -> Result<usize, EncodeError> {
        let header = match *self {
            Self::Error(errno) => request.error(errno),
            _ => request.reply(),
        };
        writer::message(out, header, |out| self.encode_body(out))
    }

    fn encode_body(&self, out: &mut Writer<'_>) {
        match *self {
            Self::Version(version) => version.encode(out),
            Self::DmaUnmap(Some(unmap)) => unmap.encode(out),
            Self::DeviceGetInfo(info) => out.value(&wire::DeviceInfo {
                argsz: (size_of::<wire::DeviceInfo>() as u32).into(),
                flags: info.flags.bits().into(),
                regions: info.num_regions.into(),
                irqs: info.num_irqs.into(),
            }),
            Self::DeviceGetRegionInfo(info) => info.encode(out),
            Self::DeviceGetRegionIoFds(fds) => fds.encode(out),
            Self::DeviceGetIrqInfo(info) => info.encode(out),
            Self::RegionRead(read) => read.encode(out),
            Self::RegionWrite(access) => access.encode(out),
            Self::RegionWriteMulti(count) => out.value(&U64::new(count)),
            Self::DmaRead { address, data } => {
                DmaAccess { address, count: data.len() as u64 }.encode(out);
                out.bytes(data);
            }
            Self::DmaWrite(Some(written)) => written.encode(out),
            Self::DeviceFeature(feature) => feature.encode(out),
            Self::MigDataRead(data) => request::encode_mig_data(data, out),
            Self::Error(_)
            | Self::DmaMap
            | Self::DmaUnmap(None)
            | Self::DeviceSetIrqs
            | Self::DmaWrite(None)
            | Self::DeviceReset
            | Self::MigDataWrite => {}
        }
    }
}

/// The answer to a `REGION_READ`, with its data still to be filled in: the device writes into the
/// buffer that is sent.
#[derive(Debug)]
pub struct RegionReadReply<'a> {
    /// How long the whole message is, in bytes.
    pub length: usize,
    /// Where the data goes.
    pub data: &'a mut [u8],
}

impl<'a> RegionReadReply<'a> {
    /// Writes everything but the data to the start of `out`.
    ///
    /// # Errors
    ///
    /// The buffer is too small.
    pub fn begin(request: &Header, access: RegionAccess, out: &'a mut [u8]) -> Result<Self, EncodeError> {
        const HEAD: usize = HEADER_SIZE + size_of::<wire::RegionAccess>();
        let available = out.len();
        let length = HEAD.saturating_add(access.count as usize);
        let size = u32::try_from(length).map_err(|_| EncodeError::TooLong { length })?;
        writer::message(out, request.reply(), |out| access.encode(out))
            .map_err(|_| EncodeError::TooSmall { needed: length, available })?;
        let (head, data) = out
            .get_mut(..length)
            .and_then(|message| message.split_first_chunk_mut::<HEAD>())
            .ok_or(EncodeError::TooSmall { needed: length, available })?;
        if let Some(header) = head.first_chunk_mut::<HEADER_SIZE>() {
            *header = Header { size, ..request.reply() }.encode();
        }
        Ok(Self { length, data })
    }
}

fn decode_version(body: &[u8], fds: usize) -> Result<Reply<'_>, DecodeError> {
    let version = Version::decode(body)?;
    if let Some(index) = version.capabilities.twin_socket.fd_index {
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        if index as usize >= fds {
            return Err(DecodeError::new("twin_socket fd_index", DecodeErrorKind::FdIndex(index)));
        }
    }
    Ok(Reply::Version(version))
}

fn decode_info(body: &[u8]) -> Result<DeviceInfo, DecodeError> {
    let wire = wire::whole::<wire::DeviceInfo>("DEVICE_GET_INFO", body)?;
    wire::argsz(wire.argsz.get(), size_of::<wire::DeviceInfo>())?;
    let flags = DeviceFlags::decode("device flags", wire.flags.get())?;
    Ok(DeviceInfo { flags, num_regions: wire.regions.get(), num_irqs: wire.irqs.get() })
}
