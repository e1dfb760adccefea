//! Databases of heketi v10: started on, looked at, checked, repaired, exported and imported.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::*;

pub const SAMPLES: [&str; 3] = ["heketi-v10-crashed-clone", "heketi-v6x", "heketi-v40"];

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../heketi-core/tests/data").join(name)
}

/// A directory with a configuration and a database of heketi v10.
pub fn moved_in(sample: &str) -> (tempfile::TempDir, PathBuf, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let (config, db) = (mock_config(directory.path()), directory.path().join("heketi.db"));
    configure(&config, &[("/glusterfs/loglevel", "warning".into())]);
    fs::copy(data(&format!("{sample}.db")), &db).unwrap();
    fs::set_permissions(&db, fs::Permissions::from_mode(0o600)).unwrap();
    (directory, config, db)
}

fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    entries.map(|it| (it.file_name().into_string().unwrap(), fs::read(it.path()).unwrap())).collect()
}

/// Runs to success and returns what it prints.
fn ok(arguments: &[&str]) -> (String, String) {
    let output = run(arguments);
    let told = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{arguments:?}: {told:?}");
    told
}

/// Runs to exit status 1 and returns what it tells.
fn refused(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", text(&output.stdout));
    text(&output.stderr).trim_end_matches('\n').to_owned()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn export(db: &Path) -> Value {
    serde_json::from_str(&ok(&["db", "export", "--dbfile", path(db), "--jsonfile", "-"]).0).unwrap()
}

/// Without what every import makes anew.
fn comparable(mut database: Value) -> Value {
    database["dbattributeentries"]["DB_GENERATION_ID"].take();
    database
}

#[test]
fn a_server_converts_a_v10_database_once_and_serves_it() {
    for sample in SAMPLES {
        let (directory, config, db) = moved_in(sample);
        let original = fs::read(&db).unwrap();
        let log = directory.path().join("log");
        let server = Server::start_logging(&config, &log);
        let before: Value =
            serde_json::from_str(&fs::read_to_string(data(&format!("{sample}.json"))).unwrap()).unwrap();
        let (status, _, dump) = server.request("GET", "/db/dump", "");
        let dump: Value = serde_json::from_str(&dump).unwrap();
        assert_eq!(status, 200);
        for (kind, key) in [("clusters", "clusterentries"), ("nodes", "nodeentries"), ("devices", "deviceentries")] {
            let ids = |it: &Value| it[key].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
            assert_eq!(ids(&dump), ids(&before), "{kind} of {sample}");
        }
        let told = fs::read_to_string(&log).unwrap();
        for words in [
            "was converted",
            "heketi.db.v10",
            "the audit of what it was converted to finds nothing wrong",
            "the way back to heketi v10: stop heketi, `mv ",
        ] {
            assert!(told.contains(words), "{words}: {told}");
        }
        let volumes = server.ok(&["volume", "list"]);
        assert!(server.stop());
        assert!(fs::read(directory.path().join("heketi.db.v10")).unwrap() == original, "untouched");

        let server = Server::start_logging(&config, &log);
        assert_eq!(server.ok(&["volume", "list"]), volumes);
        assert!(!fs::read_to_string(&log).unwrap().contains("was converted"), "once");
        assert!(server.stop());
    }
}

#[test]
fn a_server_that_is_killed_while_it_starts_leaves_a_state_that_starts() {
    let (directory, config, db) = moved_in(SAMPLES[0]);
    let original = fs::read(&db).unwrap();
    let server = Server::start(&config);
    let wanted = server.ok(&["volume", "list"]);
    assert!(server.stop());
    for milliseconds in [0, 8, 16, 32] {
        for (name, _) in files(directory.path()).into_iter().filter(|(name, _)| name.starts_with("heketi.db")) {
            fs::remove_file(directory.path().join(name)).unwrap();
        }
        fs::write(&db, &original).unwrap();
        let argument = format!("--config={}", config.display());
        let null = std::process::Stdio::null;
        let mut killed = heketi(&[&argument]).stdout(null()).stderr(null()).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(milliseconds));
        killed.kill().unwrap();
        killed.wait().unwrap();
        // Wherever it was.
        let server = Server::start(&config);
        assert_eq!(server.ok(&["volume", "list"]), wanted, "{milliseconds}");
        assert!(server.stop());
        assert!(fs::read(directory.path().join("heketi.db.v10")).unwrap() == original, "{milliseconds}");
    }
}

