//! Every version of gluster and LVM says the same in its own form.

use heketi_core::model::Durability;
use heketi_core::operation::{BrickHeal, GlusterBrick};
use heketi_core::units::Kib;

use super::ParseError;
use super::gluster_xml::{self, Reply};
use super::lvm::{self, GroupSize, LogicalVolume, PhysicalVolume};

/// Version, `volume info`, `pool list` and `heal info`.
macro_rules! gluster {
    ($($version:literal),*) => {
        [$((
            $version,
            include_str!(concat!("fixtures/gluster/", $version, "/volume_info.xml")),
            include_str!(concat!("fixtures/gluster/", $version, "/pool_list.xml")),
            include_str!(concat!("fixtures/gluster/", $version, "/heal_info.xml")),
        )),*]
    };
}

fn done<T: std::fmt::Debug>(version: &str, reply: Result<Reply<T>, ParseError>) -> T {
    match reply {
        Ok(Reply::Done(answer)) => answer,
        other => panic!("{version}: {other:?}"),
    }
}

fn brick(at: usize) -> GlusterBrick {
    let (host, letter) = [("10.20.0.11", "a"), ("10.20.0.12", "b"), ("10.20.0.13", "c")][at];
    GlusterBrick { host: host.into(), path: format!("/bricks/{letter}/brick") }
}

#[test]
fn every_gluster_tells_the_same() {
    for (version, info, pool, heal) in gluster!["3.12", "4.1", "5", "6", "7", "8", "9", "10", "11"] {
        let volumes = done(version, gluster_xml::volumes(info));
        let [volume] = volumes.as_slice() else { panic!("{version}: {volumes:?}") };
        assert_eq!((volume.name.as_str(), volume.started), ("vol_9c1d", true), "{version}");
        assert_eq!(volume.uuid, "7f3d9a52-0b1e-4d7e-8c11-5a90c2f4e001", "{version}");
        assert_eq!(volume.bricks, [brick(0), brick(1), brick(2)], "{version}");
        assert_eq!(volume.durability, Some(Durability::Replicate { replica: 3 }), "{version}");
        assert!(volume.options.contains(&("user.heketi.id".into(), "9c1d".into())), "{version}");
        let details = done(version, gluster_xml::volume_details(info));
        assert_eq!(details[0].option_count as usize, details[0].options.list.len(), "{version}");
        let arbiters: Vec<i64> = details[0].bricks.list.iter().map(|brick| brick.is_arbiter).collect();
        assert_eq!((details[0].brick_count as usize, arbiters), (3, vec![0, 0, 1]), "{version}");

        let peers = done(version, gluster_xml::pool_list(pool));
        let seen: Vec<_> = peers.iter().map(|peer| (peer.names.join(" "), peer.connected)).collect();
        let expected = [("10.20.0.12 stor-b", true), ("10.20.0.13", false), ("localhost", true)];
        assert_eq!(seen, expected.map(|(names, connected)| (names.to_owned(), connected)), "{version}");

        let bricks = done(version, gluster_xml::heal_info(heal));
        let connected = |at, entries| BrickHeal { brick: Some(brick(at)), connected: true, entries: Some(entries) };
        assert_eq!(bricks[..2], [connected(0, 2), connected(1, 1)], "{version}");
        assert_eq!((bricks[2].connected, bricks[2].entries), (false, None), "{version}");
        assert!(bricks[2].brick.is_none() || bricks[2].brick == Some(brick(2)), "{version}");
    }
}

/// Tiered volumes, up to gluster 5, have their bricks one level deeper.
#[test]
fn bricks_of_a_tiered_volume_are_seen() {
    let side = |name: &str, at: usize| {
        format!(
            "<{name}><numberOfBricks>1</numberOfBricks><brick uuid=\"u\">x<name>{}</name></brick></{name}>",
            brick(at)
        )
    };
    let (hot, cold) = (side("hotBricks", 0), side("coldBricks", 1));
    let text = format!(
        "<cliOutput><opRet>0</opRet><volInfo><volumes><volume><name>v</name><bricks>{hot}{cold}</bricks></volume>\
         </volumes></volInfo></cliOutput>"
    );
    assert_eq!(done("5", gluster_xml::volumes(&text))[0].bricks, [brick(0), brick(1)]);
}

macro_rules! lvm {
    ($version:literal, $file:literal) => {
        include_str!(concat!("fixtures/lvm/", $version, "/", $file))
    };
}

/// LVM 2.02 warns of lvmetad before its answer; 2.03 prints advice in the middle of it, and its log if it is asked to.
#[test]
fn every_lvm_tells_the_same() {
    const GROUP: &str = "vg_0f1e2d3c4b5a69788796a5b4c3d2e1f0";
    const BRICK: &str = "brick_0cc175b9c0f1b6a831c399e269772661";
    const POOL: &str = "tp_0cc175b9c0f1b6a831c399e269772661";
    macro_rules! files {
        ($version:literal) => {
            [
                lvm!($version, "pvs.json"),
                lvm!($version, "vgs.json"),
                lvm!($version, "lvs.json"),
                lvm!($version, "lvs_pools.txt"),
                lvm!($version, "lvs_names.txt"),
                lvm!($version, "thin_count.txt"),
                lvm!($version, "vgdisplay.txt"),
            ]
        };
    }
    for (version, [pvs, vgs, lvs, pools, names, count, display]) in [("2.02", files!("2.02")), ("2.03", files!("2.03"))]
    {
        let disk = PhysicalVolume {
            path: "/dev/sdc".into(),
            uuid: "Zt3rQk-1aBc-9XyZ-4dEf-77Gh-LmNo-pQ5rSt".into(),
            group: GROUP.into(),
        };
        assert_eq!(lvm::physical_volumes(pvs), Ok(vec![disk]), "{version}");
        let groups = lvm::volume_groups(vgs).unwrap();
        assert_eq!((groups.len(), groups[0].name.as_str()), (1, GROUP), "{version}");
        let sizes = (groups[0].total, groups[0].free, groups[0].extent);
        assert_eq!(sizes, (Kib(104_722_432), Kib(99_807_232), Kib(4096)), "{version}");
        let volumes = lvm::logical_volumes(lvs).unwrap();
        let seen: Vec<_> = volumes.iter().map(|it| (it.name.as_str(), it.thin_pool.as_deref(), it.is_pool)).collect();
        assert_eq!(seen, [(BRICK, Some(POOL), false), (POOL, None, true)], "{version}");
        assert_eq!((volumes[0].size, volumes[1].metadata), (Kib(4_194_304), Kib(20_480)), "{version}");
        let volume = |name: &str, pool: &str| LogicalVolume { name: name.into(), pool: pool.into() };
        assert_eq!(lvm::volumes_and_pools(pools), [volume(BRICK, POOL), volume(POOL, "")], "{version}");
        assert_eq!(lvm::names(names), [BRICK, POOL], "{version}");
        assert_eq!(lvm::thin_count(count), Ok(1), "{version}");
        let size = GroupSize { extent: Kib(4096), total: Kib(25567 * 4096), free: Kib(24367 * 4096) };
        assert_eq!(lvm::group_size(display, GROUP), Ok(size), "{version}");
        assert_eq!(lvm::rows("lvs", lvs).unwrap().len(), 2, "{version}");
    }
}
