//! What to do next when a command failed; shown at a terminal only, below the error.

/// The next step after this error of the command of these words, if one is known.
pub(super) fn after(error: &str, words: &[String]) -> Option<String> {
    let group = words.first().map_or("", String::as_str);
    let command = words.join(" ");
    let lower = error.to_lowercase();
    let has = |part: &str| lower.contains(part);
    let hint = if has("missing") || has("expected") || has("too many arguments") || has("required") && !has("token") {
        format!("heketi-cli {command} --help shows what it takes, with an example")
    } else if has("no space") || has("brick limit") || has("allocate new") {
        "heketi-cli volume explain with the same flags tells for every device why it takes no brick; \
         heketi-cli capacity tells what fits"
            .to_owned()
    } else if lower == "id not found" {
        let list = match group {
            "device" | "brick" => "topology info",
            "volume" => "volume list",
            "blockvolume" => "blockvolume list",
            "node" => "node list",
            _ => "cluster list",
        };
        format!("it may be gone, or the id belongs to another kind of object: see heketi-cli {list}")
    } else if lower == "invalid path or request" {
        "an id has 32 hexadecimal digits, without any name before it".to_owned()
    } else if has("jwt") || has("token") || has("administrator access") {
        "check --user (HEKETI_CLI_USER) and --secret (HEKETI_CLI_KEY), and that the clocks of both machines agree"
            .to_owned()
    } else if has("server busy") {
        "it works on as many requests as it may: wait, or ask more often with --retries".to_owned()
    } else if has("disabled for maintenance") {
        "heketi-cli server mode get tells the mode; SIGUSR2 to the server process makes it normal again".to_owned()
    } else if has("storage set is not full") || has("to get list of online bricks") || has("heal") {
        "heketi-cli device info tells its bricks; wait until gluster has healed them, then repeat the command"
            .to_owned()
    } else if has("no replacement") {
        "add a device, or make room on others, then repeat the command: heketi-cli capacity shows the room".to_owned()
    } else if has("must be offline") || has("allowed in this state") || has("is not in failed state") {
        format!("the order is: heketi-cli {group} disable ID, {group} remove ID, {group} delete ID")
    } else {
        return None;
    };
    Some(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_say_what_to_do_next() {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let hint = |error, line| after(error, &words(line)).unwrap_or_default();
        assert!(hint("Missing volume size", "volume create").contains("heketi-cli volume create --help"));
        assert!(hint("Id not found", "volume info").contains("volume list"));
        assert!(hint("Failed to allocate new volume: No space", "volume create").contains("volume explain"));
        assert!(hint("Required authorization token not found", "cluster list").contains("HEKETI_CLI_KEY"));
        assert_eq!(after("disk full", &words("cluster create")), None);
    }
}