#[test]
fn the_way_back_that_is_logged_leads_back() {
    let (directory, config, db) = moved_in(SAMPLES[0]);
    let original = fs::read(&db).unwrap();
    let log = directory.path().join("log");
    let server = Server::start_logging(&config, &log);
    assert!(server.stop());
    let told = fs::read_to_string(&log).unwrap();
    let line = told.split("the way back to heketi v10: stop heketi, `").nth(1).unwrap().split('`').next().unwrap();
    assert!(std::process::Command::new("sh").args(["-c", line]).status().unwrap().success());
    assert!(fs::read(&db).unwrap() == original);
    assert_eq!(fs::metadata(&db).unwrap().permissions().mode() & 0o777, 0o600, "v10 must be able to write it");
    // And in again.
    assert!(Server::start(&config).stop());
}

#[test]
fn a_database_that_cannot_be_converted_is_refused_and_not_touched() {
    let (directory, config, db) = moved_in(SAMPLES[0]);
    let argument = format!("--config={}", config.display());
    let whole = fs::read(&db).unwrap();
    for (content, word) in
        [(&whole[..whole.len() / 2], "truncated"), (&b"no database at all"[..], "not a heketi database")]
    {
        fs::write(&db, content).unwrap();
        let before = files(directory.path());
        let told = refused(&[&argument]);
        assert!(told.contains("ERROR: ") && told.contains(word) && told.contains("heketi.db"), "{told}");
        assert!(files(directory.path()) == before, "{word}");
    }
    fs::write(&db, &whole).unwrap();
    let v10 = File::open(&db).unwrap();
    v10.lock().unwrap();
    let before = files(directory.path());
    let told = refused(&[&argument]);
    assert!(told.contains("in use") && told.contains("running heketi v10"), "{told}");
    let told = refused(&["db", "export", "--dbfile", path(&db), "--jsonfile", "-"]);
    assert!(told.contains("failed to dump db: Unable to open database: ") && told.contains("in use by"), "{told}");
    assert!(files(directory.path()) == before);
}

#[test]
fn a_v10_database_that_is_only_read_stays_one() {
    let (directory, config, db) = moved_in(SAMPLES[0]);
    configure(&config, &[("/glusterfs/db_read_only", true.into())]);
    let before = files(directory.path());
    let server = Server::start(&config);
    assert_eq!(server.ok(&["cluster", "list"]).matches("Id:").count(), 2);
    assert_eq!(server.refused(&["cluster", "create"]), "database is in read-only mode");
    assert!(server.stop());
    assert!(files(directory.path()) == before);
    drop(db);
}

#[test]
fn a_database_in_use_is_not_worked_on() {
    let directory = tempfile::tempdir().unwrap();
    let (config, db) = (mock_config(directory.path()), directory.path().join("heketi.db"));
    let server = Server::start(&config);
    server.ok(&["cluster", "create"]);
    let db = path(&db);
    let config = path(&config);
    let all = [
        &["db", "export", "--dbfile", db, "--jsonfile", "-"][..],
        &["db", "dump", "--dbfile", db],
        &["db", "check", "--dbfile", db],
        &["db", "consistency-check", "--dbfile", db],
        &["db", "repair", "--apply", "--dbfile", db],
        &["db", "delete-bricks-with-empty-path", "--all", "--dbfile", db],
        &["offline", "cleanup-operations", "--config", config],
        &["offline", "state", "examine", "gluster", "--config", config],
        &["offline", "update-dbvol", "--config", config],
        &["--config", config],
    ];
    // Each waits for v10's 3 s, so they do it side by side.
    std::thread::scope(|scope| {
        let told = all.map(|arguments| (arguments, scope.spawn(move || refused(arguments))));
        for (arguments, told) in told {
            let told = told.join().unwrap();
            assert!(
                told.contains("in use by another heketi, which did not let go of it in 3 s"),
                "{arguments:?}: {told}"
            );
        }
    });
    assert!(server.stop());
}

