//! Directories, file systems, mounts and text files of a node, with the refusals of the real tools.

use super::command::Command;
use super::node::{Directory, Mount, Node, Output, Tree, fail, mapper_name, ok};
use super::text_file::{Pattern, TextFile};

/// mkfs.xfs refuses anything smaller.
const XFS_MIN_KIB: u64 = 300 * 1024;
/// And below this one it does not for anybody.
const XFS_LEAST_KIB: u64 = 16 * 1024;

impl Node {
    /// A command on directories, file systems, mounts or text files. Whether gluster keeps a mount busy is
    /// known outside of the node: `in_use` tells.
    pub fn filesystem(&mut self, command: &Command, in_use: impl Fn(&Self, &str) -> bool) -> Output {
        match command {
            Command::MakeDirectory { path, parents } => self.make_directory(path, *parents),
            Command::RemoveDirectory { path } => self.remove_directory(path),
            Command::MakeFileSystem { device, force, small } => self.make_file_system(device, *force, *small),
            Command::AppendLine { line, file } => self.append_line(line, file),
            Command::DeleteLines { pattern, file, backup } => self.delete_lines(pattern, file, backup),
            Command::EditFile { file, add, gone } => self.edit_file(file, add.as_deref(), gone),
            Command::CopyFile { from, to } => match self.files.get(from).cloned() {
                Some(mut text) => {
                    text.backup = true;
                    self.files.insert(to.clone(), text);
                    ok("")
                }
                None => fail(1, format!("sed: can't read {from}: No such file or directory")),
            },
            Command::ShowFile { file } => match self.files.get(file) {
                Some(file) => ok(file.text()),
                None => fail(1, format!("cat: {file}: No such file or directory")),
            },
            Command::FindDirectories { root, depths } => self.find_directories(root, depths),
            Command::ListMounts => ok(self.mount_listing()),
            Command::Mount { device, point, options } => self.mount(device, point, options),
            Command::Unmount { target } => self.unmount(target, in_use),
            Command::ChangeGroup { group, path } => match self.directory_mut(path) {
                Some(directory) => {
                    directory.group = *group;
                    ok("")
                }
                None => fail(1, format!("chown: cannot access '{path}': No such file or directory")),
            },
            Command::ChangeMode { mode, path } => match self.directory_mut(path) {
                Some(directory) => {
                    directory.mode = *mode;
                    ok("")
                }
                None => fail(1, format!("chmod: cannot access '{path}': No such file or directory")),
            },
            Command::ListOpenFiles { path } if in_use(self, path) || self.busy.contains(path) => ok(format!(
                "COMMAND    PID USER   FD   TYPE DEVICE SIZE/OFF NODE NAME\nglusterfs 4711 \
                     root  cwd    DIR  253,4       19  128 {path}\n"
            )),
            Command::ListOpenFiles { .. } => Output { status: 1, ..Output::default() },
            other => fail(127, format!("{other:?} is no file system command")),
        }
    }

    fn make_directory(&mut self, path: &str, parents: bool) -> Output {
        let refused = |reason: &str| fail(1, format!("mkdir: cannot create directory '{path}': {reason}"));
        if self.files.contains_key(path) {
            return refused("File exists");
        }
        if self.directory(path).is_some() {
            return if parents { ok("") } else { refused("File exists") };
        }
        let mut from = 0;
        while let Some(at) = path.get(from + 1..).and_then(|rest| rest.find('/')).map(|at| from + 1 + at) {
            let parent = path.get(..at).unwrap_or_default();
            from = at;
            if self.directory(parent).is_none() {
                if !parents {
                    return refused("No such file or directory");
                }
                self.insert_directory(parent);
            }
        }
        self.insert_directory(path);
        ok("")
    }

    /// `find ROOT … -type d`: also in what is mounted below the root, and not in what is hidden by that.
    fn find_directories(&self, root: &str, depths: &std::ops::RangeInclusive<usize>) -> Output {
        if self.directory(root).is_none() {
            return fail(1, format!("find: '{root}': No such file or directory"));
        }
        let mut found = std::collections::BTreeSet::new();
        let is_visible = |path: &&String| self.locate(path).0.is_none() || self.mounts.contains_key(*path);
        found.extend(self.root.directories.keys().filter(is_visible).cloned());
        for (point, mount) in &self.mounts {
            let fs = self.vgs.get(&mount.vg).and_then(|vg| vg.lvs.get(&mount.lv)).and_then(|lv| lv.fs.as_ref());
            found.extend(fs.into_iter().flat_map(|fs| fs.directories.keys()).map(|inside| format!("{point}{inside}")));
        }
        let below = format!("{root}/");
        let is_wanted = |path: &&String| {
            path.strip_prefix(&below).is_some_and(|rest| depths.contains(&(rest.matches('/').count() + 1)))
        };
        ok(found.iter().filter(is_wanted).map(|path| format!("{path}\n")).collect::<String>())
    }

