//! The completions of heketi-cli in a real bash.

use std::process::Command;

/// What bash offers for the last word of a command line.
fn offered(words: &[&str]) -> Vec<String> {
    let complete = r#"
        source <("$1" completion bash) || exit 1
        shift
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=${#COMP_LINE}
        function=$(complete -p heketi-cli) && function=${function#*-F } && function=${function%% *}
        "$function" heketi-cli "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c", complete, "bash", env!("CARGO_BIN_EXE_heketi-cli"), "heketi-cli"]).args(words);
    let told = bash.output().expect("bash");
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    String::from_utf8(told.stdout).expect("text").lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_and_flags() {
    assert_eq!(offered(&["vol"]), ["volume"]);
    assert_eq!(offered(&["volume", "ex"]), ["explain", "expand"]);
    assert_eq!(offered(&["volume", "create", "--dura"]), ["--durability"]);
    assert_eq!(offered(&["volume", "create", "--persistent-volume-f"]), ["--persistent-volume-file"]);
    assert_eq!(offered(&["completion", "z"]), ["zsh"]);
    assert_eq!(offered(&["nonsense"]), [""; 1]);
}
