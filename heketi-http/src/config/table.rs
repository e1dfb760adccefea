//! Every key of heketi v10's file and every variable, one by one: what it does, or that it is named as obsolete.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Environment, Loaded};

/// Path of the key, a value that is not the default, and how it is shown where that differs.
fn keys() -> Vec<(&'static str, Value, Option<Value>)> {
    let top = [
        ("port", json!("9090")),
        ("use_auth", json!(false)),
        ("backup_db_to_kube_secret", json!(true)),
        ("enable_tls", json!(true)),
        ("cert_file", json!("c.pem")),
        ("key_file", json!("k.pem")),
        ("profiling", json!(true)),
        ("default_state", json!("read-only")),
    ];
    let gluster = [
        ("db", json!("/x/heketi.db")),
        ("db_read_only", json!(true)),
        ("executor", json!("mock")),
        ("loglevel", json!("debug")),
        ("brick_max_size_gb", json!(99)),
        ("brick_min_size_gb", json!(2)),
        ("max_bricks_per_volume", json!(33)),
        ("average_file_size_kb", json!(65)),
        ("pre_request_volume_options", json!("a on,b off")),
        ("post_request_volume_options", json!("c on")),
        ("zone_checking", json!("strict")),
        ("max_volumes_per_cluster", json!(7)),
        ("auto_create_block_hosting_volume", json!(true)),
        ("block_hosting_volume_size", json!(500)),
        ("block_hosting_volume_options", json!("group x")),
        ("start_time_monitor_gluster_nodes", json!(11)),
        ("refresh_time_monitor_gluster_nodes", json!(12)),
        ("max_inflight_operations", json!(9)),
        ("start_time_background_cleaner", json!(13)),
        ("refresh_time_background_cleaner", json!(14)),
        ("operation_retry_limits", json!({"volume_create": 5})),
        ("disable_monitor_gluster_nodes", json!(true)),
        ("disable_background_cleaner", json!(true)),
    ];
    let shared = [
        ("fstab", json!("/x/fstab")),
        ("mountopts", json!("rw")),
        ("sudo", json!(true)),
        ("snapshot_limit", json!(14)),
        ("backup_lvm_metadata", json!(true)),
        ("gluster_cli_timeout", json!(900)),
        ("pv_data_alignment", json!("512K")),
        ("vg_physicalextentsize", json!("8M")),
        ("lv_chunksize", json!("1M")),
        ("xfs_sw", json!(8)),
        ("xfs_su", json!(64)),
        ("debug_umount_failures", json!(false)),
        ("block_prealloc", json!("falloc")),
        ("lvm_wrapper", json!("nsenter")),
    ];
    let ssh = [("keyfile", json!("/x/key")), ("user", json!("storage")), ("port", json!("2222"))];
    let kube = [
        ("namespace", json!("storage")),
        ("gluster_daemonset", json!(true)),
        ("use_pod_names", json!(true)),
        ("max_connections", json!(3)),
        ("disable_timeout_prefix", json!(true)),
    ];
    let path = |section: &str, key: &str| -> &'static str { Box::leak(format!("{section}{key}").into_boxed_str()) };
    let mut all: Vec<(&str, Value, Option<Value>)> = vec![
        ("jwt.admin.key", json!("a secret"), Some(json!("********"))),
        ("jwt.user.key", json!("b secret"), Some(json!("********"))),
    ];
    let mut add = |section: &str, keys: &[(&'static str, Value)]| {
        all.extend(keys.iter().map(|(key, value)| (path(section, key), value.clone(), None)));
    };
    add("", &top);
    add("glusterfs.", &gluster);
    add("glusterfs.sshexec.", &shared);
    add("glusterfs.sshexec.", &ssh);
    add("glusterfs.kubeexec.", &shared);
    add("glusterfs.kubeexec.", &kube);
    add("glusterfs.injectexec.", &[("command_injection", json!({"commands": null, "results": []}))]);
    all
}

/// Taken, without effect, and named at the start.
const OBSOLETE: [&str; 7] = [
    "glusterfs.allocator",
    "glusterfs.kubeexec.host",
    "glusterfs.kubeexec.cert",
    "glusterfs.kubeexec.insecure",
    "glusterfs.kubeexec.user",
    "glusterfs.kubeexec.password",
    "glusterfs.sshexec.rebalance_on_expansion",
];

fn at<'v>(value: &'v Value, path: &str) -> &'v Value {
    path.split('.').fold(value, |value, key| &value[key])
}

