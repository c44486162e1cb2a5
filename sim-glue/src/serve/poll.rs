//! What the loop sleeps on.

use std::os::fd::{AsFd, OwnedFd};

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;

/// Who wants something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    /// A handle.
    Wake,
    /// The timer.
    Timer,
    /// The client's eventfd that unmasks the wire.
    Unmask,
    /// The client.
    Client,
    /// Somebody connects.
    Listener,
    /// Somebody connects to the control socket.
    Control,
    /// A client that is being turned away.
    Guest(u8),
    /// A connection to the control socket.
    Line(u8),
}

impl Token {
    const fn number(self) -> u64 {
        match self {
            Self::Wake => 0,
            Self::Timer => 1,
            Self::Unmask => 2,
            Self::Client => 3,
            Self::Listener => 4,
            Self::Control => 5,
            Self::Guest(which) => 0x100 + which as u64,
            Self::Line(which) => 0x200 + which as u64,
        }
    }

    const fn from_number(number: u64) -> Self {
        match number {
            0 => Self::Wake,
            1 => Self::Timer,
            2 => Self::Unmask,
            3 => Self::Client,
            4 => Self::Listener,
            5 => Self::Control,
            0x100..0x200 => Self::Guest(number as u8),
            _ => Self::Line(number as u8),
        }
    }
}

/// What a connection is watched for. That it ends is always seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interest {
    /// Its end only.
    End,
    /// Something to read.
    Read,
    /// Room to write.
    Write,
}

/// An epoll.
#[derive(Debug)]
pub(super) struct Poll(OwnedFd);

impl Poll {
    /// Events at a time.
    pub(super) const MOST: usize = 16;

    pub(super) fn new() -> Result<Self, Errno> {
        epoll::create(CreateFlags::CLOEXEC).map(Self)
    }

    /// Watches for something to read.
    pub(super) fn add(&self, fd: impl AsFd, token: Token) -> Result<(), Errno> {
        epoll::add(&self.0, fd, EventData::new_u64(token.number()), EventFlags::IN)
    }

    pub(super) fn change(&self, fd: impl AsFd, token: Token, interest: Interest) -> Result<(), Errno> {
        let flags = match interest {
            Interest::End => EventFlags::empty(),
            Interest::Read => EventFlags::IN,
            Interest::Write => EventFlags::OUT,
        };
        epoll::modify(&self.0, fd, EventData::new_u64(token.number()), flags)
    }

    /// Watches no longer. Closing alone is not enough where somebody else has the same file open.
    pub(super) fn remove(&self, fd: impl AsFd) {
        // It fails for what was never watched.
        let _ = epoll::delete(&self.0, fd);
    }

    /// Sleeps until somebody wants something.
    pub(super) fn wait(&self, tokens: &mut Vec<Token>) -> Result<(), Errno> {
        let mut space = [Event { flags: EventFlags::empty(), data: EventData::new_u64(0) }; Self::MOST];
        let count = match epoll::wait(&self.0, &mut space, None) {
            Ok(count) => count,
            Err(Errno::INTR) => 0,
            Err(error) => return Err(error),
        };
        tokens.extend(space.iter().take(count).map(|event| {
            let data = event.data;
            Token::from_number(data.u64())
        }));
        Ok(())
    }
}
