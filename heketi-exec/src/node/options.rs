use std::time::Duration;

/// How commands for nodes are made: heketi v10's configuration keys that concern command lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeOptions {
    /// File on the nodes that lists what is mounted at boot.
    pub fstab: String,
    /// Mount options of brick file systems, on the command line and in `fstab`.
    pub mount_options: String,
    /// Options that stand in `fstab` behind the mount options, for new lines: with `nofail` a node whose disk is lost
    /// boots all the same. Empty, as in heketi v10, by default.
    pub fstab_options: String,
    /// Seconds after which the gluster command gives up waiting for glusterd; 0 means 600.
    pub gluster_timeout: u32,
    /// Keep LVM's own backups of its metadata; they slow nodes with many bricks down.
    pub backup_lvm_metadata: bool,
    /// `--dataalignment` of physical volumes.
    pub pv_data_alignment: String,
    /// `--physicalextentsize` of volume groups.
    pub vg_physical_extent_size: String,
    /// `--chunksize` of thin pools; arbiter bricks always have 256K.
    pub lv_chunk_size: String,
    /// Stripe unit of brick file systems; counts only when `xfs_sw` is not 0 either.
    pub xfs_su: u32,
    /// Stripe width of brick file systems.
    pub xfs_sw: u32,
    /// Command put before LVM and udev commands, for example `nsenter --target 1 --mount`; it is read by the
    /// node's shell as it stands.
    pub lvm_wrapper: String,
    /// Name the processes that hold a brick that cannot be unmounted; heketi v10 did so only where it was told to.
    pub debug_umount_failures: bool,
    /// Spread existing data after an expansion. The engine decides by it; nothing here does.
    pub rebalance_on_expansion: bool,
    /// Most snapshots a volume may have, set when a node joins; 0 leaves gluster's own limit.
    pub snapshot_limit: u32,
    /// Let LVM set space aside for the repair of thin pool metadata. Nobody accounts for that space, so a
    /// device could not be filled to the last brick that is planned on it.
    pub pool_metadata_spare: bool,
    /// How gluster-block fills the files of new block volumes: `full`, or `no` for sparse ones.
    pub block_prealloc: String,
    /// The unit of all waits between tries; tests make it short.
    pub poll_interval: Duration,
}

impl Default for NodeOptions {
    fn default() -> Self {
        Self {
            fstab: "/etc/fstab".into(),
            mount_options: "rw,inode64,noatime,nouuid".into(),
            fstab_options: String::new(),
            gluster_timeout: 600,
            backup_lvm_metadata: false,
            pv_data_alignment: "256K".into(),
            vg_physical_extent_size: "4M".into(),
            lv_chunk_size: "256K".into(),
            xfs_su: 0,
            xfs_sw: 0,
            lvm_wrapper: String::new(),
            debug_umount_failures: true,
            rebalance_on_expansion: true,
            snapshot_limit: 0,
            pool_metadata_spare: false,
            block_prealloc: "full".into(),
            poll_interval: Duration::from_secs(1),
        }
    }
}

impl NodeOptions {
    /// Seconds the gluster command waits for glusterd.
    pub fn gluster_seconds(&self) -> u32 {
        if self.gluster_timeout == 0 { 600 } else { self.gluster_timeout }
    }

    /// How long a node may take for a gluster line: longer than the gluster command itself waits, so that
    /// gluster reports first.
    pub fn gluster_line_timeout(&self) -> Duration {
        let minutes = 1 + (u64::from(self.gluster_seconds()) + 1) / 60;
        Duration::from_secs(60 * minutes.max(10))
    }

    /// The pause before try `attempt` (1 is the first repetition) of a gluster line that found the cluster
    /// locked: ten tries over almost a minute.
    pub(super) fn lock_pause(&self, attempt: u32) -> Option<Duration> {
        (1..10).contains(&attempt).then(|| self.poll_interval * attempt.next_power_of_two().min(8))
    }

    /// The pause before try `attempt` of an `umount` that found the file system busy: five tries over 15
    /// seconds, about what a brick process needs to end.
    pub(super) fn busy_pause(&self, attempt: u32) -> Option<Duration> {
        (1..5).contains(&attempt).then(|| self.poll_interval * (1 << (attempt - 1)))
    }

    /// How often a new peer is looked for before it counts as not connected: for about a minute.
    pub(super) const PEER_POLLS: u32 = 60;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gluster_lines_get_longer_than_gluster_itself() {
        for (seconds, minutes) in [(0, 11), (600, 11), (599, 11), (598, 10), (5, 10), (3600, 61)] {
            let options = NodeOptions { gluster_timeout: seconds, ..NodeOptions::default() };
            assert_eq!(options.gluster_line_timeout(), Duration::from_secs(60 * minutes), "{seconds}");
        }
    }

    #[test]
    fn retries_are_bounded() {
        let options = NodeOptions::default();
        let total = |pause: &dyn Fn(u32) -> Option<Duration>| -> (u32, u64) {
            let pauses: Vec<_> = (1..).map_while(pause).collect();
            (pauses.len() as u32 + 1, pauses.iter().map(Duration::as_secs).sum())
        };
        assert_eq!(total(&|attempt| options.busy_pause(attempt)), (5, 15));
        assert_eq!(total(&|attempt| options.lock_pause(attempt)), (10, 51));
    }
}
