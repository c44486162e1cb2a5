//! Names the shared library: programs that are linked with it ask for `libnova_c.so.0`.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libnova_c.so.0");
}
