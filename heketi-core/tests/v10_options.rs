//! Options of volumes and what requests may ask for, section by section of the description of heketi v10's
//! behaviour.

mod support;

use heketi_core::Kib;
use heketi_core::api::{CheckedVolumeCreate, VolumeCreateRequest, decode};
use heketi_core::error::{Error, ErrorKind};
use heketi_core::id::{ClusterId, SeededIds};
use heketi_core::inventory::Inventory;
use heketi_core::model::{ArbiterUse, Durability, TagRule, Tags, VolumeOptions, ZoneChecking};
use heketi_core::operation::{VolumeCreate, choose_cluster};
use heketi_core::placement::{Effort, Facts, Policy};
use heketi_core::units::Gib;
use support::{DeviceShape, NOW, NodeShape};

const REPLICA_3: Durability = Durability::Replicate { replica: 3 };

fn place(inventory: &Inventory, request: &CheckedVolumeCreate) -> Result<ClusterId, Error> {
    let found = choose_cluster(inventory, request, &Policy::default(), &Facts::default(), Effort::Exact, 0);
    found.map(|chosen| chosen.expect("an exact look knows").cluster)
}

/// The option behind the average file size: an unsigned decimal number of KiB, else the server's default.
#[test]
fn average_file_size_option() {
    for (option, size) in [
        ("user.heketi.average-file-size 100", 100),
        ("user.heketi.average-file-size 0", 64),
        ("user.heketi.average-file-size", 64),
        ("user.heketi.average-file-size x", 64),
        ("user.heketi.average-file-size -1", 64),
        ("user.heketi.average-file-size +1", 64),
        ("user.heketi.average-file-size 1.5", 64),
        ("user.heketi.average-file-size  7", 64),
        ("user.heketi.average-file-size 99999999999999999999", 64),
        ("other 7", 64),
    ] {
        assert_eq!(VolumeOptions(&[option.to_owned()]).average_file_size(Kib(64)), Kib(size), "{option}");
    }
}

/// Section 3.5: zone checking words and tag rules.
#[test]
fn zones_and_tag_rules() {
    for (option, default, zones) in [
        ("user.heketi.zone-checking strict", ZoneChecking::None, ZoneChecking::Strict),
        ("user.heketi.zone-checking none", ZoneChecking::Strict, ZoneChecking::None),
        ("user.heketi.zone-checking Strict", ZoneChecking::Strict, ZoneChecking::None),
        ("user.heketi.zone-checking", ZoneChecking::Strict, ZoneChecking::Strict),
        ("other strict", ZoneChecking::Strict, ZoneChecking::Strict),
    ] {
        assert_eq!(VolumeOptions(&[option.to_owned()]).zone_checking(default), zones, "{option}");
    }
    for (text, rule) in [
        ("a=b", Some(("a", true, "b"))),
        ("a!=b", Some(("a", false, "b"))),
        // The class holds the range from `.` to `_`, so operators belong to names and values too.
        ("a=b!=c", Some(("a=b", false, "c"))),
        ("a!=b=c", Some(("a", false, "b=c"))),
        ("a!=b!=c", None),
        ("a=b==", Some(("a=b", true, "="))),
        ("a.b/c:d;e<f>g?h@i=[j\\k]^_", Some(("a.b/c:d;e<f>g?h@i", true, "[j\\k]^_"))),
        ("A9_=Z0", Some(("A9_", true, "Z0"))),
        ("a==b", Some(("a=", true, "b"))),
        ("a-b=c", None),
        ("a=b-c", None),
        ("a=", None),
        ("=b", None),
        ("ab", None),
        ("a b=c", None),
        ("a=b ", None),
        ("a=`", None),
        ("ä=b", None),
        ("a!b=c", None),
    ] {
        let told = TagRule::parse(text);
        let expected = rule.map(|(name, equal, value)| TagRule { name: name.into(), equal, value: value.into() });
        assert_eq!(told.as_ref().ok(), expected.as_ref(), "{text}");
        if let Err(error) = told {
            assert_eq!(error.to_string(), format!("Invalid tag matching rule: Invalid tag match rule: {text}"));
        }
    }
    let request = CheckedVolumeCreate {
        options: vec!["user.heketi.device-tag-match a-b=c".into()],
        ..support::volume(1, Durability::None)
    };
    let (_, inventory) = support::state(&[NodeShape::of(1, vec![DeviceShape::of(Gib(100).kib())])]);
    let error = place(&inventory, &request).unwrap_err();
    let text = "Invalid tag matching rule: Invalid tag match rule: a-b=c";
    assert_eq!((error.kind(), error.text()), (ErrorKind::CannotAllocate, text));
}

