//! Writes BoltDB files as heketi v10 does, for tests and benches. Uses the public interface of the crate alone, so a
//! bench of another crate can include this file by its path.
#![allow(dead_code)]

use std::collections::BTreeMap;

use heketi_core::interchange::{
    ActionEntry, BlockVolumeEntry, BrickEntry, ClusterEntry, DeviceEntry, NodeEntry, OperationEntry, V10Database,
    VolumeEntry,
};

/// The BoltDB file of this database, with pages of this size.
pub fn write(database: &V10Database, page_size: usize) -> Vec<u8> {
    let mut nodes: BTreeMap<Vec<u8>, Vec<u8>> = entries(&database.nodes, node);
    let mut devices = entries(&database.devices, device);
    for (name, id) in &database.registrations {
        let bucket = if name.starts_with("DEVICE") { &mut devices } else { &mut nodes };
        bucket.insert(name.clone().into_bytes(), id.clone().into_bytes());
    }
    let attributes = entries(&database.attributes, |it| {
        V::Struct("DbAttributeEntry", vec![("Key", text(&it.key)), ("Value", text(&it.value))])
    });
    let buckets = [
        ("BLOCKVOLUME", entries(&database.block_volumes, block_volume)),
        ("BRICK", entries(&database.bricks, brick)),
        ("CLUSTER", entries(&database.clusters, cluster)),
        ("DBATTRIBUTE", attributes),
        ("DEVICE", devices),
        ("NODE", nodes),
        ("PENDING_OPERATIONS", entries(&database.operations, operation)),
        ("VOLUME", entries(&database.volumes, volume)),
    ];
    let buckets: Vec<_> = buckets.into_iter().map(|(name, bucket)| (name.as_bytes().to_vec(), bucket)).collect();
    bolt(&buckets, page_size)
}

/// Keys and values of a bucket.
pub type Bucket = BTreeMap<Vec<u8>, Vec<u8>>;

/// A BoltDB file of these buckets, which are sorted by name.
pub fn bolt(buckets: &[(Vec<u8>, Bucket)], page_size: usize) -> Vec<u8> {
    let mut file = File { page_size, bytes: vec![0; 3 * page_size] };
    let mut root = Vec::new();
    for (name, bucket) in buckets {
        let elements: Vec<Element> =
            bucket.iter().map(|(key, value)| Element { flags: 0, key: key.clone(), value: value.clone() }).collect();
        root.push(Element { flags: 1, key: name.clone(), value: file.bucket(elements) });
    }
    let root = file.tree(root);
    file.finish(root)
}

/// The file whose pages from the third on are these, with valid meta pages: the tree begins at page `root`.
pub fn image(pages: &[u8], page_size: usize, root: u64) -> Vec<u8> {
    let mut bytes = vec![0; 3 * page_size];
    bytes.extend(pages);
    bytes.resize(bytes.len().next_multiple_of(page_size), 0);
    File { page_size, bytes }.finish(root)
}

/// The gob stream of a text in a struct in an interface value in a map, and more: every kind of value there is.
pub fn every_kind_of_value() -> Vec<u8> {
    let inner =
        V::Struct("Inner", vec![("Name", text("x")), ("Sizes", V::Map(BTreeMap::from([("a".into(), "b".into())])))]);
    gob(&V::Struct(
        "Outer",
        vec![
            ("Flag", V::Bool(true)),
            ("Int", V::Int(-123_456_789)),
            ("Uint", V::Uint(u64::MAX)),
            ("Float", V::Float(1.2)),
            ("Text", text("text")),
            ("Texts", V::Texts(vec!["a".into(), String::new()])),
            ("Any", V::Any(Some(("*pkg.Inner", Box::new(inner.clone()))))),
            ("Number", V::Any(Some(("int", Box::new(V::Int(7)))))),
            ("Nothing", V::Any(None)),
            ("List", V::List(Box::new(inner.clone()), vec![inner.clone(), inner])),
        ],
    ))
}

