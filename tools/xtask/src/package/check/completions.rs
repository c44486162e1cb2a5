//! The completions, where the package installs them, loaded by the shells that they are for.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use super::shells::Shells;
use crate::shell::{self, Shell};

/// Some of what must be offered after `nova` and after `nova trace`.
const OFFERED: [(&str, [&str; 4]); 2] =
    [("", ["info", "trace", "device", "completions"]), ("trace", ["record", "replay", "convert", "plot"])];

/// bash calls the function that is registered for `nova`, as it does when Tab is pressed.
const BASH: &str = r#"
source "$1/bash-completion/completions/nova"
set -- $(complete -p nova); while test "$1" != -F; do shift; done; function=$2
COMP_WORDS=(nova $WORD ''); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
$function nova '' "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}"
"#;

/// zsh offers through `_describe`, which needs a terminal: here it prints. The file is found by its first line.
const ZSH: &str = r#"
autoload -Uz compinit; compinit -D -u
test "$_comps[nova]" = _nova || { print -u2 "_nova is not what completes nova"; exit 1 }
source $OURS/_nova
whence -w _nova | grep -q function || exit 1
_describe() { print -rl -- "${(@P)4}" }
_nova${WORD:+__subcmd__$WORD}_commands
"#;

/// fish looks for the file by itself.
const FISH: &str = r#"complete -C"nova $WORD""#;

/// Asks all three for the commands. `root` is where the package is installed, `home` an empty folder.
pub(super) fn run(shell: &Shell, root: &Path, home: &Path) -> Result<()> {
    let share = root.join("usr/share");
    let shells = Shells::ensure(shell)?;
    // fish completes only programs that it finds.
    let path = [root.join("usr/bin"), PathBuf::from("/usr/bin"), PathBuf::from("/bin")];
    let path = std::env::join_paths(path).context("a folder with a colon in its name")?;
    for (word, offered) in OFFERED {
        // It completes after the blank.
        let after = if word.is_empty() { String::new() } else { format!("{word} ") };
        let mut bash = Command::new("bash");
        bash.args(["--norc", "-e", "-c", BASH, "bash"]).arg(&share);
        offers("bash", bash.env("WORD", word), offered)?;
        let mut zsh = shells.zsh(&share.join("zsh/vendor-completions"), ZSH);
        offers("zsh", zsh.env("WORD", word).env("HOME", home), offered)?;
        let mut fish = shells.fish(&share, FISH);
        offers("fish", fish.env("WORD", after).env("HOME", home).env("PATH", &path), offered)?;
    }
    Ok(())
}

/// Whether what the shell prints has a line for each of the words.
fn offers(name: &str, command: &mut Command, words: [&str; 4]) -> Result<()> {
    let said = shell::capture(command)?;
    if let Some(missing) = missing(&said, words) {
        bail!("{name} does not offer '{missing}'; it offers\n{said}");
    }
    Ok(())
}

/// The first of the words that no line begins with. After it is what the command does.
fn missing<'w>(said: &str, words: [&'w str; 4]) -> Option<&'w str> {
    let has = |word: &&str| said.lines().any(|line| line.split([':', '\t']).next() == Some(word));
    words.into_iter().find(|word| !has(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_is_not_offered_is_noticed() {
        let said = "list:List chips\ninfo\tIdentify\ntrace\n";
        assert_eq!(missing(said, ["info", "trace", "list", "info"]), None);
        assert_eq!(missing(said, ["info", "tra", "list", "info"]), Some("tra"));
        assert_eq!(missing("", ["info", "trace", "list", "info"]), Some("info"));
    }
}
