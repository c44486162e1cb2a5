//! The loop: one thread that sleeps until somebody wants something or the GPU does something by itself.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;

use super::client::{Client, Turn};
use super::clock::{self, Timer};
use super::control::{Request, Response};
use super::device::Device;
use super::doors::Doors;
use super::faults::Order;
use super::poll::{Poll, Token};
use super::registers::Registers;
use super::shared::Shared;
use super::stats::{Counters, ServeStats};
use super::{ServeError, ServeOptions};
use crate::gpu::Gpu;
use crate::memory::SystemMemory;

/// A served GPU. [`Server::run`] serves until a [`Handle`] stops it.
pub struct Server {
    shared: Arc<Shared>,
    device: Device,
    poll: Poll,
    timer: Timer,
    doors: Doors,
    client: Option<Client>,
    /// In ns.
    patience: u64,
}

impl Server {
    /// A server that listens at `path`.
    ///
    /// # Errors
    ///
    /// When the options cannot be, somebody listens there, or the system refuses.
    pub fn bind(path: &Path, options: &ServeOptions) -> Result<Self, ServeError> {
        Self::new(Some(path), options)
    }

    /// A server that listens nowhere: it serves connections that [`Handle::attach`] brings.
    ///
    /// # Errors
    ///
    /// When the options cannot be, or the system refuses.
    pub fn unbound(options: &ServeOptions) -> Result<Self, ServeError> {
        Self::new(None, options)
    }

    fn new(path: Option<&Path>, options: &ServeOptions) -> Result<Self, ServeError> {
        let gpu = options.spec.gpu(clock::now());
        gpu.with(|gpu| gpu.fit(&options.pci))?;
        let shared = Arc::new(Shared::new(gpu).map_err(ServeError::system("make an eventfd"))?);
        shared.faults().frozen = options.spec.hung_timer;
        let registers = Registers::new(&shared.gpu, &shared.injector, &options.spec.faults)?;
        let device = Device::new(&shared, registers, options.mappable)
            .map_err(ServeError::system("make memory for the windows"))?;
        let poll = Poll::new().map_err(ServeError::system("make an epoll"))?;
        let timer = Timer::new().map_err(ServeError::system("make a timer"))?;
        let watch = ServeError::system("watch a file descriptor");
        poll.add(&shared.wake, Token::Wake).map_err(&watch)?;
        poll.add(&timer, Token::Timer).map_err(&watch)?;
        let patience = u64::try_from(options.patience.as_nanos()).unwrap_or(u64::MAX);
        let doors = Doors::open(path, options, &poll, patience)?;
        shared.gpu.connect_memory(shared.memory.clone());
        Ok(Self { shared, device, poll, timer, doors, client: None, patience })
    }

    /// What goes on beside the loop; as many as are wanted.
    pub fn handle(&self) -> Handle {
        Handle { shared: self.shared.clone() }
    }

    /// Serves until it is stopped. The sockets are removed then.
    ///
    /// # Errors
    ///
    /// When the system refuses what the loop lives from; clients cannot bring that about.
    pub fn run(mut self) -> Result<(), ServeError> {
        let mut events = Vec::with_capacity(Poll::MOST);
        while !self.shared.stop.load(Relaxed) {
            let next = self.prepare();
            self.timer.set(next).map_err(ServeError::system("set a timer"))?;
            self.poll.wait(&mut events).map_err(ServeError::system("wait"))?;
            Counters::add(&self.shared.counters.wakeups);
            for token in events.drain(..) {
                self.turn(token)?;
            }
        }
        self.drop_client()
    }

    /// Serves on a thread of its own.
    ///
    /// # Errors
    ///
    /// When the system has no thread left.
    pub fn spawn(self) -> Result<Running, ServeError> {
        let handle = self.handle();
        let thread = std::thread::Builder::new().name("nova-sim-serve".to_owned()).spawn(move || self.run());
        let thread = thread.map_err(|source| ServeError::System { action: "start a thread", source })?;
        Ok(Running { handle, thread: Some(thread) })
    }

    /// Everything that is due; gives the time at which there is more.
    fn prepare(&mut self) -> Option<u64> {
        let now = clock::now();
        let storm = self.storm(now);
        let gpu = self.device.settle();
        let client = self.client.as_ref().and_then(|client| client.deadline(self.patience));
        [storm, gpu, client, self.doors.deadline()].into_iter().flatten().min()
    }

    fn turn(&mut self, token: Token) -> Result<(), ServeError> {
        match token {
            Token::Wake => self.woken()?,
            Token::Timer => {
                self.timer.take();
                self.expired()?;
            }
            Token::Unmask => self.device.irqs().unmasked(),
            Token::Client => self.client_turn()?,
            Token::Listener | Token::Control | Token::Guest(_) | Token::Line(_) => {
                let busy = self.is_busy()?;
                if let Some(stream) = self.doors.turn(token, &self.poll, &self.shared, busy) {
                    self.admit(stream);
                }
            }
        }
        Ok(())
    }