fn put(file: &mut Value, path: &str, value: Value) {
    let last = path.split('.').fold(file, |object, key| &mut object[key]);
    *last = value;
}

fn load(file: &Value, variables: &BTreeMap<&str, &str>) -> Loaded {
    let lookup = |name: &str| variables.get(name).map(|value| (*value).to_owned());
    Loaded::from_bytes(file.to_string().as_bytes(), &Environment::new(&lookup)).unwrap()
}

fn base() -> Value {
    json!({"cert_file": "x", "key_file": "x", "glusterfs": {"executor": "ssh", "sshexec": {"keyfile": "x"}}})
}

#[test]
fn every_key_is_understood_alone_and_in_quotes() {
    let usual = load(&base(), &BTreeMap::new()).config.shown();
    for (path, value, shown) in keys() {
        let shown = shown.unwrap_or_else(|| value.clone());
        assert_ne!(at(&usual, path), &shown, "{path} is tried with its default");
        let quoted = match &value {
            Value::Number(number) => json!(number.to_string()),
            Value::Bool(flag) => json!(flag.to_string()),
            other => other.clone(),
        };
        for value in [value, quoted] {
            let mut file = base();
            put(&mut file, path, value);
            let loaded = load(&file, &BTreeMap::new());
            if path.ends_with("_file") {
                file["enable_tls"] = json!(true);
                assert_eq!(at(&load(&file, &BTreeMap::new()).config.shown(), path), &shown);
            } else {
                assert_eq!(at(&loaded.config.shown(), path), &shown, "{path}");
            }
            assert_eq!(loaded.warnings, Vec::<String>::new(), "{path}");
            assert!(!loaded.config.shown().to_string().contains(" secret"), "{path}");
        }
    }
}

#[test]
fn obsolete_keys_are_named() {
    for path in OBSOLETE {
        let mut file = base();
        put(&mut file, path, json!(false));
        let loaded = load(&file, &BTreeMap::new());
        assert!(
            loaded.warnings.len() == 1 && loaded.warnings[0].contains(path) && loaded.warnings[0].contains("no effect"),
            "{path}: {:?}",
            loaded.warnings
        );
    }
}

#[test]
fn no_key_of_v10_is_missing() {
    let names = |path: &str| path.rsplit('.').next().map(str::to_owned);
    let sections = ["jwt", "glusterfs", "sshexec", "kubeexec", "injectexec", "operation_retry_limits"];
    let known: BTreeSet<String> = keys()
        .iter()
        .map(|(path, ..)| *path)
        .chain(OBSOLETE)
        .filter_map(names)
        .filter(|name| !sections.contains(&name.as_str()))
        .collect();
    // The number of interface section 3, in which names that stand in two sections count once.
    assert_eq!(known.len(), 59, "{known:?}");
}