#[test]
fn what_is_exported_can_be_imported() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let (json, db) = (at("v10.json"), at("imported.db"));
    let sample = path(&data("heketi-v6x.db")).to_owned();
    assert_eq!(
        ok(&["db", "export", "--dbfile", &sample, "--jsonfile", path(&json)]).1,
        format!("DB exported to {sample}\n")
    );
    assert_eq!(fs::metadata(&json).unwrap().permissions().mode() & 0o777, 0o600);
    let told = ok(&["db", "import", "--jsonfile", path(&json), "--dbfile", path(&db)]).1;
    assert!(told.ends_with(&format!("DB imported to {}\n", db.display())), "{told}");
    // A second way round changes nothing any more.
    let (first, again, second) = (export(&db), at("again.json"), at("second.db"));
    ok(&["db", "export", "--format", "v10", "--dbfile", path(&db), "--jsonfile", path(&again)]);
    ok(&["db", "import", "--jsonfile", path(&again), "--dbfile", path(&second)]);
    let second = export(&second);
    assert_eq!(comparable(second.clone()), comparable(first.clone()));
    let generation = |it: &Value| it["dbattributeentries"]["DB_GENERATION_ID"]["Value"].as_str().unwrap().to_owned();
    assert_ne!(generation(&first), generation(&second), "it is another database");

    let before = files(directory.path());
    let (json, db) = (path(&json), path(&db));
    for (arguments, told) in [
        (&["db", "import", "--dbfile", db][..], "Please provide file for input".to_owned()),
        (&["db", "import", "--jsonfile", json], "Please provide path for db file".to_owned()),
        (&["db", "export", "--jsonfile", "-"], "Please provide path for db file".to_owned()),
        (
            &["db", "import", "--jsonfile", json, "--dbfile", db],
            format!("db creation failed: {db} file already exists"),
        ),
        (
            &["db", "export", "--dbfile", db, "--jsonfile", json],
            format!("failed to dump db: Could not create json file: open {json}: file exists"),
        ),
    ] {
        assert_eq!(refused(arguments), told);
    }
    let (none, bad) = (at("none"), at("new.db"));
    let told = refused(&["db", "import", "--jsonfile", path(&none), "--dbfile", path(&bad)]);
    assert!(told.starts_with("db creation failed: Could not open input file: "), "{told}");
    let told = refused(&["db", "import", "--jsonfile", db, "--dbfile", path(&bad)]);
    assert!(told.starts_with("db creation failed: Could not decode input file as JSON: "), "{told}");
    let told = refused(&["db", "export", "--dbfile", path(&none), "--jsonfile", "-"]);
    assert!(told.contains("does not exist"), "{told}");
    assert!(files(directory.path()) == before, "nothing was written");
    assert_eq!(run(&["db", "export", "--foo"]).status.code(), Some(255));
    assert!(ok(&["db"]).0.contains("Usage: heketi db") && ok(&["offline", "state"]).0.contains("examine"));
}

