//! An initramfs: the "newc" form of cpio (Linux, Documentation/driver-api/early-userspace/buffer-format.rst).

use std::collections::BTreeSet;

/// What a name stands for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Entry<'a> {
    /// A file with these bytes; `true` if it may be run.
    File(&'a [u8], bool),
    /// A symbolic link to this path.
    Link(&'a str),
    /// A character device with these numbers.
    Device(u32, u32),
}

/// An archive in memory. Folders of the entries are made as they are needed.
#[derive(Debug, Default)]
pub(super) struct Archive {
    bytes: Vec<u8>,
    folders: BTreeSet<String>,
    number: u32,
}

impl Archive {
    /// Adds `entry` as `path`, which is absolute.
    pub(super) fn add(&mut self, path: &str, entry: Entry<'_>) {
        let path = path.trim_start_matches('/');
        self.add_folders_of(path);
        match entry {
            Entry::File(bytes, runs) => {
                self.put(path, if runs { 0o100_755 } else { 0o100_644 }, (0, 0), bytes);
            }
            Entry::Link(target) => self.put(path, 0o120_777, (0, 0), target.as_bytes()),
            Entry::Device(major, minor) => self.put(path, 0o020_600, (major, minor), &[]),
        }
    }

    /// The archive with its end mark.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.put("TRAILER!!!", 0, (0, 0), &[]);
        self.bytes
    }

    fn add_folders_of(&mut self, path: &str) {
        for (end, _) in path.match_indices('/') {
            let folder = path[..end].to_owned();
            if self.folders.insert(folder.clone()) {
                self.put(&folder, 0o040_755, (0, 0), &[]);
            }
        }
    }

    fn put(&mut self, path: &str, mode: u32, device: (u32, u32), bytes: &[u8]) {
        self.number += 1;
        let length = u32::try_from(bytes.len()).unwrap_or_else(|_| panic!("{path} is larger than 4 GiB"));
        // Inode, mode, owner, group, links, time, length, device of the file, device it is, length of the name, sum.
        let fields =
            [self.number, mode, 0, 0, 1, 0, length, 0, 0, device.0, device.1, path.len() as u32 + 1, 0];
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            self.bytes.extend_from_slice(format!("{field:08x}").as_bytes());
        }
        self.bytes.extend_from_slice(path.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(bytes);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        process::{Command, Stdio},
    };

    use super::*;
    use crate::shell;

    fn sample() -> Vec<u8> {
        let mut archive = Archive::default();
        archive.add("/dev/console", Entry::Device(5, 1));
        archive.add("/bin/a", Entry::File(b"12345", true));
        archive.add("/bin/b", Entry::Link("a"));
        archive.add("/etc/x/y", Entry::File(b"", false));
        archive.finish()
    }

    #[test]
    fn headers_and_contents_are_on_four_byte_boundaries() {
        let bytes = sample();
        assert_eq!(bytes.len() % 4, 0);
        let places: Vec<_> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(b"070701")).collect();
        // dev, dev/console, bin, bin/a, bin/b, etc, etc/x, etc/x/y and the end mark.
        assert_eq!(places.len(), 9);
        assert!(places.iter().all(|at| at % 4 == 0));
        let text = bytes.windows(5).position(|window| window == b"12345").unwrap();
        assert_eq!(text % 4, 0);
    }

    #[test]
    fn the_cpio_program_reads_it() {
        if !shell::exists("cpio") {
            eprintln!("not checked: this machine has no cpio");
            return;
        }
        let mut command = Command::new("cpio");
        command.args(["-itv", "--quiet"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(&sample()).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success());
        assert!(text.contains("crw-------   1 root     root       5,   1"), "{text}");
        assert!(text.contains("bin/b -> a"), "{text}");
        assert_eq!(text.lines().count(), 8);
    }
}