fn entries<T>(records: &BTreeMap<String, T>, value: impl Fn(&T) -> V) -> BTreeMap<Vec<u8>, Vec<u8>> {
    records.iter().map(|(key, record)| (key.clone().into_bytes(), gob(&value(record)))).collect()
}

/// A value with its type.
#[derive(Clone, PartialEq)]
enum V {
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f32),
    Text(String),
    Texts(Vec<String>),
    Map(BTreeMap<String, String>),
    /// A list of structs like the first.
    List(Box<V>, Vec<V>),
    Struct(&'static str, Vec<(&'static str, V)>),
    Any(Option<(&'static str, Box<V>)>),
}

fn text(text: &str) -> V {
    V::Text(text.to_owned())
}

fn pending(id: &str) -> (&'static str, V) {
    ("Pending", V::Struct("PendingItem", vec![("Id", text(id))]))
}

fn state(state: &str) -> (&'static str, V) {
    ("Entry", V::Struct("Entry", vec![("State", text(state))]))
}

fn cluster(entry: &ClusterEntry) -> V {
    let info = &entry.info;
    let flags = V::Struct("ClusterFlags", vec![("Block", V::Bool(info.block)), ("File", V::Bool(info.file))]);
    let info = vec![
        ("Id", text(&info.id)),
        ("Nodes", V::Texts(info.nodes.clone())),
        ("Volumes", V::Texts(info.volumes.clone())),
        ("ClusterFlags", flags),
        ("BlockVolumes", V::Texts(info.blockvolumes.clone())),
    ];
    V::Struct("ClusterEntry", vec![("Info", V::Struct("ClusterInfoResponse", info))])
}

fn node(entry: &NodeEntry) -> V {
    let (info, names) = (&entry.info, &entry.info.hostnames);
    let names = vec![("Manage", V::Texts(names.manage.clone())), ("Storage", V::Texts(names.storage.clone()))];
    let request = vec![
        ("Zone", V::Int(info.zone)),
        ("Hostnames", V::Struct("HostAddresses", names)),
        ("ClusterId", text(&info.cluster)),
        ("Tags", V::Map(info.tags.clone())),
    ];
    let info = vec![("NodeAddRequest", V::Struct("NodeAddRequest", request)), ("Id", text(&info.id))];
    let devices = V::Texts(entry.devices.clone());
    V::Struct("NodeEntry", vec![state(&entry.state), ("Info", V::Struct("NodeInfo", info)), ("Devices", devices)])
}

fn device(entry: &DeviceEntry) -> V {
    let (info, size) = (&entry.info, &entry.info.storage);
    let device = vec![("Name", text(&info.name)), ("Tags", V::Map(info.tags.clone()))];
    let size = vec![("Total", V::Uint(size.total)), ("Free", V::Uint(size.free)), ("Used", V::Uint(size.used))];
    let info = vec![
        ("Device", V::Struct("Device", device)),
        ("Storage", V::Struct("StorageSize", size)),
        ("Id", text(&info.id)),
        ("Paths", V::Texts(info.paths.clone())),
        ("PvUUID", text(&info.pv_uuid)),
    ];
    let fields = vec![
        state(&entry.state),
        ("Info", V::Struct("DeviceInfo", info)),
        ("Bricks", V::Texts(entry.bricks.clone())),
        ("NodeId", text(&entry.node_id)),
        ("ExtentSize", V::Uint(entry.extent_size)),
    ];
    V::Struct("DeviceEntry", fields)
}

fn brick(entry: &BrickEntry) -> V {
    let info = &entry.info;
    let info = vec![
        ("Id", text(&info.id)),
        ("Path", text(&info.path)),
        ("DeviceId", text(&info.device)),
        ("NodeId", text(&info.node)),
        ("VolumeId", text(&info.volume)),
        ("Size", V::Uint(info.size)),
    ];
    let fields = vec![
        ("Info", V::Struct("BrickInfo", info)),
        ("TpSize", V::Uint(entry.tp_size)),
        ("PoolMetadataSize", V::Uint(entry.pool_metadata_size)),
        pending(&entry.pending.id),
        ("LvmThinPool", text(&entry.lvm_thin_pool)),
        ("LvmLv", text(&entry.lvm_lv)),
        ("SubType", V::Int(entry.sub_type)),
    ];
    V::Struct("BrickEntry", fields)
}

fn volume(entry: &VolumeEntry) -> V {
    let info = &entry.info;
    let (durability, replica) = (&info.durability, V::Int(info.durability.replicate.replica));
    let disperse =
        vec![("Data", V::Int(durability.disperse.data)), ("Redundancy", V::Int(durability.disperse.redundancy))];
    let wanted = vec![
        ("Type", text(&durability.kind)),
        ("Replicate", V::Struct("ReplicaDurability", vec![("Replica", replica.clone())])),
        ("Disperse", V::Struct("DisperseDurability", disperse)),
    ];
    let snapshot = vec![("Enable", V::Bool(info.snapshot.enable)), ("Factor", V::Float(info.snapshot.factor))];
    let request = vec![
        ("Size", V::Int(info.size)),
        ("Clusters", V::Texts(info.clusters.clone())),
        ("Name", text(&info.name)),
        ("Durability", V::Struct("VolumeDurabilityInfo", wanted)),
        ("Gid", V::Int(info.gid)),
        ("GlusterVolumeOptions", V::Texts(info.glustervolumeoptions.clone())),
        ("Block", V::Bool(info.block)),
        ("Snapshot", V::Struct("struct Snapshot", snapshot)),
    ];
    let mount = &info.mount.glusterfs;
    let mount = vec![
        ("Hosts", V::Texts(mount.hosts.clone())),
        ("MountPoint", text(&mount.device)),
        ("Options", V::Map(mount.options.clone())),
    ];
    let blocks = &info.blockinfo;
    let blocks = vec![
        ("FreeSize", V::Int(blocks.freesize)),
        ("ReservedSize", V::Int(blocks.reservedsize)),
        ("BlockVolumes", V::Texts(blocks.blockvolume.clone())),
        ("Restriction", text(&blocks.restriction)),
    ];
    let info = vec![
        ("VolumeCreateRequest", V::Struct("VolumeCreateRequest", request)),
        ("Id", text(&info.id)),
        ("Cluster", text(&info.cluster)),
        ("Mount", V::Struct("struct Mount", vec![("GlusterFS", V::Struct("struct GlusterFS", mount))])),
        ("BlockInfo", V::Struct("struct BlockInfo", blocks)),
    ];
    let counted = V::Struct("ReplicaDurability", vec![("Replica", replica)]);
    let counted = V::Struct("VolumeReplicaDurability", vec![("ReplicaDurability", counted)]);
    let fields = vec![
        ("Info", V::Struct("VolumeInfo", info)),
        ("Bricks", V::Texts(entry.bricks.clone())),
        ("Durability", V::Any(Some(("*glusterfs.VolumeReplicaDurability", Box::new(counted))))),
        ("GlusterVolumeOptions", V::Texts(entry.options.clone())),
        pending(&entry.pending.id),
    ];
    V::Struct("VolumeEntry", fields)
}

fn block_volume(entry: &BlockVolumeEntry) -> V {
    let (info, target) = (&entry.info, &entry.info.blockvolume);
    let request = vec![
        ("Size", V::Int(info.size)),
        ("Clusters", V::Texts(info.clusters.clone())),
        ("Name", text(&info.name)),
        ("Hacount", V::Int(info.hacount)),
        ("Auth", V::Bool(info.auth)),
    ];
    let target = vec![
        ("Hosts", V::Texts(target.hosts.clone())),
        ("Iqn", text(&target.iqn)),
        ("Lun", V::Int(target.lun)),
        ("Username", text(&target.username)),
        ("Password", text(target.password.expose())),
    ];
    let info = vec![
        ("BlockVolumeCreateRequest", V::Struct("BlockVolumeCreateRequest", request)),
        ("Id", text(&info.id)),
        ("BlockVolume", V::Struct("struct BlockVolume", target)),
        ("Cluster", text(&info.cluster)),
        ("BlockHostingVolume", text(&info.blockhostingvolume)),
        ("UsableSize", V::Int(info.usablesize)),
    ];
    V::Struct("BlockVolumeEntry", vec![("Info", V::Struct("BlockVolumeInfo", info)), pending(&entry.pending.id)])
}

fn operation(entry: &OperationEntry) -> V {
    let action = |it: &ActionEntry| {
        let delta = it.delta.map(|delta| ("int", Box::new(V::Int(delta))));
        let fields = vec![("Change", V::Int(it.change)), ("Id", text(&it.id)), ("Delta", V::Any(delta))];
        V::Struct("PendingOperationAction", fields)
    };
    let like = Box::new(action(&ActionEntry::default()));
    let operation = vec![
        ("PendingItem", V::Struct("PendingItem", vec![("Id", text(&entry.id))])),
        ("Timestamp", V::Int(entry.timestamp)),
        ("Type", V::Int(entry.kind)),
        ("Actions", V::List(like, entry.actions.iter().map(action).collect())),
    ];
    let operation = ("PendingOperation", V::Struct("PendingOperation", operation));
    V::Struct("PendingOperationEntry", vec![operation, ("Status", text(&entry.status))])
}

/// Writes one value with the types it needs.
struct Gob {
    /// Finished messages.
    out: Vec<u8>,
    /// Numbers of the types that were described, by name.
    types: BTreeMap<String, i64>,
}

fn gob(value: &V) -> Vec<u8> {
    let mut gob = Gob { out: Vec::new(), types: BTreeMap::new() };
    let id = gob.describe(value);
    let mut message = Vec::new();
    int(&mut message, id);
    gob.value(&mut message, value);
    gob.message(&message);
    gob.out
}

fn uint(out: &mut Vec<u8>, number: u64) {
    if number < 128 {
        out.push(number as u8);
        return;
    }
    let bytes = number.to_be_bytes();
    let skip = number.leading_zeros() as usize / 8;
    out.push((skip as u8).wrapping_sub(8));
    out.extend(&bytes[skip..]);
}

fn int(out: &mut Vec<u8>, number: i64) {
    uint(out, if number < 0 { ((!number as u64) << 1) | 1 } else { (number as u64) << 1 });
}

fn string(out: &mut Vec<u8>, text: &str) {
    uint(out, text.len() as u64);
    out.extend(text.as_bytes());
}

impl Gob {
    fn message(&mut self, bytes: &[u8]) {
        uint(&mut self.out, bytes.len() as u64);
        self.out.extend(bytes);
    }

    /// The number of a value's type, which is described first if it has to be.
    fn describe(&mut self, value: &V) -> i64 {
        let mut fresh = Vec::new();
        let id = self.number(value, &mut fresh);
        for definition in fresh {
            self.message(&definition);
        }
        id
    }

    /// The number of a type; definitions that are to be sent are appended to `fresh`.
    fn number(&mut self, value: &V, fresh: &mut Vec<Vec<u8>>) -> i64 {
        let name = match value {
            V::Bool(_) => return 1,
            V::Int(_) => return 2,
            V::Uint(_) => return 3,
            V::Float(_) => return 4,
            V::Text(_) => return 6,
            V::Any(_) => return 8,
            V::Texts(_) => "[]string".to_owned(),
            V::Map(_) => "map[string]string".to_owned(),
            V::List(like, _) => match &**like {
                V::Struct(name, _) => format!("[]{name}"),
                _ => panic!("lists are of structs"),
            },
            V::Struct(name, _) => (*name).to_owned(),
        };
        if let Some(id) = self.types.get(&name) {
            return *id;
        }
        let id = 65 + self.types.len() as i64;
        self.types.insert(name.clone(), id);
        let at = fresh.len();
        fresh.push(Vec::new());
        let mut definition = Vec::new();
        int(&mut definition, -id);
        let common = |out: &mut Vec<u8>| {
            out.push(1);
            out.push(1);
            string(out, &name);
            out.push(1);
            int(out, id);
            out.push(0);
        };
        match value {
            V::Texts(_) => {
                definition.push(2);
                common(&mut definition);
                definition.push(1);
                int(&mut definition, 6);
            }
            V::List(like, _) => {
                let element = self.number(like, fresh);
                definition.push(2);
                common(&mut definition);
                definition.push(1);
                int(&mut definition, element);
            }
            V::Map(_) => {
                definition.push(4);
                common(&mut definition);
                definition.push(1);
                int(&mut definition, 6);
                definition.push(1);
                int(&mut definition, 6);
            }
            V::Struct(_, fields) => {
                let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, self.number(value, fresh))).collect();
                definition.push(3);
                common(&mut definition);
                definition.push(1);
                uint(&mut definition, fields.len() as u64);
                for (name, id) in fields {
                    definition.push(1);
                    string(&mut definition, name);
                    definition.push(1);
                    int(&mut definition, id);
                    definition.push(0);
                }
            }
            _ => unreachable!(),
        }
        definition.extend([0, 0]);
        fresh[at] = definition;
        id
    }

    fn value(&mut self, out: &mut Vec<u8>, value: &V) {
        match value {
            V::Bool(flag) => out.push(u8::from(*flag)),
            V::Int(number) => int(out, *number),
            V::Uint(number) => uint(out, *number),
            V::Float(number) => uint(out, f64::from(*number).to_bits().swap_bytes()),
            V::Text(text) => string(out, text),
            V::Texts(texts) => {
                uint(out, texts.len() as u64);
                texts.iter().for_each(|text| string(out, text));
            }
            V::Map(map) => {
                uint(out, map.len() as u64);
                for (key, value) in map {
                    string(out, key);
                    string(out, value);
                }
            }
            V::List(_, values) => {
                uint(out, values.len() as u64);
                values.iter().for_each(|value| self.value(out, value));
            }
            V::Struct(_, fields) => {
                let mut skipped = 1;
                for (_, field) in fields {
                    if is_zero(field) {
                        skipped += 1;
                        continue;
                    }
                    uint(out, skipped);
                    self.value(out, field);
                    skipped = 1;
                }
                out.push(0);
            }
            V::Any(None) => out.push(0),
            V::Any(Some((name, inner))) => {
                string(out, name);
                self.describe_inside(out, inner);
                let mut bytes = Vec::new();
                let id = self.number(inner, &mut Vec::new());
                int(out, id);
                if !matches!(**inner, V::Struct(..)) {
                    bytes.push(0);
                }
                self.value(&mut bytes, inner);
                uint(out, bytes.len() as u64);
                out.extend(bytes);
            }
        }
    }

    /// A description that is needed in the middle of a message ends that message.
    fn describe_inside(&mut self, out: &mut Vec<u8>, value: &V) {
        let mut fresh = Vec::new();
        self.number(value, &mut fresh);
        for definition in fresh {
            out.extend(definition);
            self.message(out);
            out.clear();
        }
    }
}