    fn insert_directory(&mut self, path: &str) {
        if let Some((tree, rest)) = self.tree_mut(path) {
            tree.directories.insert(rest.to_owned(), Directory { mode: 0o755, ..Directory::default() });
        }
    }

    fn remove_directory(&mut self, path: &str) -> Output {
        let refused = |reason: &str| fail(1, format!("rmdir: failed to remove '{path}': {reason}"));
        if self.mounts.contains_key(path) || path == "/" {
            return refused("Device or resource busy");
        }
        let Some((tree, rest)) = self.tree_mut(path) else { return refused("Input/output error") };
        match tree.directories.get(rest) {
            None => refused("No such file or directory"),
            Some(directory) if directory.used || tree.has_children(rest) => refused("Directory not empty"),
            Some(_) => {
                tree.directories.remove(rest);
                ok("")
            }
        }
    }

    fn make_file_system(&mut self, device: &str, force: bool, small: bool) -> Output {
        let found = self.lv_of_device(device);
        let Some(lv) = found.and_then(|(vg, lv)| self.vgs.get_mut(&vg)?.lvs.get_mut(&lv)) else {
            return fail(
                1,
                format!("Error accessing specified device {device}: No such file or directory\nUsage: mkfs.xfs"),
            );
        };
        if lv.mounts > 0 {
            return fail(1, format!("mkfs.xfs: {device} contains a mounted filesystem\nUsage: mkfs.xfs"));
        }
        if lv.fs.is_some() && !force {
            return fail(
                1,
                format!(
                    "mkfs.xfs: {device} appears to contain an existing filesystem (xfs).\nmkfs.xfs: Use the -f \
                         option to force overwrite."
                ),
            );
        }
        if lv.size_kib < XFS_LEAST_KIB {
            return fail(1, format!("size {} of data subvolume is too small, minimum 4096 blocks", lv.size_kib / 4));
        }
        if lv.size_kib < XFS_MIN_KIB && !small {
            return fail(1, "Filesystem must be larger than 300MB.\nUsage: mkfs.xfs");
        }
        lv.fs = Some(Tree::empty());
        ok(format!("meta-data={device:<22} isize=512    agcount=8, agsize={} blks\n", lv.size_kib / 32))
    }

    fn edit_file(&mut self, file: &str, add: Option<&str>, gone: &[String]) -> Output {
        let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
        if self.directory(if folder.is_empty() { "/" } else { folder }).is_none() {
            return fail(1, format!("heketi-fstab: line 1: {folder}/: No such file or directory"));
        }
        if add.is_none() && !self.files.contains_key(file) {
            return ok("");
        }
        let text = self.files.entry(file.to_owned()).or_default();
        if let Some(line) = gone.iter().find(|line| !text.contains(line)) {
            return fail(1, format!("{file}: changed meanwhile, nothing was changed; gone is: {line}"));
        }
        gone.iter().for_each(|line| text.remove(line));
        if let Some(line) = add.filter(|line| !text.contains(line)) {
            text.append(line);
        }
        ok("")
    }

    fn append_line(&mut self, line: &str, file: &str) -> Output {
        let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
        if !self.files.contains_key(file) && self.directory(if folder.is_empty() { "/" } else { folder }).is_none() {
            return fail(2, format!("awk: cannot open \"{file}\" (No such file or directory)"));
        }
        self.files.entry(file.to_owned()).or_default().append(line);
        ok("")
    }

    fn delete_lines(&mut self, pattern: &str, file: &str, backup: &str) -> Output {
        let pattern = match Pattern::parse(pattern) {
            Ok(pattern) => pattern,
            Err(text) => return fail(127, format!("sed: {text}")),
        };
        let Some(text) = self.files.get_mut(file) else {
            return fail(2, format!("sed: can't read {file}: No such file or directory"));
        };
        let mut before = text.clone();
        text.delete(&pattern);
        if !backup.is_empty() {
            before.backup = true;
            self.files.insert(backup.to_owned(), before);
        }
        ok("")
    }

