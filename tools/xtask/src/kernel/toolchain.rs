//! The programs that build a kernel: LLVM and some small ones as Debian packages, bindgen from crates.io, and the Rust
//! compiler of this workspace with its library source.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use anyhow::{Context, Result, bail};

use crate::{
    apt::{self, Apt},
    cache, rust_src,
    shell::{self, Shell},
    workspace,
};

/// The major version of LLVM: the newest that Debian 12 and Debian 13 both have. [`WANTED`] names it too.
const LLVM: &str = "19";

/// Version of bindgen; the kernel's `scripts/min-tool-version.sh` asks for 0.71.1 or later.
const BINDGEN: &str = "0.72.1";

/// The programs that a kernel's build starts, besides the compilers of [`LLVM`].
const SMALL: [&str; 7] = ["make", "flex", "bison", "m4", "bc", "zstd", "xz"];

/// The programs of LLVM.
const COMPILERS: [&str; 7] =
    ["clang", "ld.lld", "llvm-ar", "llvm-nm", "llvm-objcopy", "llvm-readelf", "llvm-strip"];

/// The packages with all that. Parts of LLVM that the others depend on are named as well: what this machine has installed
/// is not fetched unless it is named, and these look for one another beside themselves.
const WANTED: [&str; 15] = [
    "clang-19",
    "libclang-common-19-dev",
    "libclang-cpp19",
    "libclang1-19",
    "libllvm19",
    "lld-19",
    "llvm-19",
    "make",
    "flex",
    "bison",
    "m4",
    "bc",
    "zstd",
    "xz-utils",
    "libelf-dev",
];

/// Where Debian puts libraries and, of some packages, headers.
const LIBRARIES: &str = "usr/lib/x86_64-linux-gnu";

/// What to start for a kernel's build, and in which environment.
#[derive(Debug)]
pub(crate) struct Toolchain {
    /// The unpacked packages; none if this machine has all of them installed.
    packages: Option<PathBuf>,
    bindgen: PathBuf,
    sysroot: PathBuf,
    versions: String,
}

impl Toolchain {
    /// Finds everything, or fetches what is missing into the cache.
    pub(super) fn ensure(shell: &Shell) -> Result<Self> {
        rust_src::ensure(shell)?;
        let packages = if is_installed() { None } else { Some(packages(shell)?) };
        let bindgen = bindgen(shell)?;
        let sysroot = shell::capture(rustc().args(["--print", "sysroot"]))?;
        let mut toolchain =
            Self { packages, bindgen, sysroot: sysroot.trim().into(), versions: String::new() };
        toolchain.versions = toolchain.ask_versions()?;
        Ok(toolchain)
    }

    /// What every program that has a part in the result says of itself.
    pub(super) fn versions(&self) -> &str {
        &self.versions
    }

    /// `make` for the kernel tree or the build folder `dir`, with LLVM and on all processors.
    pub(super) fn make(&self, dir: &Path) -> Command {
        let mut command = Command::new("make");
        self.equip(&mut command);
        let jobs = thread::available_parallelism().map_or(1, usize::from);
        command.arg("-C").arg(dir).arg(format!("LLVM=-{LLVM}")).arg(format!("-j{jobs}"));
        if let Some(root) = &self.packages {
            command.arg(format!("HOSTCFLAGS=-I{}", root.join("usr/include").display()));
            command.arg(format!("HOSTLDFLAGS=-L{}", root.join(LIBRARIES).display()));
        }
        command
    }

