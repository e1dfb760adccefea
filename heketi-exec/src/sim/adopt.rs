//! Nodes that were in use before: volume groups, bricks and volumes of other origin, by their own names.

use heketi_core::model::{BrickFormat, Durability};
use heketi_core::operation::{BrickSpec, GlusterVolumeSpec};

use super::SimCluster;

impl SimCluster {
    /// A volume group on a disk, made as heketi makes one, with a given identity of the physical volume or
    /// a new one.
    ///
    /// # Errors
    /// What the node answered.
    pub fn adopt_volume_group(&self, host: &str, disk: &str, vg: &str, pv_uuid: Option<&str>) -> Result<(), String> {
        self.must(host, &format!("/usr/sbin/lvm pvcreate -qq --metadatasize=128M --dataalignment=256K '{disk}'"))?;
        self.must(host, &format!("/usr/sbin/lvm vgcreate -qq --physicalextentsize=4M --autobackup=n {vg} '{disk}'"))?;
        if let Some(uuid) = pv_uuid {
            self.with_node(host, |node| {
                let path = node.disk_path(disk);
                let pv = path.and_then(|path| node.disks.get_mut(&path)).and_then(|disk| disk.pv.as_mut());
                if let Some(pv) = pv {
                    uuid.clone_into(&mut pv.uuid);
                }
            });
        }
        Ok(())
    }

    /// A mounted brick with its thin pool, fstab line and directory. `spare`: with a metadata spare in the
    /// volume group, as heketi v10 leaves one.
    ///
    /// # Errors
    /// What the node answered.
    pub fn adopt_brick(&self, host: &str, brick: &BrickSpec, spare: bool) -> Result<(), String> {
        let BrickSpec { volume_group: vg, thin_pool, logical_volume: lv, mount_point, .. } = brick;
        let device = format!("/dev/mapper/{}", super::node::mapper_name(vg, lv));
        let options = "rw,inode64,noatime,nouuid";
        let spare = if spare { "y" } else { "n" };
        let inodes = if brick.format == BrickFormat::Arbiter { "-i maxpct=100" } else { "-i size=512" };
        let directory = brick.brick_directory();
        let lines = [
            format!("mkdir -p {mount_point}"),
            format!(
                "/usr/sbin/lvm lvcreate -qq --autobackup=n --poolmetadataspare {spare} --poolmetadatasize {}K \
                     --chunksize 256K --size {}K --thin {vg}/{thin_pool} --virtualsize {}K --name {lv}",
                brick.metadata_size.0, brick.pool_size.0, brick.size.0
            ),
            format!("mkfs.xfs {inodes} -n size=8192 {device}"),
            format!(r#"awk "BEGIN {{print \"{device} {mount_point} xfs {options} 1 2\" >> \"/etc/fstab\"}}""#),
            format!("mount -o {options} {device} {mount_point}"),
            format!("mkdir {directory}"),
            format!("chown :{} {directory}", brick.gid.max(0)),
        ];
        lines.iter().try_for_each(|line| self.must(host, line))
    }

    /// Any other logical volume.
    ///
    /// # Errors
    /// What the node answered.
    pub fn adopt_logical_volume(&self, host: &str, vg: &str, name: &str, size_kib: u64) -> Result<(), String> {
        self.must(host, &format!("/usr/sbin/lvm lvcreate -qq --size {size_kib}K --name {name} {vg}"))
    }

    /// Brings the nodes into one trusted pool.
    ///
    /// # Errors
    /// What the first node answered.
    pub fn adopt_peers(&self, hosts: &[&str]) -> Result<(), String> {
        let Some((first, others)) = hosts.split_first() else { return Ok(()) };
        others.iter().try_for_each(|other| {
            let storage =
                self.with_node(other, |node| node.storage.clone()).ok_or_else(|| format!("no node {other}"))?;
            self.must(first, &format!("gluster --mode=script peer probe {storage}"))
        })
    }

    /// A started volume on bricks that are there. The last brick of a set of three is an arbiter when asked.
    ///
    /// # Errors
    /// What the node answered.
    pub fn adopt_volume(&self, host: &str, volume: &GlusterVolumeSpec, arbiter: bool) -> Result<(), String> {
        let layout = match volume.durability {
            Durability::Replicate { replica: 3 } if arbiter => "replica 3 arbiter 1 ".to_owned(),
            Durability::Replicate { replica: 2.. } => format!("replica {} ", volume.durability.set_size()),
            Durability::Disperse { data, redundancy } => format!("disperse-data {data} redundancy {redundancy} "),
            Durability::None | Durability::Replicate { .. } => String::new(),
        };
        let bricks: Vec<String> = volume.sets.iter().flatten().map(ToString::to_string).collect();
        let name = &volume.name;
        self.must(host, &format!("gluster --mode=script volume create {name} {layout}{}", bricks.join(" ")))?;
        for option in &volume.options {
            self.must(host, &format!("gluster --mode=script volume set {name} {option}"))?;
        }
        self.must(host, &format!("gluster --mode=script volume start {name}"))
    }

    pub(super) fn must(&self, host: &str, line: &str) -> Result<(), String> {
        let result = self.admin(host, line);
        if result.success() { Ok(()) } else { Err(format!("{host}: {line}: {}", result.failure_text())) }
    }
}
