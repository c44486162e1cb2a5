//! One request to a control socket, and its answer.

use std::io::{self, BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use nova_sim_glue::serve::control::{Answer, Request, Response};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use crate::error::{Code, Error, Result};

/// How long a server may take to answer; it needs microseconds.
const PATIENCE: Duration = Duration::from_secs(5);
/// More than any answer has.
const LONGEST_ANSWER: u64 = 64 << 10;

/// Asks the server that listens at `path`.
///
/// # Errors
///
/// When there is none, it does not answer, or it refuses.
pub(super) fn ask(path: &Path, request: &Request) -> Result<Answer> {
    let stream = connect(path).map_err(|errno| explain(path, "reach", &errno.into()))?;
    let line = say(stream, request).map_err(|error| explain(path, "ask", &error))?;
    let response = serde_json::from_str(&line).map_err(|error| {
        let what = format!("{} does not answer as a control socket: {error}", path.display());
        Error::new(Code::Refused, what).next("nova sim serve --help")
    })?;
    match response {
        Response::Ok(answer) => Ok(answer),
        Response::Error(why) => Err(Error::new(Code::Refused, why).next("nova sim ctl --help")),
    }
}

/// Connects at once or not at all: a server that is busy does not keep us waiting.
fn connect(path: &Path) -> Result<UnixStream, Errno> {
    let address = SocketAddrUnix::new(path)?;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    rustix::net::connect(&socket, &address)?;
    Ok(socket.into())
}

fn say(mut stream: UnixStream, request: &Request) -> io::Result<String> {
    let end = Instant::now() + PATIENCE;
    stream.set_nonblocking(false)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut text = serde_json::to_string(request)?;
    text.push('\n');
    stream.write_all(text.as_bytes())?;
    let mut line = Vec::new();
    let mut reader = BufReader::new(stream);
    // One byte now and then would otherwise reset the clock for ever.
    while line.last() != Some(&b'\n') {
        let left = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero());
        let left = left.ok_or(ErrorKind::TimedOut)?;
        reader.get_ref().set_read_timeout(Some(left))?;
        let room = LONGEST_ANSWER - line.len() as u64;
        let got = reader.fill_buf()?.len() as u64;
        if got == 0 || room == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        reader.by_ref().take(got.min(room)).read_until(b'\n', &mut line)?;
    }
    String::from_utf8(line).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
}

fn explain(path: &Path, action: &str, error: &io::Error) -> Error {
    let show = path.display();
    let serve = format!("nova sim serve --control {show} --socket PATH");
    let (code, why, next) = match error.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => {
            (Code::NoDevice, "nobody serves a GPU there".to_owned(), serve)
        }
        ErrorKind::PermissionDenied => (Code::Permission, error.to_string(), format!("ls -l {show}")),
        ErrorKind::InvalidFilename => {
            (Code::Usage, error.to_string(), "a path of less than 108 bytes".to_owned())
        }
        ErrorKind::WouldBlock | ErrorKind::TimedOut => {
            let why = format!("no answer within {} s", PATIENCE.as_secs());
            (Code::Timeout, why, "nova sim ctl --help".to_owned())
        }
        ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => {
            (Code::NoDevice, "the server has hung up".to_owned(), serve)
        }
        _ => (Code::Refused, error.to_string(), format!("ls -l {show}")),
    };
    Error::new(code, format!("cannot {action} {show}: {why}")).next(next)
}