    /// `program` in the build's environment, for makefiles that call LLVM's programs without a version: `LLVM=1`.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        self.equip(&mut command);
        let mut path = vec![self.llvm().join("bin")];
        path.extend(env::split_paths(&self.path()));
        command.env("PATH", joined(path));
        command
    }

    /// Sets the environment in which a program of the build runs.
    pub(super) fn equip(&self, command: &mut Command) {
        shell::clean(command);
        // Set by `cargo run` or a person for other builds; they would reach the kernel's.
        for name in [
            "MAKEFLAGS",
            "MFLAGS",
            "RUSTFLAGS",
            "CARGO_ENCODED_RUSTFLAGS",
            "KBUILD_OUTPUT",
            "ARCH",
            "CROSS_COMPILE",
        ] {
            command.env_remove(name);
        }
        command
            .env("PATH", self.path())
            .env("LC_ALL", "C.UTF-8")
            // Names of this machine and times would differ from build to build.
            .env("KBUILD_BUILD_TIMESTAMP", "1970-01-01")
            .env("KBUILD_BUILD_USER", "nova")
            .env("KBUILD_BUILD_HOST", "nova")
            .env("KBUILD_BUILD_VERSION", "1")
            .env("LIBCLANG_PATH", self.llvm().join("lib"));
        if let Some(root) = &self.packages {
            let mut libraries = vec![root.join(LIBRARIES), self.llvm().join("lib")];
            libraries.extend(env::var_os("LD_LIBRARY_PATH").iter().flat_map(env::split_paths));
            command
                .env("LD_LIBRARY_PATH", joined(libraries))
                .env("BISON_PKGDATADIR", root.join("usr/share/bison"))
                .env("M4", root.join("usr/bin/m4"));
        }
    }

    /// One of LLVM's programs.
    pub(super) fn llvm_tool(&self, name: &str) -> Command {
        let mut command = Command::new(self.llvm().join("bin").join(name));
        self.equip(&mut command);
        command
    }

    /// The workspace's own rustc comes first: in another folder rustup would start another one.
    fn path(&self) -> OsString {
        let mut path = vec![self.sysroot.join("bin")];
        path.extend(self.bindgen.parent().map(Path::to_owned));
        path.extend(self.packages.iter().map(|root| root.join("usr/bin")));
        path.extend(env::var_os("PATH").iter().flat_map(env::split_paths));
        joined(path)
    }

    fn llvm(&self) -> PathBuf {
        let root = self.packages.as_deref().unwrap_or_else(|| Path::new("/"));
        root.join("usr/lib").join(format!("llvm-{LLVM}"))
    }

    fn ask_versions(&self) -> Result<String> {
        let clang = format!("clang-{LLVM}");
        let linker = format!("ld.lld-{LLVM}");
        let questions: [(&str, &[&str]); 4] = [
            ("rustc", &["-vV"]),
            (&clang, &["--version"]),
            (&linker, &["--version"]),
            ("bindgen", &["--version"]),
        ];
        let mut text = String::new();
        for (program, arguments) in questions {
            let mut command = Command::new(program);
            self.equip(&mut command);
            let said = shell::capture(command.args(arguments))?;
            // Where it is installed is not part of what it is.
            said.lines()
                .filter(|line| !line.starts_with("InstalledDir"))
                .for_each(|line| text.extend([line, "\n"]));
        }
        Ok(text)
    }
}

fn joined(paths: Vec<PathBuf>) -> OsString {
    // Fails for a path with a colon in it, which then cannot be searched anyway.
    env::join_paths(paths).unwrap_or_default()
}

fn rustc() -> Command {
    let mut command = Command::new("rustc");
    command.current_dir(workspace::root());
    command
}

/// Whether this machine has all of it.
fn is_installed() -> bool {
    let compilers = COMPILERS.iter().map(|name| format!("{name}-{LLVM}"));
    let libraries =
        ["/usr/include/gelf.h".to_owned(), format!("/usr/lib/llvm-{LLVM}/lib/libclang-{LLVM}.so.1")];
    compilers.chain(SMALL.map(str::to_owned)).all(|program| shell::exists(&program))
        && libraries.iter().all(|file| Path::new(file).exists())
}

/// The packages of this machine's own Debian release, unpacked; those of another would need another libc.
fn packages(shell: &Shell) -> Result<PathBuf> {
    let entry = cache::root()?.join("kernel-tools").join(format!("llvm-{LLVM}-{}", release()?));
    if entry.exists() {
        return Ok(entry);
    }
    shell::say(&format!("fetching LLVM {LLVM} and what else builds a kernel, into {}", entry.display()));
    let apt = Apt::machine()?;
    apt.update(shell)?;
    let wanted = WANTED.map(str::to_owned);
    let found = apt.download(shell, &wanted).with_context(|| {
        format!("this release of Debian cannot give LLVM {LLVM}; where clang-{LLVM} and the like are installed they are used")
    })?;
    cache::fill(&entry, |into| {
        apt::unpack(shell, &found, into)?;
        mend_links(&into.join(LIBRARIES))?;
        // Documentation is half of the files.
        cache::remove(&into.join("usr/share/doc"))?;
        cache::remove(&into.join("usr/share/man"))
    })?;
    apt.forget_downloads()?;
    Ok(entry)
}

