//! What the user is told about the conversion of heketi v10's database.

use heketi_exec::store::Conversion;

/// What happened, what was found, and the way back; a line each.
pub(super) fn lines(done: &Conversion) -> Vec<String> {
    let (name, kept) = (done.path.display(), done.kept.display());
    let mut lines =
        vec![format!("heketi v10's database {name} was converted; the file as it was is kept, read only, as {kept}")];
    let count = |many: usize, what: &str| format!("{many} {what}{}", if many == 1 { "" } else { "s" });
    if !done.upgrades.is_empty() {
        lines.push(format!("{} of an older version:", count(done.upgrades.len(), "change")));
        lines.extend(done.upgrades.iter().map(|note| format!("  {note}")));
    }
    if !done.damages.is_empty() {
        let repaired = if done.repaired > 0 { format!(", {} repaired", done.repaired) } else { String::new() };
        lines.push(format!("{} in it{repaired}:", count(done.damages.len(), "damage")));
        lines.extend(done.damages.iter().map(|damage| format!("  {damage}")));
    }
    lines.extend(done.notes.iter().map(ToString::to_string));
    if done.findings.is_empty() {
        lines.push("the audit of what it was converted to finds nothing wrong".to_owned());
    } else {
        lines.push(format!("the audit of what it was converted to: {}", count(done.findings.len(), "finding")));
        lines.extend(done.findings.iter().map(|finding| format!("  {finding}")));
    }
    lines.push(format!(
        "the way back to heketi v10: stop heketi, `mv {name} {name}.rust && mv {kept} {name} && chmod u+w {name}`; what \
         was created, expanded, moved or deleted since is not in that file: `heketi db export` has it in v10's form"
    ));
    lines
}

/// Logs them.
pub(super) fn log(done: &Conversion) {
    lines(done).iter().for_each(|line| tracing::warn!("{line}"));
}