/// Section 3.6: which values switch arbiters on, and which devices take which bricks.
#[test]
fn arbiter_option_and_tags() {
    for (value, on) in [
        ("1", true),
        ("t", true),
        ("T", true),
        ("true", true),
        ("TRUE", true),
        ("True", true),
        ("tRUE", false),
        ("yes", false),
        ("0", false),
        ("", false),
        (" true", false),
    ] {
        let options = [format!("user.heketi.arbiter {value}")];
        assert_eq!(VolumeOptions(&options).arbiter(), on, "{value}");
    }
    let tags =
        |value: Option<&str>| value.map(|value| ("arbiter".to_owned(), value.to_owned())).into_iter().collect::<Tags>();
    for (node, device, takes_data, takes_arbiters) in [
        (None, None, true, true),
        (Some("required"), None, false, true),
        (Some("disabled"), None, true, false),
        (Some("supported"), None, true, true),
        (Some("Required"), None, true, true),
        (Some("required"), Some("disabled"), true, false),
        (Some("disabled"), Some("supported"), true, true),
        (Some("disabled"), Some(""), true, true),
        (None, Some("required"), false, true),
    ] {
        let uses = ArbiterUse::of(&tags(node), &tags(device));
        assert_eq!((uses.takes(false), uses.takes(true)), (takes_data, takes_arbiters), "{node:?} {device:?}");
    }
}

/// Section 3.8: an option is cut at its first space, and the last one of a key counts.
#[test]
fn option_strings() {
    let options: Vec<String> = ["a b c", "key", "b 1", "b 2", " led x", "", "b"].map(String::from).into();
    let options = VolumeOptions(&options);
    for (key, value) in [
        ("a", Some("b c")),
        ("key", Some("")),
        ("b", Some("")),
        ("", Some("")),
        ("led", None),
        ("c", None),
        ("A", None),
    ] {
        assert_eq!(options.get(key), value, "{key:?}");
    }
}

fn checked(durability: &str, options: &str) -> Result<CheckedVolumeCreate, Error> {
    let body = format!(r#"{{"size":10,"durability":{durability},"glustervolumeoptions":[{options}]}}"#);
    decode::<VolumeCreateRequest>(body.as_bytes()).unwrap().check()
}

/// F10: heketi v10 took negative numbers of replicas and made volumes without bricks.
#[test]
fn replica_counts_outside_one_to_three_are_refused() {
    for (count, replica) in [(0, Some(2)), (1, Some(1)), (2, Some(2)), (3, Some(3))]
        .into_iter()
        .chain([-1, -2, -3, 4, 5, i64::from(u32::MAX) + 4, i64::MIN, i64::MAX].map(|count| (count, None)))
    {
        let told = checked(&format!(r#"{{"type":"replicate","replicate":{{"replica":{count}}}}}"#), "");
        match replica {
            Some(replica) => assert_eq!(told.unwrap().durability, Durability::Replicate { replica }),
            None => {
                let error = told.unwrap_err();
                assert_eq!((error.kind(), error.text()), (ErrorKind::Invalid, "Invalid replica value"), "{count}");
            }
        }
    }
}

/// F11: heketi v10 took the arbiter option with any durability and shrank the third brick of each set.
#[test]
fn arbiters_are_refused_unless_there_are_three_replicas() {
    let arbiter = r#""user.heketi.arbiter true""#;
    for (durability, name) in [
        ("{}", "none"),
        (r#"{"type":"replicate"}"#, "replicate 2"),
        (r#"{"type":"replicate","replicate":{"replica":1}}"#, "replicate 1"),
        (r#"{"type":"disperse","disperse":{"data":4,"redundancy":2}}"#, "disperse 4+2"),
        (r#"{"type":"disperse","disperse":{"data":2,"redundancy":1}}"#, "disperse 2+1"),
    ] {
        let error = checked(durability, arbiter).unwrap_err();
        let text = format!("Option user.heketi.arbiter needs durability replicate 3, it cannot be used with {name}");
        assert_eq!((error.kind(), error.text()), (ErrorKind::Invalid, text.as_str()));
        assert!(checked(durability, r#""user.heketi.arbiter true","user.heketi.arbiter false""#).is_ok());
    }
    assert!(checked(r#"{"type":"replicate","replicate":{"replica":3}}"#, arbiter).is_ok());
    // An option of the server asks for it too.
    let nodes = [1, 2, 3].map(|zone| NodeShape::of(zone, vec![DeviceShape::of(Gib(100).kib())]));
    let (_, inventory) = support::state(&nodes);
    for policy in [
        Policy { pre_options: vec!["user.heketi.arbiter 1".into()], ..Policy::default() },
        Policy { post_options: vec!["user.heketi.arbiter 1".into()], ..Policy::default() },
    ] {
        let choose = |durability| {
            let request = support::volume(10, durability);
            choose_cluster(&inventory, &request, &policy, &Facts::default(), Effort::Exact, 0)
        };
        assert_eq!(choose(Durability::Replicate { replica: 2 }).unwrap_err().kind(), ErrorKind::Invalid);
        let chosen = choose(REPLICA_3).unwrap().unwrap();
        let request = support::volume(10, REPLICA_3);
        let planned = VolumeCreate::plan(&inventory, &request, &chosen, &policy, &mut SeededIds::new(1), NOW);
        let mut after = inventory.clone();
        after.apply(&planned.unwrap().unwrap().changes).unwrap();
        let mut sizes: Vec<u64> = after.bricks().map(|brick| brick.size.0 / 1024).collect();
        sizes.sort_unstable();
        assert_eq!(sizes, [160, 10240, 10240], "MiB of the arbiter and the two others");
    }
}