/// Lets the links of development packages lead to the libraries that this machine has installed: those were not
/// fetched.
fn mend_links(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let link = entry?.path();
        let Ok(target) = fs::read_link(&link) else { continue };
        let Some(name) = target.file_name().filter(|_| !link.exists()) else { continue };
        let installed = Path::new("/").join(LIBRARIES).join(name);
        if installed.exists() {
            fs::remove_file(&link)?;
            std::os::unix::fs::symlink(installed, &link)?;
        }
    }
    Ok(())
}

/// `debian-12`, say, of /etc/os-release.
fn release() -> Result<String> {
    let text =
        fs::read_to_string("/etc/os-release").context("cannot tell which release of Debian this is")?;
    let value = |name: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
        Some(value.trim().trim_matches('"').to_owned())
    };
    match (value("ID"), value("VERSION_ID")) {
        (Some(id), Some(version)) => Ok(format!("{id}-{version}")),
        (Some(id), None) => Ok(id),
        _ => bail!("/etc/os-release has no line ID="),
    }
}

/// bindgen of the wanted version: the one on the path, or in the cache, or built now.
fn bindgen(shell: &Shell) -> Result<PathBuf> {
    let entry = cache::root()?.join("bindgen").join(BINDGEN);
    let cached = entry.join("bin/bindgen");
    let on_path = env::var_os("PATH")
        .iter()
        .flat_map(env::split_paths)
        .map(|dir| dir.join("bindgen"))
        .collect::<Vec<_>>();
    if let Some(found) = on_path.into_iter().chain([cached.clone()]).find(is_wanted_bindgen) {
        return Ok(found);
    }
    shell::say(&format!(
        "installing bindgen {BINDGEN} into {} (a build of one to three minutes)",
        entry.display()
    ));
    cache::fill(&entry, |into| {
        let mut command = shell::cargo();
        // It runs for some seconds per kernel: optimising it takes longer than it saves.
        command
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
            .args(["install", "--quiet", "--locked", "--root"])
            .arg(into);
        command.env("CARGO_TARGET_DIR", into.join("target")).args(["--version", BINDGEN, "bindgen-cli"]);
        shell.run(&mut command).with_context(|| format!("cannot build bindgen {BINDGEN}"))?;
        cache::remove(&into.join("target"))
    })?;
    Ok(cached)
}

fn is_wanted_bindgen(program: &PathBuf) -> bool {
    let printed = shell::capture(Command::new(program).arg("--version"));
    printed.is_ok_and(|text| text.trim() == format!("bindgen {BINDGEN}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_packages_are_of_the_version_that_is_used() {
        let named =
            WANTED.iter().filter(|name| name.contains("clang") || name.contains("ll")).collect::<Vec<_>>();
        assert_eq!(named.len(), 7);
        assert!(named.iter().all(|name| name.contains(LLVM)), "{named:?}");
    }

    #[test]
    fn links_lead_to_what_is_installed() {
        let dir = env::temp_dir().join(format!("nova-xtask-links-{}", std::process::id()));
        cache::create(&dir).unwrap();
        // Every Linux with glibc on x86-64 Debian has this one; the other is nowhere.
        for (link, target) in [("libc.so", "libc.so.6"), ("libx.so", "libx-of-nobody.so.1")] {
            std::os::unix::fs::symlink(target, dir.join(link)).unwrap();
        }
        mend_links(&dir).unwrap();
        let installed = Path::new("/").join(LIBRARIES).join("libc.so.6");
        let expected = if installed.exists() { installed } else { "libc.so.6".into() };
        assert_eq!(fs::read_link(dir.join("libc.so")).unwrap(), expected);
        assert_eq!(fs::read_link(dir.join("libx.so")).unwrap(), Path::new("libx-of-nobody.so.1"));
        cache::remove(&dir).unwrap();
    }
}