    fn mount_listing(&self) -> String {
        let mut text = String::from(
            "proc on /proc type proc (rw,nosuid,nodev,noexec,relatime)\n/dev/vda1 on / type ext4 (rw,relatime)\n",
        );
        let disks = self.disks.values().filter_map(|disk| Some((&disk.path, disk.mounted.as_ref()?)));
        let partitions = self.disks.values().flat_map(|disk| &disk.partitions);
        let partitions = partitions.filter_map(|part| Some((&part.path, part.mounted.as_ref()?)));
        for (device, point) in disks.chain(partitions).filter(|(_, point)| point.starts_with('/')) {
            text.push_str(&format!("{device} on {point} type ext4 (rw,relatime)\n"));
        }
        for (point, mount) in &self.mounts {
            let device = mapper_name(&mount.vg, &mount.lv);
            text.push_str(&format!("/dev/mapper/{device} on {point} type xfs ({})\n", mount.options));
        }
        text
    }

    fn mount(&mut self, device: &str, point: &str, options: &str) -> Output {
        let refused = |text: &str| fail(32, format!("mount: {point}: {text}"));
        if self.directory(point).is_none() {
            return refused("mount point does not exist.");
        }
        if self.mounts.contains_key(point) {
            return refused(&format!("{device} already mounted on {point}."));
        }
        let Some((vg, lv)) = self.lv_of_device(device) else {
            return refused(&format!("special device {device} does not exist."));
        };
        let Some(volume) = self.lv_mut(&vg, &lv) else { return refused("no such device.") };
        if volume.fs.is_none() {
            return refused(&format!(
                "wrong fs type, bad option, bad superblock on {device}, missing codepage or helper program, or \
                     other error."
            ));
        }
        volume.mounts += 1;
        self.mounts.insert(point.to_owned(), Mount { vg, lv, options: options.to_owned() });
        ok("")
    }

    fn unmount(&mut self, target: &str, in_use: impl Fn(&Self, &str) -> bool) -> Output {
        let by_device = |node: &Self| {
            let (vg, lv) = node.lv_of_device(target)?;
            node.mounts.iter().find(|(_, mount)| mount.vg == vg && mount.lv == lv).map(|(point, _)| point.clone())
        };
        let known = self.mounts.contains_key(target).then(|| target.to_owned());
        let Some(point) = known.or_else(|| by_device(self)) else {
            let exists = self.directory(target).is_some();
            let text = if exists { "not mounted." } else { "no mount point specified." };
            return fail(32, format!("umount: {target}: {text}"));
        };
        let inside = format!("{point}/");
        let nested = self.mounts.range(inside.clone()..).next().is_some_and(|(other, _)| other.starts_with(&inside));
        if nested || self.busy.contains(&point) || in_use(self, &point) {
            return fail(32, format!("umount: {target}: target is busy."));
        }
        if let Some(mount) = self.mounts.remove(&point)
            && let Some(lv) = self.lv_mut(&mount.vg, &mount.lv)
        {
            lv.mounts -= 1;
        }
        ok("")
    }

    /// A power cycle: everything is unmounted, then fstab is mounted, and glusterd mounts what it made. Returns the lines whose device is not
    /// there: without `nofail` in its options such a line stops the boot of a real node.
    pub fn reboot(&mut self, fstab: &str) -> Vec<String> {
        for (_, mount) in std::mem::take(&mut self.mounts) {
            if let Some(lv) = self.lv_mut(&mount.vg, &mount.lv) {
                lv.mounts -= 1;
            }
        }
        self.busy.clear();
        // `/run` is in memory.
        self.root.directories.retain(|path, _| !path.starts_with("/run/gluster/snaps/"));
        let file = self.files.get(fstab).cloned().unwrap_or_else(TextFile::default);
        let mut failed = Vec::new();
        for line in file.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            if let [device, point, "xfs", options, ..] = words.as_slice()
                && device.starts_with("/dev/mapper/")
                && self.mount(device, point, options).status != 0
            {
                failed.push(line.to_owned());
            }
        }
        for (point, (vg, lv)) in self.gluster_mounts.clone() {
            self.make_directory(&point, true);
            self.mount(&format!("/dev/{vg}/{lv}"), &point, "rw,relatime,nouuid");
        }
        failed
    }
}
