use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use heketi_core::Gib;
use heketi_core::model::ZoneChecking;

use super::*;

const WALK_THROUGH: &str = r#"{
  "port": "8080",
  "use_auth": false,
  "glusterfs": {
    "executor": "ssh",
    "sshexec": { "keyfile": "/path/to/id_rsa", "user": "vagrant", "sudo": true },
    "db": "/var/lib/heketi/heketi.db",
    "loglevel": "debug"
  }
}"#;

fn load_with(text: &str, variables: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    let variables: BTreeMap<_, _> = variables.iter().copied().collect();
    let lookup = |name: &str| variables.get(name).map(|value| (*value).to_owned());
    Loaded::from_bytes(text.as_bytes(), &Environment::new(&lookup))
}

fn load(text: &str) -> Loaded {
    load_with(text, &[]).unwrap()
}

fn mock(keys: &str) -> String {
    format!(r#"{{"glusterfs":{{"executor":"mock"{keys}}}}}"#)
}

fn error(text: &str) -> String {
    load_with(text, &[]).unwrap_err().to_string()
}

#[test]
fn the_walk_through_loads_without_a_warning() {
    let loaded = load(WALK_THROUGH);
    assert_eq!(loaded.warnings, Vec::<String>::new());
    let config = loaded.config;
    assert_eq!((config.port, config.use_auth, config.has_jwt), (8080, false, false));
    let gluster = &config.glusterfs;
    assert_eq!(gluster.executor, ExecutorKind::Ssh);
    assert_eq!(gluster.db, PathBuf::from("/var/lib/heketi/heketi.db"));
    assert_eq!(gluster.loglevel, LogLevel::Debug);
    assert_eq!((gluster.ssh.user.as_str(), gluster.ssh.port, gluster.ssh.commands.sudo), ("vagrant", 22, true));
    assert_eq!(gluster.brick_max_size, Gib(4096));
    let (mode, _) = config.auth_mode(false).unwrap();
    assert_eq!(mode, AuthMode::Off);
    assert_eq!(config.listen_address(&mode), IpAddr::V4(Ipv4Addr::LOCALHOST));
}

#[test]
fn copysets_are_wanted_by_number_of_nodes() {
    for (written, read) in [("20", Some(20)), ("0", None)] {
        let loaded = load(&mock(&format!(r#","copyset_nodes":{written}"#)));
        assert_eq!(loaded.config.glusterfs.copyset_nodes, read);
        assert_eq!(loaded.config.shown()["glusterfs"]["copyset_nodes"].to_string(), written);
    }
}

#[test]
fn old_sample_files_load() {
    let text = r#"{
        "_port_comment": "Heketi Server Port Number", "PORT": 8080, "_use_auth": "x", "use_auth": "false",
        "jwt": {"_jwt": "x", "admin": {"_key_had": "x", "key": "My Secret"}, "user": {"key": "Your Secret"}},
        "glusterfs": {
            "executor": "mock", "allocator": "simple", "brick_max_size_gb": "1024", "zone_checking": "strict",
            "sshexec": {"keyfile": "k", "port": "Optional: ssh port.  Default is 22", "fstab": "Optional: Specify fstab file on node.",
                        "xfs_sw": "16", "gluster_cli_timeout": "900", "sudo": "true", "rebalance_on_expansion": false},
            "kubeexec": {"host": "https://x", "cert": "c", "insecure": false, "user": "u", "password": "p", "namespace": null},
            "operation_retry_limits": {"volume_create": 2}, "loglevel": "loud", "unknown": 1
        }
    } trailing"#;
    let loaded = load(text);
    let config = &loaded.config;
    assert_eq!((config.port, config.use_auth, config.keys.admin.expose()), (8080, false, "My Secret"));
    let gluster = &config.glusterfs;
    assert_eq!(gluster.ssh.port, 22);
    assert_eq!(gluster.ssh.commands.fstab, PathBuf::from("/etc/fstab"));
    assert_eq!((gluster.ssh.commands.xfs_sw, gluster.ssh.commands.sudo), (16, true));
    assert_eq!(gluster.ssh.commands.gluster_cli_timeout, Duration::from_secs(900));
    assert!(gluster.ssh.commands.rebalance_on_expansion);
    assert_eq!((gluster.brick_max_size, gluster.volume_create_retries), (Gib(1024), 2));
    assert_eq!((gluster.zone_checking, gluster.loglevel), (ZoneChecking::Strict, LogLevel::Info));
    let mut warnings = loaded.warnings.clone();
    warnings.sort();
    assert_eq!(
        warnings,
        [
            "glusterfs.allocator is obsolete and has no effect: remove it",
            "glusterfs.kubeexec.cert is obsolete and has no effect: remove it",
            "glusterfs.kubeexec.host is obsolete and has no effect: remove it",
            "glusterfs.kubeexec.insecure is obsolete and has no effect: remove it",
            "glusterfs.kubeexec.password is obsolete and has no effect: remove it",
            "glusterfs.kubeexec.user is obsolete and has no effect: remove it",
            "glusterfs.loglevel is \"loud\", info is taken: write none, critical, error, warning, info or debug",
            "glusterfs.sshexec.fstab still has the placeholder of the sample file and is taken as unset",
            "glusterfs.sshexec.port still has the placeholder of the sample file and is taken as unset",
            "glusterfs.sshexec.rebalance_on_expansion has no effect when false, as in heketi v10: set HEKETI_GLUSTERAPP_REBALANCE_ON_EXPANSION=false instead",
            "unknown key glusterfs.unknown is ignored",
        ]
    );
    let (mode, warnings) = config.auth_mode(false).unwrap();
    assert_eq!(mode, AuthMode::On(config.keys.clone()));
    assert!(warnings[0].starts_with("use_auth is false but there are keys"));
    assert!(!format!("{config:?}").contains("Secret\""), "keys must not show");
}

#[test]
fn unknown_keys_are_named_with_their_path() {
    let loaded = load(
        r#"{"prot":"1","jwt":{"admin":{"kee":"x"}},"glusterfs":{"executor":"mock","sshexec":{"keyfil":1,"x":{"y":1}}}}"#,
    );
    let mut warnings = loaded.warnings;
    warnings.sort();
    assert_eq!(
        warnings,
        ["glusterfs.sshexec.keyfil", "glusterfs.sshexec.x", "jwt.admin.kee", "prot"]
            .map(|key| format!("unknown key {key} is ignored"))
    );
}

#[test]
fn errors_name_key_value_and_remedy() {
    for (text, expected) in [
        (
            mock(r#","brick_max_size_gb":"many""#),
            r#"glusterfs.brick_max_size_gb is "many": write a whole number, 0 or more"#,
        ),
        (
            mock(r#","brick_max_size_gb":1.5"#),
            r#"glusterfs.brick_max_size_gb is "1.5": write a whole number, 0 or more"#,
        ),
        (mock(r#","db":["x"]"#), "glusterfs.db is a list: write a single value, in quotes if it is text"),
        (mock(r#","db_read_only":"yes""#), r#"glusterfs.db_read_only is "yes": write true or false"#),
        (mock(r#","zone_checking":"strcit""#), r#"glusterfs.zone_checking is "strcit": write none or strict"#),
        (mock(r#","sshexec":[]"#), "glusterfs.sshexec is a list: write an object, {…}"),
        (
            mock(r#","brick_min_size_gb":5000"#),
            "glusterfs.brick_min_size_gb is 5000: write at most glusterfs.brick_max_size_gb, 4096",
        ),
        (
            r#"{"glusterfs":{"executor":"telnet"}}"#.to_owned(),
            r#"glusterfs.executor is "telnet": invalid executor: telnet; write ssh, local, kubernetes, mock, inject/ssh or inject/mock"#,
        ),
        (r#"{"port":"http","glusterfs":{}}"#.to_owned(), r#"port is "http": write a port number, 0 to 65535"#),
        (
            r#"{"glusterfs":{}}"#.to_owned(),
            "Missing ssh private key file in configuration: set glusterfs.sshexec.keyfile or HEKETI_SSH_KEYFILE, or glusterfs.sshexec.identity_agent to use an ssh-agent",
        ),
        ("{}".to_owned(), "the configuration file has no glusterfs object: add one with executor and db"),
        ("[]".to_owned(), "the configuration file is a list: write an object, {…}"),
        (" ".to_owned(), "Unable to parse configuration: the file is empty"),
        (
            r#"{"jwt":{"admin":{"key":["secret"]}},"glusterfs":{}}"#.to_owned(),
            "jwt.admin.key is a list: write a single value, in quotes if it is text",
        ),
        (
            r#"{"default_state":"off","glusterfs":{}}"#.to_owned(),
            r#"default_state is "off": unknown admin state name; write normal, local-client or read-only"#,
        ),
    ] {
        assert_eq!(error(&text), expected, "{text}");
    }
    assert!(error("{").starts_with("Unable to parse configuration: "));
    let missing = Loaded::from_file("/nonexistent/x.json".as_ref(), &Environment::empty()).unwrap_err().to_string();
    assert_eq!(
        missing,
        "Unable to open config file /nonexistent/x.json: open /nonexistent/x.json: no such file or directory"
    );
}

#[test]
fn the_environment_wins() {
    let variables = [
        ("HEKETI_HTTP_PORT", "9090"),
        ("HEKETI_ADMIN_KEY", "a"),
        ("HEKETI_USER_KEY", "u"),
        ("HEKETI_EXECUTOR", "mock"),
        ("HEKETI_DB_PATH", "/tmp/x.db"),
        ("HEKETI_SSH_USER", ""),
        ("HEKETI_SNAPSHOT_LIMIT", "14"),
        ("HEKETI_FSTAB", "/var/lib/heketi/fstab"),
        ("HEKETI_DISABLE_BACKGROUND_CLEANER", "true"),
        ("HEKETI_DISABLE_HEALTH_MONITOR", "yes"),
        ("HEKETI_KUBE_GLUSTER_DAEMONSET", "y"),
        ("HEKETI_MAX_INFLIGHT_OPERATIONS", "-1"),
        ("HEKETI_BLOCK_HOSTING_VOLUME_SIZE", "0"),
        ("HEKETI_GLUSTERAPP_REBALANCE_ON_EXPANSION", "false"),
        ("HEKETI_JWT_IAT_LEEWAY_SECONDS", "-3"),
        ("HEKETI_BLOCK_VOLUME_DEFAULT_PREALLOC", "a b"),
        ("SSH_KNOWN_HOSTS", "/a:/b"),
    ];
    let loaded = load_with(WALK_THROUGH, &variables).unwrap();
    let config = loaded.config;
    assert_eq!((config.port, config.keys.user.expose(), config.iat_leeway_seconds), (9090, "u", 120));
    assert_eq!(loaded.warnings.len(), 2, "{:?}", loaded.warnings);
    let gluster = &config.glusterfs;
    assert_eq!((gluster.executor, gluster.db.as_path()), (ExecutorKind::Mock, "/tmp/x.db".as_ref()));
    assert_eq!(gluster.ssh.user, "vagrant");
    assert_eq!(gluster.ssh.known_hosts, Some(vec!["/a".into(), "/b".into()]));
    for commands in [&gluster.ssh.commands, &gluster.kube.commands] {
        assert_eq!((commands.snapshot_limit, commands.rebalance_on_expansion), (Some(14), false));
        assert_eq!(commands.fstab, PathBuf::from("/var/lib/heketi/fstab"));
    }
    assert!(gluster.cleaner.is_none() && gluster.node_monitor.is_some() && gluster.kube.gluster_daemonset);
    assert_eq!((gluster.max_inflight_operations, gluster.block_hosting.size), (None, Gib(1024)));
    assert_eq!(
        load_with(WALK_THROUGH, &[("HEKETI_HTTP_PORT", "x")]).unwrap_err().to_string(),
        r#"HEKETI_HTTP_PORT is "x": write a port number, 0 to 65535"#
    );
}

#[test]
fn the_key_may_be_in_an_agent() {
    let ssh = |keys: &str| format!(r#"{{"glusterfs":{{"executor":"ssh","sshexec":{{{keys}}}}}}}"#);
    let agent = ssh(r#""identity_agent":"SSH_AUTH_SOCK""#);
    let loaded = load_with(&agent, &[("SSH_AUTH_SOCK", "/run/agent")]).unwrap();
    assert_eq!(loaded.config.glusterfs.ssh.identity_agent, Some("/run/agent".into()));
    assert_eq!(loaded.config.shown()["glusterfs"]["sshexec"]["identity_agent"], "/run/agent");
    let why = load_with(&agent, &[]).unwrap_err().to_string();
    assert!(
        why.starts_with(r#"glusterfs.sshexec.identity_agent is "SSH_AUTH_SOCK": that variable is not set"#),
        "{why}"
    );
    // The variable alone changes nothing: whoever starts heketi may have an agent for himself.
    let loaded = load_with(&ssh(r#""keyfile":"k""#), &[("SSH_AUTH_SOCK", "/run/agent")]).unwrap();
    assert_eq!(loaded.config.glusterfs.ssh.identity_agent, None);
    let loaded = load(&ssh(r#""keyfile":"k.pub","identity_agent":"/x""#));
    assert_eq!(loaded.config.glusterfs.ssh.identity_agent, Some("/x".into()));
    assert_eq!(loaded.warnings, Vec::<String>::new());
}

#[test]
fn times_and_limits_of_ssh_can_be_set() {
    let keys = ["connect_timeout", "keepalive_interval", "max_commands_per_node", "max_connections"];
    let shown = |value: u64| {
        let set = keys.map(|key| format!(r#""{key}":"{value}""#)).join(",");
        let loaded = load(&mock(&format!(r#","sshexec":{{{set}}}"#)));
        assert_eq!(loaded.warnings, Vec::<String>::new());
        keys.map(|key| loaded.config.shown()["glusterfs"]["sshexec"][key].as_u64().unwrap())
    };
    assert_eq!(shown(7), [7; 4]);
    assert_eq!(shown(0), [15, 15, 4, 64], "0 stands for the default");
}

#[test]
fn this_machine_has_settings_of_its_own() {
    let text = r#"{"glusterfs":{"executor":"local","localexec":{"sudo":true,"fstab":"/x","keyfile":"k"}}}"#;
    let loaded = load_with(text, &[("HEKETI_LVM_WRAPPER", "w")]).unwrap();
    let gluster = &loaded.config.glusterfs;
    assert_eq!((gluster.executor, gluster.executor.name()), (ExecutorKind::Local, "local"));
    assert_eq!((gluster.local.sudo, gluster.local.lvm_wrapper.as_str()), (true, "w"));
    assert_eq!(loaded.config.shown()["glusterfs"]["localexec"]["fstab"], "/x");
    assert_eq!(loaded.warnings, ["unknown key glusterfs.localexec.keyfile is ignored"]);
}

#[test]
fn authentication_is_off_only_beyond_doubt() {
    let keys = r#","jwt":{"admin":{"key":"a"},"user":{"key":"u"}}"#;
    let empty_keys = r#","jwt":{"admin":{"key":""},"user":{"key":""}}"#;
    let environment: &[(&str, &str)] = &[("HEKETI_ADMIN_KEY", "a"), ("HEKETI_USER_KEY", "u")];
    for (use_auth, jwt, variables, disable, expected) in [
        ("false", "", &[][..], false, Some(false)),
        ("true", "", &[], false, None),
        ("false", keys, &[], false, Some(true)),
        ("false", empty_keys, &[], false, None),
        ("false", empty_keys, environment, false, Some(true)),
        ("false", "", environment, false, Some(true)),
        ("false", "", &environment[..1], false, None),
        ("true", keys, &[], false, Some(true)),
        ("true", keys, &[], true, Some(false)),
    ] {
        let text = format!(r#"{{"use_auth":{use_auth}{jwt},"glusterfs":{{"executor":"mock"}}}}"#);
        let config = load_with(&text, variables).unwrap().config;
        let on = config.auth_mode(disable).ok().map(|(mode, _)| matches!(mode, AuthMode::On(_)));
        assert_eq!(on, expected, "{text} {disable}");
    }
    let config = load(r#"{"use_auth":false,"bind_address":"0.0.0.0","glusterfs":{"executor":"mock"}}"#).config;
    assert_eq!(config.listen_address(&AuthMode::Off), IpAddr::V4(Ipv4Addr::UNSPECIFIED));
}

#[test]
fn how_much_is_remembered_is_configurable() {
    let history = |keys: &str| load(&format!(r#"{{{keys}"glusterfs":{{"executor":"mock"}}}}"#)).config.history;
    let limits = |age, entries| heketi_core::inventory::HistoryLimits { age, entries };
    assert_eq!(history(""), limits(24 * 3600, 10_000));
    assert_eq!(history(r#""history_hours":2,"history_entries":500,"#), limits(2 * 3600, 500));
    assert_eq!(history(r#""history_hours":0,"history_entries":1,"#), limits(24 * 3600, 100));
    let text = error(r#"{"history_hours":-1,"glusterfs":{"executor":"mock"}}"#);
    assert!(text.contains("history_hours"), "{text}");
}
