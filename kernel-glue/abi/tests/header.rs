//! The header, as a C compiler sees it, against the Rust side: sizes, offsets, numbers, constants.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use nova_abi::{
    ABI_VERSION, Alarm, Call, Debug, FOREVER, Field, IOCTL_TYPE, Info, IrqCounts, IrqSource, Layout,
    MAX_IRQ_SOURCES, ReadReg, Time, WaitIrq,
};

/// What C has to say: an expression, and the number that Rust has for it.
type Facts = Vec<(String, u64)>;

fn call<C: Call + Layout>(facts: &mut Facts, name: &str, command: &str) {
    facts.push((format!("sizeof(struct {name})"), C::SIZE as u64));
    facts.push((command.to_owned(), C::COMMAND.into()));
    for (field, offset, size) in C::LAYOUT {
        facts.push((format!("offsetof(struct {name}, {field})"), *offset as u64));
        facts.push((format!("sizeof(((struct {name} *)0)->{field})"), *size as u64));
    }
    let last = C::LAYOUT.last().map_or(0, |(_, offset, size)| offset + size);
    assert_eq!(last, C::SIZE, "{name} has a hole at its end");
    assert!(C::OLDEST <= C::SIZE && C::LAYOUT.iter().any(|(_, offset, size)| offset + size == C::OLDEST));
}

fn facts() -> Facts {
    let mut facts = Facts::new();
    call::<Info>(&mut facts, "nova_info", "NOVA_GET_INFO");
    call::<Time>(&mut facts, "nova_time", "NOVA_GET_TIME");
    call::<Alarm>(&mut facts, "nova_alarm", "NOVA_WAIT_ALARM");
    call::<WaitIrq>(&mut facts, "nova_wait_irq", "NOVA_WAIT_IRQ");
    call::<IrqCounts>(&mut facts, "nova_irq", "NOVA_GET_IRQ");
    call::<ReadReg>(&mut facts, "nova_read_reg", "NOVA_READ_REG");
    call::<Debug>(&mut facts, "nova_debug", "NOVA_DEBUG");
    let constants: [(&str, u64); 24] = [
        ("sizeof(struct nova_irq_source)", IrqSource::LEN as u64),
        ("offsetof(struct nova_irq_source, count)", 4),
        ("NOVA_ABI_VERSION", ABI_VERSION.into()),
        ("NOVA_IOCTL_TYPE", IOCTL_TYPE.into()),
        ("NOVA_FOREVER", FOREVER),
        ("NOVA_STATE_BOUND", Info::BOUND.into()),
        ("NOVA_STATE_SUSPENDED", Info::SUSPENDED.into()),
        ("NOVA_CAP_DEBUG", Info::CAP_DEBUG.into()),
        ("NOVA_TIME_PTIMER", Time::PTIMER.into()),
        ("NOVA_ALARM_RELATIVE", Alarm::RELATIVE.into()),
        ("NOVA_IRQ_VECTOR", IrqSource::VECTOR.into()),
        ("NOVA_IRQ_PMC", IrqSource::PMC.into()),
        ("NOVA_MAX_IRQ_SOURCES", MAX_IRQ_SOURCES as u64),
        ("NOVA_DEBUG_LOAD", Debug::LOAD.into()),
        ("NOVA_DEBUG_TRIGGER", Debug::TRIGGER.into()),
        ("NOVA_DEBUG_BLOCK", Debug::BLOCK.into()),
        ("NOVA_DEBUG_STORM", Debug::STORM.into()),
        ("NOVA_DEBUG_PACE", Debug::PACE.into()),
        ("NOVA_DEBUG_READ", Debug::READ.into()),
        ("NOVA_DEBUG_WRITE", Debug::WRITE.into()),
        ("NOVA_DEBUG_8_BITS", Debug::BITS_8.into()),
        ("NOVA_DEBUG_16_BITS", Debug::BITS_16.into()),
        ("NOVA_DEBUG_32_BITS", Debug::BITS_32.into()),
        ("_Alignof(struct nova_irq)", 4),
    ];
    facts.extend(constants.map(|(what, value)| (what.to_owned(), value)));
    facts
}

#[test]
fn c_and_rust_agree() {
    let facts = facts();
    let mut program =
        String::from("#include <stddef.h>\n#include <stdio.h>\n#include <nova.h>\nint main(void) {\n");
    for (what, _) in &facts {
        writeln!(program, "\tprintf(\"%llu\\n\", (unsigned long long)({what}));").unwrap();
    }
    program.push_str("\treturn 0;\n}\n");

    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (source, binary) = (folder.join("header.c"), folder.join("header"));
    std::fs::write(&source, program).unwrap();
    let header = concat!(env!("CARGO_MANIFEST_DIR"), "/../include/uapi");
    let strict = ["-std=c11", "-Wall", "-Wextra", "-Wpadded", "-Wpedantic", "-Werror"];
    let mut cc = Command::new("cc");
    let built = cc.args(strict).arg("-I").arg(header).arg(&source).arg("-o").arg(&binary).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));

    let output = Command::new(&binary).output().unwrap();
    let said: Vec<u64> =
        String::from_utf8(output.stdout).unwrap().lines().map(|n| n.parse().unwrap()).collect();
    assert_eq!(said.len(), facts.len());
    for ((what, rust), c) in facts.iter().zip(said) {
        assert_eq!(*rust, c, "{what}: Rust has {rust}, C has {c}");
    }
    println!("{} sizes, offsets, numbers and constants are the same in C and in Rust", facts.len());
}
