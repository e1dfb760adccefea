//! Edits of fstab that lose no line of others, wherever they are interrupted.

use super::{NodeOptions, SHORT};
use crate::node::quote;
use crate::runner::CommandLine;

/// An edit of fstab as one line, and the same with heketi v10's lines.
#[derive(Clone, Debug)]
pub struct Edit {
    /// The edit.
    pub line: CommandLine,
    /// What does it where sudo lets only heketi v10's programs run: its deletes, and its append after a copy.
    pub plain: Vec<CommandLine>,
}

/// What the edit's shell is called in process listings.
pub const NAME: &str = "heketi-fstab";

/// Removes the lines `gone`, word for word, and adds the line `add` at the end where it is missing: both or neither.
///
/// A line of `gone` that is not there any more fails the edit: somebody changed it, and what it became is not known.
/// Without the file nothing is to remove.
pub fn edit(options: &NodeOptions, add: Option<&str>, gone: &[String]) -> Edit {
    let file = quote::word(&options.fstab);
    let mut text =
        format!("bash -c {} {NAME} {file} {}", quote::single(SCRIPT), quote::single(add.unwrap_or_default()));
    for line in gone {
        text.push(' ');
        text.push_str(&quote::single(line));
    }
    let mut plain: Vec<String> =
        gone.iter().map(|line| sed(".save", &format!("/^{}$/d", quote::sed_literal(line)), &file)).collect();
    if let Some(line) = add {
        plain.push(sed(KEPT, "", &file));
        // awk, because a shell opens the file of a redirection without sudo.
        let program = format!("BEGIN {{print {} >> {}}}", quote::awk_string(line), quote::awk_string(&options.fstab));
        plain.push(format!("awk {}", quote::double(&program)));
    }
    let line = |text| CommandLine::new(text, SHORT);
    Edit { line: line(text), plain: plain.into_iter().map(line).collect() }
}

/// sed leaves the file as it was under its name with the suffix.
fn sed(suffix: &str, script: &str, file: &str) -> String {
    format!("sed -i{suffix} {} {file}", quote::double(script))
}

/// Is the line such an edit?
pub fn is_edit(line: &CommandLine) -> bool {
    line.text.starts_with("bash -c ") && line.text.contains(NAME)
}

/// What the copy is called that is left when the file itself had to be changed.
const KEPT: &str = ".heketi-save";

/// Arguments: the file, the line to add or nothing, the lines to remove.
///
/// One program, because sudo covers no more, in one line, because csh takes no more, and without single quotes, which
/// would multiply at each of the shells it passes. Starting a process takes a tenth of a second on slow nodes: what
/// bash can do itself it does.
///
/// The edits of several managers wait for each other at the lock on the directory (the file is another after each
/// edit). Programs that know of no lock: what one changes before the rename makes the edit begin anew; what one wrote
/// into the old file meanwhile is found afterwards, and the edit is made once more on top of it.
///
/// A file that is mounted itself, as containers have it, or one in a read-only directory cannot be replaced. After a
/// copy was kept it is changed in place, so that at no moment a line of others is missing: a line is removed by
/// writing `#` over it from its beginning, which makes it a comment at the first byte, and added by one write at the
/// end.
pub const SCRIPT: &str = concat!(
    r#"LC_ALL=C f=$1 add=$2;shift 2;printf -v nl "\n";"#,
    r#"die(){ rm -f -- "$t";printf "%s: %s\n" "$f" "$1" >&2;exit 1;};"#,
    // The lines that were read have this one; the file still says what was read.
    r#"has(){ local l;for l in "${old[@]}";do [[ ${l%"$nl"} == "$1" ]]&&return;done;return 1;};"#,
    r#"same(){ mapfile now <"$1"&&[[ "${now[*]}" == "${old[*]}" ]];};"#,
    r##"hide(){ local o h;printf -v h "%*s" ${#1} "";grep -aFxb -e "$1" -- "$f"|while IFS=: read -r o _;"##,
    r##"do printf "%s" "${h// /#}"|dd of="$f" bs=1 seek="$o" conv=notrunc 2>/dev/null||exit 1;done;};"##,
    r#"in_place(){ local c=$f.heketi-save l n;rm -f -- "$t";"#,
    r#"{ cp -p -- "$f" "$c" 2>/dev/null||{ rm -f -- "$c";c=/var/lib/heketi/${f##*/}.heketi-save;cp -p -- "$f" "$c";};}"#,
    r#"&&sync -- "$c"||{ rm -f -- "$c";die "no copy of it can be kept, nothing was changed";};"#,
    r#"for l;do hide "$l"||die "cannot be written; $c is what it was";done;"#,
    r#"if [[ -n $add ]];then n=$(stat -c %s -- "$f")&&printf "%s%s\n" "$sep" "$add" >>"$f"||"#,
    r#"{ truncate -s "$n" -- "$f";die "cannot be written; $c is what it was";};fi;"#,
    r#"sync -- "$f"||die "cannot be written; $c is what it was";exit 0;};"#,
    r#"if [[ -L $f ]];then f=$(readlink -e -- "$f")||die "the link leads nowhere, nothing was changed";fi;"#,
    r#"exec 9<"${f%/*}/"||exit 1;flock -w 60 9||die "another edit held it for a minute, nothing was changed";"#,
    r#"if [[ -e $f ]];then :;elif [[ -n $add ]];then (umask 022;: >>"$f")||exit 1;else exit 0;fi;"#,
    r#"t=$f.heketi-new from=$f;for try in 1 2 3 4 5;do exec 8<"$from"&&mapfile old <&8||exit 1;"#,
    r#"out=();for l;do has "$l"||die "changed meanwhile, nothing was changed; gone is: $l";out+=(-e "$l");done;"#,
    r#"if has "$add";then add=;fi;if [[ -z $add && $# -eq 0 ]];then exit 0;fi;"#,
    r#"sep=;if [[ ${#old[@]} -gt 0 && ${old[${#old[@]}-1]} != *"$nl" ]];then sep=$nl;fi;"#,
    // The copy has owner, mode and labels of the file.
    r#"cp -a --remove-destination -- "$f" "$t" 2>/dev/null||in_place "$@";"#,
    r#"lead=$sep;if [[ $# -gt 0 ]];then lead=;grep -aFxv "${out[@]}" -- "$from" >"$t";[[ $? -lt 2 ]];"#,
    r#"elif [[ $from != "$f" ]];then cat -- "$from" >"$t";fi||die "no copy can be written, nothing was changed";"#,
    r#"{ [[ -z $add ]]||printf "%s%s\n" "$lead" "$add" >>"$t";}&&sync -- "$t""#,
    r#"||die "no copy can be written, nothing was changed";"#,
    r#"if [[ $from == "$f" ]];then same "$f"&&[[ $f -ef /proc/self/fd/8 ]]||continue;fi;"#,
    r#"mv -fT -- "$t" "$f" 2>/dev/null||in_place "$@";"#,
    r#"if same /proc/self/fd/8;then sync -- "${f%/*}/";exit 0;fi;from=/proc/self/fd/8;done;"#,
    r#"die "another program keeps changing it""#,
);
