//! The header, as a C compiler sees it, against the Rust side: sizes, offsets, constants; and as C++.

use std::fmt::Write as _;
use std::mem::offset_of;
use std::path::Path;
use std::process::Command;

use nova_c::{DERIVED_BOOT0, DERIVED_BOOT42, Kind, MESSAGE_SIZE, NovaError, NovaInfo};

/// Offset and size of a member.
macro_rules! member {
    ($facts:ident, $rust:ident, $c:literal, $($field:ident)*) => {$(
        let size = {
            const fn of<T, F>(_: fn(&T) -> &F) -> usize { size_of::<F>() }
            of(|it: &$rust| &it.$field)
        };
        $facts.push((format!("offsetof({}, {})", $c, stringify!($field)), offset_of!($rust, $field)));
        $facts.push((format!("sizeof((({} *)0)->{})", $c, stringify!($field)), size));
    )*};
}

fn facts() -> Vec<(String, usize)> {
    let mut facts = Vec::new();
    member!(facts, NovaError, "struct nova_error", kind message);
    member!(facts, NovaInfo, "struct nova_info", size boot0 boot42 derived bar0_size pci_vendor pci_device pci_class
        chip architecture family revision);
    let constants = [
        ("sizeof(struct nova_error)", size_of::<NovaError>()),
        ("sizeof(struct nova_info)", size_of::<NovaInfo>()),
        ("_Alignof(struct nova_info)", align_of::<NovaInfo>()),
        ("NOVA_MESSAGE_SIZE", MESSAGE_SIZE),
        ("NOVA_DERIVED_BOOT0", DERIVED_BOOT0 as usize),
        ("NOVA_DERIVED_BOOT42", DERIVED_BOOT42 as usize),
        ("NOVA_ERROR_NOT_FOUND", Kind::NOT_FOUND as usize),
        ("NOVA_ERROR_ARGUMENT", Kind::ARGUMENT as usize),
        ("NOVA_ERROR_NO_DEVICE", Kind::NO_DEVICE as usize),
        ("NOVA_ERROR_PERMISSION", Kind::PERMISSION as usize),
        ("NOVA_ERROR_REFUSED", Kind::REFUSED as usize),
        ("NOVA_ERROR_TIMEOUT", Kind::TIMEOUT as usize),
        ("NOVA_ERROR_HARDWARE", Kind::HARDWARE as usize),
        ("NOVA_ERROR_INTERNAL", Kind::INTERNAL as usize),
    ];
    facts.extend(constants.map(|(what, value)| (what.to_owned(), value)));
    facts
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn c_and_rust_agree() {
    let facts = facts();
    let mut program =
        String::from("#include <stddef.h>\n#include <stdio.h>\n#include <nova-c/nova.h>\nint main(void) {\n");
    for (what, _) in &facts {
        writeln!(program, "\tprintf(\"%zu\\n\", (size_t)({what}));").unwrap();
    }
    program.push_str("\treturn 0;\n}\n");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (source, binary) = (folder.join("nova_c_header.c"), folder.join("nova_c_header"));
    std::fs::write(&source, program).unwrap();
    let include = concat!(env!("CARGO_MANIFEST_DIR"), "/include");
    let strict = ["-std=c11", "-Wall", "-Wextra", "-Wpadded", "-Wpedantic", "-Werror"];
    run(Command::new("cc").args(strict).args(["-I", include]).arg(&source).arg("-o").arg(&binary));

    let said = run(&mut Command::new(&binary));
    let said: Vec<usize> = said.lines().map(|number| number.parse().unwrap()).collect();
    assert_eq!(said.len(), facts.len());
    for ((what, rust), c) in facts.iter().zip(said) {
        assert_eq!(*rust, c, "{what}: Rust has {rust}, C has {c}");
    }
}