fn is_zero(value: &V) -> bool {
    match value {
        V::Bool(flag) => !flag,
        V::Int(number) => *number == 0,
        V::Uint(number) => *number == 0,
        V::Float(number) => *number == 0.0,
        V::Text(text) => text.is_empty(),
        V::Texts(texts) => texts.is_empty(),
        V::Map(map) => map.is_empty(),
        V::List(_, values) => values.is_empty(),
        V::Struct(..) => false,
        V::Any(value) => value.is_none(),
    }
}

/// An element of a leaf page.
struct Element {
    flags: u32,
    key: Vec<u8>,
    value: Vec<u8>,
}

/// A file that is being written. Pages 0 and 1 hold the meta pages, page 2 the empty list of free pages.
struct File {
    page_size: usize,
    bytes: Vec<u8>,
}

/// A leaf page with its header; its number is filled in later.
fn leaf(elements: &[Element]) -> Vec<u8> {
    let mut page = header(0x02, elements.len());
    let mut data = 16 * elements.len();
    for (at, element) in elements.iter().enumerate() {
        page.extend(element.flags.to_le_bytes());
        page.extend(((data - 16 * at) as u32).to_le_bytes());
        page.extend((element.key.len() as u32).to_le_bytes());
        page.extend((element.value.len() as u32).to_le_bytes());
        data += element.key.len() + element.value.len();
    }
    for element in elements {
        page.extend(&element.key);
        page.extend(&element.value);
    }
    page
}