#[test]
fn every_variable_counts_more_than_the_file() {
    let mut count = 0;
    for (name, text, path, shown) in [
        ("HEKETI_ADMIN_KEY", "a", "jwt.admin.key", json!("********")),
        ("HEKETI_USER_KEY", "a", "jwt.user.key", json!("********")),
        ("HEKETI_HTTP_PORT", "9091", "port", json!("9091")),
        ("HEKETI_BACKUP_DB_TO_KUBE_SECRET", "x", "backup_db_to_kube_secret", json!(true)),
        ("HEKETI_PROFILING", "x", "profiling", json!(true)),
        ("HEKETI_DEFAULT_STATE", "local-client", "default_state", json!("local-client")),
        ("HEKETI_DISABLE_HEALTH_MONITOR", "true", "glusterfs.disable_monitor_gluster_nodes", json!(true)),
        ("HEKETI_DISABLE_BACKGROUND_CLEANER", "true", "glusterfs.disable_background_cleaner", json!(true)),
        ("HEKETI_JWT_IAT_LEEWAY_SECONDS", "7", "jwt_iat_leeway_seconds", json!(7)),
        ("HEKETI_KUBE_DB_SECRET_NAME", "n", "kube_db_secret_name", json!("n")),
        ("HEKETI_EXECUTOR", "mock", "glusterfs.executor", json!("mock")),
        ("HEKETI_DB_PATH", "/y", "glusterfs.db", json!("/y")),
        ("HEKETI_GLUSTERAPP_LOGLEVEL", "error", "glusterfs.loglevel", json!("error")),
        ("HEKETI_GLUSTER_MAX_VOLUMES_PER_CLUSTER", "-1", "glusterfs.max_volumes_per_cluster", json!(-1)),
        ("HEKETI_MAX_INFLIGHT_OPERATIONS", "3", "glusterfs.max_inflight_operations", json!(3)),
        ("HEKETI_PRE_REQUEST_VOLUME_OPTIONS", "x y", "glusterfs.pre_request_volume_options", json!("x y")),
        ("HEKETI_POST_REQUEST_VOLUME_OPTIONS", "x y", "glusterfs.post_request_volume_options", json!("x y")),
        ("HEKETI_ZONE_CHECKING", "strict", "glusterfs.zone_checking", json!("strict")),
        ("HEKETI_GLUSTERAPP_REBALANCE_ON_EXPANSION", "f", "glusterfs.sshexec.rebalance_on_expansion", json!(false)),
        ("HEKETI_AUTO_CREATE_BLOCK_HOSTING_VOLUME", "T", "glusterfs.auto_create_block_hosting_volume", json!(true)),
        ("HEKETI_BLOCK_HOSTING_VOLUME_SIZE", "5", "glusterfs.block_hosting_volume_size", json!(5)),
        ("HEKETI_BLOCK_HOSTING_VOLUME_OPTIONS", "o", "glusterfs.block_hosting_volume_options", json!("o")),
        ("HEKETI_BLOCK_VOLUME_DEFAULT_PREALLOC", "no", "glusterfs.kubeexec.block_prealloc", json!("no")),
        ("HEKETI_FSTAB", "/f", "glusterfs.sshexec.fstab", json!("/f")),
        ("HEKETI_MOUNT_OPTS", "ro", "glusterfs.kubeexec.mountopts", json!("ro")),
        ("HEKETI_SNAPSHOT_LIMIT", "6", "glusterfs.sshexec.snapshot_limit", json!(6)),
        ("HEKETI_GLUSTER_CLI_TIMEOUT", "601", "glusterfs.sshexec.gluster_cli_timeout", json!(601)),
        ("HEKETI_DEBUG_UMOUNT_FAILURES", "0", "glusterfs.sshexec.debug_umount_failures", json!(false)),
        ("HEKETI_LVM_WRAPPER", "w", "glusterfs.kubeexec.lvm_wrapper", json!("w")),
        ("HEKETI_SSH_KEYFILE", "/k", "glusterfs.sshexec.keyfile", json!("/k")),
        ("HEKETI_SSH_USER", "u", "glusterfs.sshexec.user", json!("u")),
        ("HEKETI_SSH_PORT", "23", "glusterfs.sshexec.port", json!("23")),
        ("HEKETI_KUBE_NAMESPACE", "ns", "glusterfs.kubeexec.namespace", json!("ns")),
        ("HEKETI_KUBE_GLUSTER_DAEMONSET", "yes", "glusterfs.kubeexec.gluster_daemonset", json!(true)),
        ("HEKETI_KUBE_USE_POD_NAMES", "1", "glusterfs.kubeexec.use_pod_names", json!(true)),
        ("HEKETI_MOCK_DEVICE_SIZE_GB", "8", "glusterfs.mock_device_size_gb", json!(8)),
        ("SSH_KNOWN_HOSTS", "/a:/b", "glusterfs.sshexec.known_hosts", json!("/a:/b")),
    ] {
        let mut file = base();
        let before = load(&file, &BTreeMap::new()).config.shown();
        assert_ne!(at(&before, path), &shown, "{name} is tried with the default");
        if let Some((_, other, _)) = keys().into_iter().find(|(key, ..)| *key == path) {
            put(&mut file, path, other);
        }
        let loaded = load(&file, &BTreeMap::from([(name, text)]));
        assert_eq!(at(&loaded.config.shown(), path), &shown, "{name}");
        count += 1;
    }
    assert_eq!(count, 36 + 1, "heketi's own and SSH_KNOWN_HOSTS");
}
