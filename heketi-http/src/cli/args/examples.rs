//! One example for each command, shown in its help.

/// The arguments of the example of a command.
pub(super) fn of(path: &str) -> Option<&'static str> {
    EXAMPLES.iter().find_map(|(command, arguments)| (*command == path).then_some(*arguments))
}

#[rustfmt::skip]
const EXAMPLES: &[(&str, &str)] = &[
    ("cluster create", "--block=false"),
    ("cluster list", ""),
    ("cluster info", "8e1fbc7d2b5c4f0a9d3e6a7b8c9d0e1f"),
    ("cluster delete", "8e1fbc7d2b5c4f0a9d3e6a7b8c9d0e1f"),
    ("cluster setflags", "--block=false 8e1fbc7d2b5c4f0a9d3e6a7b8c9d0e1f"),
    ("node add", "--zone=2 --cluster=8e1fbc7d2b5c4f0a9d3e6a7b8c9d0e1f --management-host-name=node-b --storage-host-name=192.0.2.12"),
    ("node list", ""),
    ("node info", "8e1fbc7d2b5c4f0a9d3e6a7b8c9d0e1f"),
    ("node delete", "8e1fbc7d2b5c4f0a9d3e6a7b8c9d0e1f"),
    ("node enable", "8e1fbc7d2b5c4f0a9d3e6a7b8c9d0e1f"),
    ("node disable", "8e1fbc7d2b5c4f0a9d3e6a7b8c9d0e1f"),
    ("node remove", "8e1fbc7d2b5c4f0a9d3e6a7b8c9d0e1f"),
    ("node replace", "8e1fbc7d2b5c4f0a9d3e6a7b8c9d0e1f"),
    ("node settags", "8e1fbc7d2b5c4f0a9d3e6a7b8c9d0e1f rack:r7 arbiter:disabled"),
    ("node rmtags", "8e1fbc7d2b5c4f0a9d3e6a7b8c9d0e1f rack"),
    ("device add", "--name=/dev/sdb --node=8e1fbc7d2b5c4f0a9d3e6a7b8c9d0e1f"),
    ("device info", "8e1fbc7d2b5c4f0a9d3e6a7b8c9d0e1f"),
    ("device delete", "8e1fbc7d2b5c4f0a9d3e6a7b8c9d0e1f"),
    ("device enable", "8e1fbc7d2b5c4f0a9d3e6a7b8c9d0e1f"),
    ("device disable", "8e1fbc7d2b5c4f0a9d3e6a7b8c9d0e1f"),
    ("device remove", "8e1fbc7d2b5c4f0a9d3e6a7b8c9d0e1f"),
    ("device resync", "8e1fbc7d2b5c4f0a9d3e6a7b8c9d0e1f"),
    ("device replace", "8e1fbc7d2b5c4f0a9d3e6a7b8c9d0e1f --name=/dev/sdd"),
    ("device settags", "8e1fbc7d2b5c4f0a9d3e6a7b8c9d0e1f drive:ssd --exact"),
    ("device rmtags", "8e1fbc7d2b5c4f0a9d3e6a7b8c9d0e1f --all"),
    ("topology load", "--json=topology.json"),
    ("topology diff", "--json=topology.json"),
    ("topology info", "--template='{{range .ClusterList}}{{.Id}} {{end}}'"),
    ("volume create", "--size=100 --replica=3 --name=photos"),
    ("volume explain", "--size=100 --durability=disperse"),
    ("volume list", ""),
    ("volume info", "8e1fbc7d2b5c4f0a9d3e6a7b8c9d0e1f"),
    ("volume delete", "8e1fbc7d2b5c4f0a9d3e6a7b8c9d0e1f"),
    ("volume expand", "8e1fbc7d2b5c4f0a9d3e6a7b8c9d0e1f --expand-size=50"),
    ("volume clone", "8e1fbc7d2b5c4f0a9d3e6a7b8c9d0e1f --name=photos_copy"),
    ("volume endpoint patch", "8e1fbc7d2b5c4f0a9d3e6a7b8c9d0e1f"),
    ("volume set-block-hosting-restriction locked", "8e1fbc7d2b5c4f0a9d3e6a7b8c9d0e1f"),
    ("volume set-block-hosting-restriction unlocked", "8e1fbc7d2b5c4f0a9d3e6a7b8c9d0e1f"),
    ("blockvolume create", "--size=20 --ha=3 --auth"),
    ("blockvolume list", ""),
    ("blockvolume info", "8e1fbc7d2b5c4f0a9d3e6a7b8c9d0e1f"),
    ("blockvolume delete", "8e1fbc7d2b5c4f0a9d3e6a7b8c9d0e1f"),
    ("blockvolume expand", "8e1fbc7d2b5c4f0a9d3e6a7b8c9d0e1f --new-size=30"),
    ("brick evict", "8e1fbc7d2b5c4f0a9d3e6a7b8c9d0e1f"),
    ("server operations info", ""),
    ("server operations list", ""),
    ("server operations cleanup", "8e1fbc7d2b5c4f0a9d3e6a7b8c9d0e1f"),
    ("server mode get", ""),
    ("server mode set", "read-only"),
    ("server state examine gluster", "> state.json"),
    ("loglevel get", ""),
    ("loglevel set", "debug"),
    ("capacity", "--snapshot-factor=1.5"),
    ("watch", ""),
    ("db dump", "> dump.json"),
    ("db check", ""),
    ("audit", "--nodes"),
    ("audit repair", "--plan"),
    ("setup-openshift-heketi-storage", "--listfile=heketi-storage.json --image=heketi:11"),
    ("completion", "bash > /etc/bash_completion.d/heketi-cli"),
    ("man", "> /usr/local/share/man/man1/heketi-cli.1"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::cli::args::{Parsed, description, parse};

    fn leaves(command: &clap::Command, path: &str, found: &mut BTreeSet<String>) {
        for inner in command.get_subcommands() {
            leaves(inner, format!("{path} {}", inner.get_name()).trim_start(), found);
        }
        if !command.has_subcommands() || path == "audit" {
            found.insert(path.to_owned());
        }
    }

    #[test]
    fn every_command_has_an_example_that_it_takes() {
        let mut commands = BTreeSet::new();
        leaves(&description(), "", &mut commands);
        let examples: BTreeSet<String> = EXAMPLES.iter().map(|(command, _)| (*command).to_owned()).collect();
        assert_eq!(examples, commands);
        assert_eq!(EXAMPLES.len(), commands.len(), "one each");
        for (command, arguments) in EXAMPLES {
            let line = arguments.split(" > ").next().unwrap_or_default().trim_start_matches("> ").replace('\'', "");
            let words = format!("heketi-cli {command} {line}");
            let parsed = parse(words.split_whitespace());
            assert!(matches!(parsed, Ok(Parsed::Run(..))), "{words}");
        }
    }
}