    /// Somebody else has changed something.
    fn woken(&mut self) -> Result<(), ServeError> {
        self.shared.take_wake();
        loop {
            let Some(stream) = self.shared.incoming().pop_front() else { break };
            if self.is_busy()? {
                self.doors.turn_away(stream, &self.poll, &self.shared);
            } else {
                self.admit(stream);
            }
        }
        let orders = self.shared.faults().take_orders();
        for order in orders {
            match order {
                Order::Signal(index) => {
                    self.device.irqs().signal(index, 0);
                }
                Order::Disconnect => self.drop_client()?,
            }
        }
        Ok(())
    }

    fn expired(&mut self) -> Result<(), ServeError> {
        let now = clock::now();
        self.doors.expire(now, &self.poll);
        let Some(client) = &mut self.client else { return Ok(()) };
        if client.is_late(now, self.patience) {
            Counters::add(&self.shared.counters.stalled);
            return self.drop_client();
        }
        if client.is_due(now) { self.client_turn() } else { Ok(()) }
    }

    /// Whether a client is there. One that has left, which was not noticed so far, is not: somebody who leaves and comes
    /// back at once is served.
    fn is_busy(&mut self) -> Result<bool, ServeError> {
        // What it sent before it left is finite, and an answer fails: this ends.
        while self.client.as_ref().is_some_and(Client::is_gone) {
            self.client_turn()?;
        }
        Ok(self.client.is_some())
    }

    fn admit(&mut self, stream: UnixStream) {
        // A connection that cannot be set up is closed by dropping it.
        if let Ok(client) = Client::new(stream, &self.poll) {
            Counters::add(&self.shared.counters.clients);
            self.shared.connected.store(true, Relaxed);
            self.device.welcome();
            self.client = Some(client);
        }
    }

    fn client_turn(&mut self) -> Result<(), ServeError> {
        let Some(client) = &mut self.client else { return Ok(()) };
        match client.turn(&mut self.device, &self.poll, &self.shared) {
            Turn::Stay => Ok(()),
            Turn::Leave => self.drop_client(),
            Turn::OutOfStep => {
                Counters::add(&self.shared.counters.out_of_step);
                self.drop_client()
            }
        }
    }

    fn drop_client(&mut self) -> Result<(), ServeError> {
        let Some(client) = self.client.take() else { return Ok(()) };
        self.device.renew().map_err(ServeError::system("make memory for the windows"))?;
        // What was asked of this client is not the next one's.
        self.shared.connected.store(false, Relaxed);
        self.shared.faults().take_orders();
        // Last, so that whoever sees the connection end finds everything done.
        client.close(&self.poll);
        Ok(())
    }

    /// A storm's interrupt that is due; gives the time of the next.
    fn storm(&mut self, now: u64) -> Option<u64> {
        let mut faults = self.shared.faults();
        let raging = faults.storm.as_mut()?;
        if raging.next <= now {
            let storm = raging.storm;
            raging.left -= 1;
            // What came too late to be counted in is not made up for.
            raging.next = now + u64::from(storm.interval_us.max(1)) * 1000;
            if storm.spurious {
                self.device.spurious();
            } else {
                self.shared.gpu.with(|gpu| gpu.raise(storm.vector));
            }
        }
        let next = raging.next;
        if raging.left == 0 {
            faults.storm = None;
            return None;
        }
        Some(next)
    }
}

/// A handle to a server, wherever its loop runs.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

impl Handle {
    /// The GPU. After a change from here that may interrupt, see [`Handle::wake`].
    pub fn gpu(&self) -> &Gpu {
        &self.shared.gpu
    }

    /// The client's memory, as the device reaches it.
    pub fn memory(&self) -> Arc<dyn SystemMemory> {
        self.shared.memory.clone()
    }

    /// Makes the loop look at the GPU again.
    pub fn wake(&self) {
        self.shared.wake();
    }

    /// Ends the loop; a client that is connected is cut off. Returns at once.
    pub fn stop(&self) {
        self.shared.stop();
    }

    /// Serves a connection, or turns it away while another is there.
    pub fn attach(&self, stream: UnixStream) {
        self.shared.incoming().push_back(stream);
        self.shared.wake();
    }

    /// Does what the control socket would do.
    pub fn control(&self, request: &Request) -> Response {
        self.shared.execute(request).into()
    }

    /// What was counted.
    pub fn stats(&self) -> ServeStats {
        self.shared.stats()
    }
}

/// A server on a thread of its own; stopped when dropped.
pub struct Running {
    handle: Handle,
    thread: Option<JoinHandle<Result<(), ServeError>>>,
}

impl Running {
    /// A handle to it.
    pub const fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Stops it and waits for its end.
    ///
    /// # Errors
    ///
    /// What the loop ended with.
    ///
    /// # Panics
    ///
    /// When the loop has.
    pub fn join(mut self) -> Result<(), ServeError> {
        self.handle.stop();
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            None => Ok(()),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.handle.stop();
        if let Some(thread) = self.thread.take() {
            // A panic was printed where it happened; a second one in a drop would end the process.
            let _ = thread.join();
        }
    }
}