fn branch(children: &[(Vec<u8>, u64)]) -> Vec<u8> {
    let mut page = header(0x01, children.len());
    let mut data = 16 * children.len();
    for (at, (key, child)) in children.iter().enumerate() {
        page.extend(((data - 16 * at) as u32).to_le_bytes());
        page.extend((key.len() as u32).to_le_bytes());
        page.extend(child.to_le_bytes());
        data += key.len();
    }
    children.iter().for_each(|(key, _)| page.extend(key));
    page
}

fn header(flags: u16, count: usize) -> Vec<u8> {
    let mut page = vec![0; 8];
    page.extend(flags.to_le_bytes());
    page.extend((count as u16).to_le_bytes());
    page.extend([0; 4]);
    page
}

impl File {
    /// Appends a page, with as many pages behind it as it needs, and returns its number.
    fn add(&mut self, mut page: Vec<u8>) -> u64 {
        let number = (self.bytes.len() / self.page_size) as u64;
        let pages = page.len().div_ceil(self.page_size);
        page[..8].copy_from_slice(&number.to_le_bytes());
        page[12..16].copy_from_slice(&(pages as u32 - 1).to_le_bytes());
        page.resize(pages * self.page_size, 0);
        self.bytes.extend(page);
        number
    }

    /// The value that stands for a bucket: inline if that is small.
    fn bucket(&mut self, elements: Vec<Element>) -> Vec<u8> {
        let mut value = vec![0; 16];
        let inline = leaf(&elements);
        if inline.len() <= self.page_size / 4 {
            value.extend(inline);
        } else {
            let root = self.tree(elements);
            value[..8].copy_from_slice(&root.to_le_bytes());
        }
        value
    }

