//! gluster volumes, their refusals and answers.

use super::*;

/// One brick of this id on each of the three nodes, as gluster's words.
fn set(sim: &SimCluster, id: &str) -> String {
    (1..=3).map(|n| format!("10.0.0.{n}:{}", brick(sim, &format!("node-{n}"), id))).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_volume_lives_and_its_bricks_remember_it() {
    let sim = cluster();
    let (first, second) = (set(&sim, "1"), set(&sim, "2"));
    let before = sim.snapshot();
    assert_eq!(
        good(&sim, "node-1", &format!("{G} volume create v replica 3 {first} ")),
        "volume create: v: success: please start the volume to access data\n"
    );
    assert_eq!(good(&sim, "node-2", &format!("{G} volume add-brick v {second} ")), "volume add-brick: success\n");
    assert_eq!(good(&sim, "node-1", &format!("{G} volume set v user.heketi.id 12ab")), "volume set: success\n");
    good(&sim, "node-1", &format!("{G} volume set v group gluster-block"));
    assert_eq!(good(&sim, "node-3", &format!("{G} volume start v")), "volume start: v: success\n");
    let found = sim.snapshot().pools[0].volumes["v"].clone();
    assert_eq!((found.status.as_str(), found.set_size, found.bricks.len()), ("Started", 3, 6));
    assert!(found.options.contains(&("user.heketi.id".into(), "12ab".into())));
    assert!(found.options.contains(&("features.shard".into(), "on".into())));
    assert!(good(&sim, "node-1", &format!("{G} volume rebalance v start")).contains("has been started successfully"));

    let mount = "/var/lib/heketi/mounts/vg_b/brick_1";
    refused(&sim, "node-1", &format!("{G} volume start v"), "Volume v already started");
    refused(&sim, "node-1", &format!("{G} volume delete v"), "has been started.Volume needs to be stopped");
    refused(&sim, "node-2", &format!("umount {mount}"), "target is busy");
    good(&sim, "node-1", &format!("{G} volume stop v force"));
    refused(&sim, "node-1", &format!("{G} volume stop v"), "Volume v is not in the started state");
    good(&sim, "node-1", &format!("{G} volume stop v force"));
    sim.set_glusterd("node-3", false);
    refused(&sim, "node-1", &format!("{G} volume delete v"), "Some of the peers are down");
    sim.set_glusterd("node-3", true);
    assert_eq!(good(&sim, "node-1", &format!("{G} volume delete v")), "volume delete: v: success\n");
    assert!(sim.leftovers(&before).is_empty());

    refused(&sim, "node-1", &format!("{G} volume create w replica 3 {first}"), "is already part of a volume");
    // By force gluster takes what is left of a volume that is gone, with its data.
    good(&sim, "node-1", &format!("{G} volume create w replica 3 {first} force"));
    good(&sim, "node-1", &format!("{G} volume delete w"));
    good(&sim, "node-1", &format!("umount {mount}"));
    refused(&sim, "node-1", &format!("rmdir {mount}/brick"), "No such file or directory");
    good(&sim, "node-1", "mkfs.xfs -f /dev/mapper/vg_b-brick_1");
}

#[test]
fn volumes_that_cannot_be() {
    let sim = cluster();
    let bricks = set(&sim, "1");
    let words: Vec<&str> = bricks.split(' ').collect();
    let on_one = brick(&sim, "node-1", "2");
    let create = |rest: &str| format!("{G} volume create v {rest}");
    refused(
        &sim,
        "node-1",
        &create(&format!("replica 3 {} {}", words[0], words[1])),
        "not a multiple of replica count",
    );
    refused(
        &sim,
        "node-1",
        &create(&format!("disperse-data 2 redundancy 1 {}", words[0])),
        "not a multiple of disperse count",
    );
    refused(&sim, "node-1", &create(&format!("replica 1 {}", words[0])), "greater than 1");
    refused(
        &sim,
        "node-1",
        &create(&format!("replica 2 arbiter 1 {} {}", words[0], words[1])),
        "replica count must be 3",
    );
    let crowded = format!("replica 2 {} 10.0.0.1:{on_one}", words[0]);
    refused(&sim, "node-1", &create(&crowded), "Multiple bricks of a replicate volume are present on the same server");
    refused(&sim, "node-1", &create(&format!("{} {}", words[0], words[0])), "duplicate");
    refused(&sim, "node-1", &create("10.9.9.9:/a/b"), "is not in ' Peer in Cluster' state");
    refused(
        &sim,
        "node-1",
        &create("10.0.0.2:/var/none/brick"),
        "Staging failed on 10.0.0.2. Error: Failed to create brick directory",
    );
    good(&sim, "node-1", "mkdir -p /var/brick");
    refused(&sim, "node-1", &create("10.0.0.1:/var/brick"), "is being created in the root partition");
    let top = words[0].strip_suffix("/brick").unwrap();
    refused(&sim, "node-1", &create(top), "is a mount point");
    sim.force_unmount("node-3", "/var/lib/heketi/mounts/vg_b/brick_1");
    refused(&sim, "node-1", &create(&format!("replica 3 {bricks}")), "No such file or directory");
    good(&sim, "node-3", "mount -o rw /dev/mapper/vg_b-brick_1 /var/lib/heketi/mounts/vg_b/brick_1");
    sim.set_up("node-3", false);
    refused(&sim, "node-1", &create(&format!("replica 3 {bricks}")), "Host 10.0.0.3 not connected");
    sim.set_up("node-3", true);
    refused(&sim, "node-1", &format!("{G} volume create v/v {}", words[0]), "invalid characters");
    good(&sim, "node-1", &create(&format!("{crowded} force")));
    refused(&sim, "node-1", &create(words[1]), "Volume v already exists");
}

#[test]
fn commands_on_volumes_that_do_not_fit() {
    let sim = cluster();
    let (first, second) = (set(&sim, "1"), set(&sim, "2"));
    for line in [
        "start none",
        "stop none",
        "delete none",
        "set none user.a b",
        "rebalance none start",
        "add-brick none 10.0.0.1:/a",
        "info none",
        "heal none info",
    ] {
        refused(&sim, "node-1", &format!("{G} volume {line}"), "Volume none does not exist");
    }
    good(&sim, "node-1", &format!("{G} volume create v replica 3 {first}"));
    refused(&sim, "node-1", &format!("{G} volume set v nonsense on"), "option : nonsense does not exist");
    refused(&sim, "node-1", &format!("{G} volume set v group nonsense"), "Unable to open file");
    let one = second.split(' ').next().unwrap();
    refused(
        &sim,
        "node-1",
        &format!("{G} volume add-brick v {one}"),
        "Incorrect number of bricks supplied 1 with count 3",
    );
    refused(&sim, "node-1", &format!("{G} volume add-brick v {first}"), "is already part of a volume");
    refused(&sim, "node-1", &format!("{G} volume rebalance v start"), "needs to be started");
    let directory = "/var/lib/heketi/mounts/vg_b/brick_1/brick";
    sim.delete_directory("node-2", directory);
    refused(
        &sim,
        "node-1",
        &format!("{G} volume start v"),
        "Staging failed on 10.0.0.2. Error: Failed to find brick directory",
    );
    good(&sim, "node-2", &format!("mkdir {directory}"));
    refused(&sim, "node-1", &format!("{G} volume start v"), "trusted.glusterfs.volume-id");
    good(&sim, "node-1", &format!("{G} volume start v force"));
    refused(&sim, "node-1", &format!("{G} volume rebalance v start"), "not a distribute volume");
    good(&sim, "node-1", &format!("{G} volume add-brick v {second}"));
    sim.set_up("node-2", false);
    refused(&sim, "node-1", &format!("{G} volume rebalance v start"), "down");
}

#[test]
fn volume_info_has_glusters_shape() {
    let sim = cluster();
    let bricks = set(&sim, "1");
    good(&sim, "node-1", &format!("{G} volume create v replica 3 arbiter 1 {bricks}"));
    good(&sim, "node-1", &format!("{G} volume set v user.note 'a <b> & c'"));
    let text = good(&sim, "node-1", &format!("{G} volume info v --xml"));
    let name = format!("10.0.0.3:{}", "/var/lib/heketi/mounts/vg_b/brick_1/brick");
    for part in [
        "<cliOutput><opRet>0</opRet><opErrno>0</opErrno><opErrstr/><volInfo><volumes><volume><name>v</name><id>",
        "<status>0</status><statusStr>Created</statusStr><snapshotCount>0</snapshotCount><brickCount>3</brickCount>",
        "<replicaCount>3</replicaCount><arbiterCount>1</arbiterCount><disperseCount>0</disperseCount><redundancyCount>0</redundancyCount><type>2</type><typeStr>Replicate</typeStr>",
        &format!("\">{name}<name>{name}</name><hostUuid>"),
        "<isArbiter>1</isArbiter></brick></bricks><optCount>",
        "<option><name>user.note</name><value>a &lt;b&gt; &amp; c</value></option>",
        "</volume><count>1</count></volumes></volInfo></cliOutput>",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert_eq!(text.matches("<isArbiter>1").count(), 1);
    assert_eq!(good(&sim, "node-2", &format!("{G} volume info --xml")), text);
    assert!(good(&sim, "node-2", &format!("{G} volume info")).contains("Volume Name: v\n"));
    let missing = sim.admin("node-1", &format!("{G} volume info none --xml"));
    assert!(
        missing.success()
            && missing.stdout.contains("<opRet>-1</opRet>")
            && missing.stdout.contains("<opErrstr>Volume none does not exist</opErrstr>")
    );
    sim.set_xml_failure_status(1);
    assert!(!sim.admin("node-1", &format!("{G} volume info none --xml")).success());
}

#[test]
fn disperse_and_distribute() {
    let sim = cluster();
    let (first, second, third) = (set(&sim, "1"), set(&sim, "2"), set(&sim, "3"));
    good(&sim, "node-1", &format!("{G} volume create d disperse-data 2 redundancy 1 {first}"));
    good(&sim, "node-1", &format!("{G} volume add-brick d {second}"));
    let text = good(&sim, "node-1", &format!("{G} volume info d --xml"));
    assert!(text.contains("<disperseCount>3</disperseCount><redundancyCount>1</redundancyCount><type>9</type><typeStr>Distributed-Disperse</typeStr>"), "{text}");
    good(&sim, "node-1", &format!("{G} volume create n {third}"));
    assert!(good(&sim, "node-1", &format!("{G} volume info n --xml")).contains("<typeStr>Distribute</typeStr>"));
}

#[test]
fn heal_info_and_replaced_bricks() {
    let sim = cluster();
    let (first, second) = (set(&sim, "1"), set(&sim, "2"));
    let (old, new) = (first.split(' ').next_back().unwrap(), second.split(' ').next_back().unwrap());
    good(&sim, "node-1", &format!("{G} volume create v replica 3 {first}"));
    let replace = |old: &str, new: &str| format!("{G} volume replace-brick v {old} {new} commit force");
    refused(&sim, "node-1", &replace(old, new), "is not started");
    good(&sim, "node-1", &format!("{G} volume start v"));
    sim.set_heal_entries("node-1", "v", old, 2);
    let text = good(&sim, "node-1", &format!("{G} volume heal v info --xml"));
    assert!(text.contains("<status>Connected</status><numberOfEntries>2</numberOfEntries></brick>"), "{text}");
    sim.set_up("node-3", false);
    let text = good(&sim, "node-1", &format!("{G} volume heal v info --xml"));
    let away = format!("<brick hostUuid=\"-\"><name>{old}</name><status>Transport endpoint is not connected</status>");
    assert!(text.contains(&away), "{text}");
    refused(&sim, "node-1", &replace(old, new), "not connected");
    sim.set_up("node-3", true);
    refused(&sim, "node-1", &replace(new, old), "does not exist in volume: v");
    assert!(good(&sim, "node-1", &replace(old, new)).contains("commit force operation successful"));
    assert_eq!(sim.snapshot().pools[0].volumes["v"].bricks[2], new);
    good(&sim, "node-3", "umount /var/lib/heketi/mounts/vg_b/brick_1");
    refused(&sim, "node-3", "umount /var/lib/heketi/mounts/vg_b/brick_2", "target is busy");
}

#[test]
fn snapshots_and_clones_live_in_the_same_pools() {
    let sim = cluster();
    let bricks = set(&sim, "1");
    good(&sim, "node-1", &format!("{G} volume create v replica 3 {bricks}"));
    good(&sim, "node-1", &format!("{G} volume start v"));
    let before = sim.snapshot();
    let text = good(&sim, "node-1", &format!("{G} --xml snapshot create s v no-timestamp"));
    assert!(text.contains("<snapCreate><snapshot><name>s</name><uuid>"), "{text}");
    assert!(
        good(&sim, "node-2", &format!("{G} snapshot list v --xml"))
            .contains("<snapList><count>1</count><snapshot>s</snapshot></snapList>")
    );
    assert!(good(&sim, "node-2", &format!("{G} snapshot list none --xml")).contains("Volume (none) does not exist"));
    good(&sim, "node-1", &format!("{G} volume stop v force"));
    refused(&sim, "node-1", &format!("{G} volume delete v"), "as it has 1 snapshots");
    good(&sim, "node-1", &format!("{G} volume start v"));
    let not_active = good(&sim, "node-1", &format!("{G} --xml snapshot clone c s"));
    assert!(not_active.contains("is not activated"), "{not_active}");
    good(&sim, "node-1", &format!("{G} --xml snapshot activate s"));
    let text = good(&sim, "node-1", &format!("{G} --xml snapshot clone c s"));
    assert!(text.contains("<CloneCreate><volume><name>c</name><uuid>"), "{text}");
    good(&sim, "node-1", &format!("{G} --xml volume start c"));
    good(&sim, "node-1", &format!("{G} --xml snapshot deactivate s"));
    assert_eq!(good(&sim, "node-3", &format!("{LVM} lvs --noheadings --options=thin_count vg_b/tp_1")), "  3\n");
    assert!(good(&sim, "node-1", &format!("{G} --xml snapshot delete s")).contains("<status>Success</status>"));

    let clone = sim.snapshot().pools[0].volumes["c"].clone();
    let inner = clone.uuid.replace('-', "");
    assert_eq!(clone.bricks[1], format!("10.0.0.2:/run/gluster/snaps/{inner}/brick2/brick"));
    assert!(clone.options.contains(&("features.quota".into(), "off".into())), "{clone:?}");
    // glusterd brings its mounts back after a boot.
    let running = sim.snapshot();
    sim.reboot("node-2", "/etc/fstab");
    assert_eq!(sim.leftovers(&running), Vec::<String>::new());
    good(&sim, "node-1", &format!("{G} volume stop c force"));
    good(&sim, "node-1", &format!("{G} volume delete c"));
    for n in 1..=3 {
        let host = format!("node-{n}");
        // Nothing of the bricks went with the volume.
        good(&sim, &host, &format!("umount /var/run/gluster/snaps/{inner}/brick{n}"));
        good(&sim, &host, &format!("{LVM} lvremove --autobackup=n -f vg_b/{inner}_0"));
        good(&sim, &host, &format!("rmdir /run/gluster/snaps/{inner}/brick{n}"));
        good(&sim, &host, &format!("rmdir /run/gluster/snaps/{inner}"));
    }
    assert_eq!(sim.leftovers(&before), Vec::<String>::new());
}

#[test]
fn bricks_and_volumes_of_other_origin_are_taken_in() {
    use heketi_core::model::{BrickFormat, Durability};
    use heketi_core::operation::{BrickSpec, GlusterBrick, GlusterVolumeSpec};
    use heketi_core::units::Kib;
    let sim = cluster();
    sim.adopt_volume_group("node-1", "/dev/sdc", "old-group", Some("Zt3rQk-1aBc-9XyZ-4dEf-77Gh-LmNo-pQ5rSt")).unwrap();
    let spec = BrickSpec {
        volume_group: "old-group".into(),
        thin_pool: "the-pool".into(),
        logical_volume: "the-brick".into(),
        mount_point: "/srv/old".into(),
        size: Kib(1_048_576),
        pool_size: Kib(1_048_576),
        metadata_size: Kib(8192),
        gid: 7,
        format: BrickFormat::Normal,
    };
    sim.adopt_brick("node-1", &spec, true).unwrap();
    let brick = GlusterBrick { host: "10.0.0.1".into(), path: spec.brick_directory() };
    let volume = GlusterVolumeSpec {
        name: "old".into(),
        durability: Durability::None,
        arbiter: false,
        sets: vec![vec![brick]],
        options: vec!["user.a b".into()],
    };
    sim.adopt_volume("node-2", &volume, false).unwrap();
    let found = sim.snapshot();
    let group = &found.nodes["node-1"].volume_groups["old-group"];
    assert_eq!((group.spare, group.thin_pools["the-pool"]), (8192, (1_048_576, 8192, 1)));
    assert_eq!(found.nodes["node-1"].physical_volumes["/dev/sdc"].0, "Zt3rQk-1aBc-9XyZ-4dEf-77Gh-LmNo-pQ5rSt");
    assert_eq!(found.pools[0].volumes["old"].status, "Started");
    refused(&sim, "node-1", "umount /srv/old", "busy");
    assert!(sim.adopt_brick("node-1", &spec, true).is_err());
}

/// A brick whose logical volume is gone: its process ends, an empty directory takes its place, and it counts again.
#[test]
fn a_lost_brick_is_reset() {
    let sim = cluster();
    let bricks = set(&sim, "1");
    let lost = bricks.split(' ').nth(1).unwrap();
    let mount = "/var/lib/heketi/mounts/vg_b/brick_1";
    good(&sim, "node-1", &format!("{G} volume create v replica 3 {bricks}"));
    good(&sim, "node-1", &format!("{G} volume start v"));
    sim.delete_directory("node-2", &format!("{mount}/brick"));
    let info = || good(&sim, "node-1", &format!("{G} volume heal v info"));
    assert_eq!(info().matches("Connected").count(), 2);
    refused(&sim, "node-2", &format!("umount {mount}"), "target is busy");
    for _ in 0..2 {
        good(&sim, "node-1", &format!("{G} volume reset-brick v {lost} start"));
    }
    let commit = format!("{G} volume reset-brick v {lost} {lost} commit force");
    refused(&sim, "node-1", &commit, "Failed to create brick directory");
    good(&sim, "node-2", &format!("umount {mount}"));
    good(&sim, "node-2", &format!("mount -o rw /dev/mapper/vg_b-brick_1 {mount}"));
    good(&sim, "node-2", &format!("mkdir {mount}/brick"));
    good(&sim, "node-1", &commit);
    refused(&sim, "node-1", &commit, "must be stopped");
    assert_eq!(info().matches("Connected").count(), 3);
    assert!(sim.directory("node-2", &format!("{mount}/brick")).unwrap().volume_id.is_some());
}

#[test]
fn find_looks_into_what_is_mounted_and_not_below_it() {
    let sim = cluster();
    brick(&sim, "node-1", "1");
    good(&sim, "node-1", "mkdir -p /var/lib/heketi/mounts/vg_b/brick_1/brick/deep");
    let find = "find /var/lib/heketi/mounts -mindepth 1 -maxdepth 3 -type d";
    let root = "/var/lib/heketi/mounts/vg_b";
    assert_eq!(good(&sim, "node-1", find), format!("{root}\n{root}/brick_1\n{root}/brick_1/brick\n"));
    good(&sim, "node-1", &format!("umount {root}/brick_1"));
    assert_eq!(good(&sim, "node-1", find), format!("{root}\n{root}/brick_1\n"));
    refused(&sim, "node-2", find, "No such file or directory");
    refused(&sim, "node-1", "find / -delete", "not understand");
}