#[test]
fn a_v10_database_is_checked_as_v10_does_and_explained() {
    let (directory, _, db) = moved_in(SAMPLES[0]);
    let before = files(directory.path());
    let checked: Value = serde_json::from_str(&ok(&["db", "consistency-check", "--dbfile", path(&db)]).0).unwrap();
    assert_eq!(checked["clusters"]["notok"], 1);
    let clone = "8bcb488870a7db4d85b794b7560c58cf";
    let told = checked["clusters"]["inconsistencies"][0].as_str().unwrap();
    assert_eq!(told, format!("Cluster e87f5e079eb34dbd5f64852341a8fb3d unknown volume {clone}"));
    assert_eq!((&checked["bricks"]["total"], &checked["bricks"]["pending"]), (&23.into(), &2.into()));
    assert_eq!(checked["totalinconsistencies"], 3);
    assert_eq!(checked["dbattributes"]["total"], 0);
    let explained = run(&["db", "check", "--dbfile", path(&db)]);
    let out = text(&explained.stdout);
    assert_eq!(explained.status.code(), Some(1));
    assert!(out.contains("1f90c48148e93f765df72aafab265f4c") && out.contains("clone"), "{out}");
    assert!(files(directory.path()) == before, "looking changes nothing");
}

#[test]
fn what_is_damaged_is_refused_until_it_is_repaired() {
    // A brick that no list has, a volume that names a brick which is not there, and sizes that do not add up.
    let directory = tempfile::tempdir().unwrap();
    let (json, db) = (directory.path().join("damaged.json"), directory.path().join("new.db"));
    let mut database = export(&data("heketi-v6x.db"));
    let device =
        database["deviceentries"].as_object_mut().unwrap().values_mut().find(|it| it["Info"]["storage"]["used"] != 0);
    let device = device.unwrap();
    device["Info"]["storage"]["free"] = 1.into();
    let volume = database["volumeentries"].as_object_mut().unwrap().values_mut().next().unwrap();
    volume["Bricks"].as_array_mut().unwrap().push("0123456789abcdef0123456789abcdef".into());
    fs::write(&json, database.to_string()).unwrap();
    let (json, db) = (path(&json), path(&db));
    let damaged = fs::read(json).unwrap();

    let check = run(&["db", "check", "--dbfile", json]);
    let found = text(&check.stdout);
    assert_eq!(check.status.code(), Some(1));
    assert!(found.contains("0123456789abcdef0123456789abcdef") && found.contains("size values differ"), "{found}");
    assert!(found.matches("\n  Repair: ").count() >= 2, "{found}");
    let plan = ok(&["db", "repair", "--dry-run", "--dbfile", json]).0;
    assert!(plan.contains("Repair: ") && plan.ends_with("--apply would make these repairs\n"), "{plan}");
    assert_eq!(refused(&["db", "repair", "--dbfile", json]), "name one of --dry-run and --apply");
    assert!(fs::read(json).unwrap() == damaged);

    let told = ok(&["db", "repair", "--apply", "--dbfile", json]).0;
    assert!(told.contains("Repaired: "), "{told}");
    let copies: Vec<_> =
        files(directory.path()).into_iter().filter(|(name, _)| name.contains(".before-repair.")).collect();
    assert!(copies.len() == 1 && copies[0].1 == damaged, "a copy was made first");
    assert_eq!(ok(&["db", "check", "--dbfile", json]).0, "No problems found\n");
    ok(&["db", "import", "--jsonfile", json, "--dbfile", db]);
    assert_eq!(ok(&["db", "check", "--dbfile", db]).0, "No problems found\n");
    assert!(ok(&["db", "repair", "--apply", "--dbfile", db]).0.contains("Nothing to repair"));
}

#[test]
fn bricks_without_a_path_are_deleted() {
    let told = refused(&["db", "delete-bricks-with-empty-path", "--dbfile", path(&data("heketi-v40.db"))]);
    assert_eq!(told, "neither --all flag nor list of clusters/nodes/devices is given");
    let told =
        refused(&["db", "delete-bricks-with-empty-path", "--nodes", "abc", "--dbfile", path(&data("heketi-v40.db"))]);
    assert_eq!(told, "failed to delete bricks with empty path: abc is not a valid UUID");
    let (directory, _, db) = moved_in("heketi-v40");
    let before = files(directory.path());
    let told = ok(&["db", "delete-bricks-with-empty-path", "--all", "--dbfile", path(&db)]);
    assert_eq!(told.1, "bricks with empty path removed \n");
    assert!(files(directory.path()) == before, "there is none in it");
}