    /// Leaf pages about half full, and branch pages over them. Returns the root.
    fn tree(&mut self, elements: Vec<Element>) -> u64 {
        let (mut level, mut page, mut size) = (Vec::new(), Vec::new(), 16);
        for element in elements {
            let more = 16 + element.key.len() + element.value.len();
            if size + more > self.page_size && page.len() > 1 {
                let first: &Element = &page[0];
                level.push((first.key.clone(), self.add(leaf(&page))));
                page.clear();
                size = 16;
            }
            size += more;
            page.push(element);
        }
        let first = page.first().map(|it| it.key.clone()).unwrap_or_default();
        level.push((first, self.add(leaf(&page))));
        while level.len() > 1 {
            let width = ((self.page_size - 16) / 64).max(2);
            level = level.chunks(width).map(|part| (part[0].0.clone(), self.add(branch(part)))).collect();
        }
        level[0].1
    }

    fn finish(mut self, root: u64) -> Vec<u8> {
        let size = self.page_size;
        let pages = (self.bytes.len() / size) as u64;
        for transaction in [6u64, 7] {
            let mut meta = Vec::new();
            meta.extend(0xed0c_daed_u32.to_le_bytes());
            meta.extend(2u32.to_le_bytes());
            meta.extend((size as u32).to_le_bytes());
            meta.extend(0u32.to_le_bytes());
            for word in [root, 0, 2, pages, transaction] {
                meta.extend(word.to_le_bytes());
            }
            let sum = meta
                .iter()
                .fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
            meta.extend(sum.to_le_bytes());
            let number = transaction % 2;
            let mut page = header(0x04, 0);
            page[..8].copy_from_slice(&number.to_le_bytes());
            page.extend(meta);
            let at = number as usize * size;
            self.bytes[at..at + page.len()].copy_from_slice(&page);
        }
        let mut free = header(0x10, 0);
        free[..8].copy_from_slice(&2u64.to_le_bytes());
        self.bytes[2 * size..2 * size + free.len()].copy_from_slice(&free);
        self.bytes
    }
}
