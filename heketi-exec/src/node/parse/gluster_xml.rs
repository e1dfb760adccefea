//! `gluster … --xml`, as versions 3.12 to 11 print it.

use heketi_core::api::{ExaminedBrick, ExaminedBricks, ExaminedOption, ExaminedOptions, ExaminedVolume};
use heketi_core::model::Durability;
use heketi_core::operation::{BrickHeal, GlusterBrick, GlusterVolume, Peer};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::ParseError;

/// gluster nests its answers less than ten deep.
const MAX_DEPTH: usize = 32;

/// One element: the text directly in it, and its children in order.
///
/// A tree and not typed records, because `<brick>` mixes text with children and versions differ in what
/// else they put anywhere.
#[derive(Debug, Default)]
struct Element {
    name: String,
    /// Its attribute `uuid`, the only one that is not told elsewhere too.
    uuid: String,
    text: String,
    children: Vec<Element>,
}

impl Element {
    fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// Every element of this name below, however deep, in order.
    fn below<'a>(&'a self, name: &str) -> Vec<&'a Self> {
        let (mut found, mut open) = (Vec::new(), vec![self.children.iter()]);
        while let Some(level) = open.last_mut() {
            match level.next() {
                Some(child) if child.name == name => found.push(child),
                Some(child) => open.push(child.children.iter()),
                None => _ = open.pop(),
            }
        }
        found
    }

    fn text_of(&self, name: &str) -> &str {
        self.child(name).map_or("", |child| child.text.trim())
    }

    fn named(start: &BytesStart<'_>) -> Self {
        let uuid = start.try_get_attribute("uuid").ok().flatten();
        let uuid = uuid.map(|uuid| uuid.value.into_owned()).unwrap_or_default();
        Self { name: start.local_name().as_ref().to_owned(), uuid, ..Self::default() }
    }
}

fn bad(why: impl Into<String>, text: &str) -> ParseError {
    ParseError::new("gluster --xml", why, text)
}

/// Reads the text into a tree, from `<cliOutput` on: messages may stand before it.
fn read(text: &str) -> Result<Element, ParseError> {
    let start = text.find("<cliOutput").ok_or_else(|| bad("no cliOutput", text))?;
    let mut reader = Reader::from_str(text.get(start..).unwrap_or_default());
    let mut open: Vec<Element> = Vec::new();
    loop {
        let closed = match reader.read_event().map_err(|error| bad(error.to_string(), text))? {
            Event::Start(start) => {
                if open.len() >= MAX_DEPTH {
                    return Err(bad("nested too deeply", text));
                }
                open.push(Element::named(&start));
                continue;
            }
            Event::Empty(start) => Element::named(&start),
            Event::End(_) => open.pop().ok_or_else(|| bad("an end without a start", text))?,
            Event::Text(part) => {
                append(&mut open, &part);
                continue;
            }
            Event::CData(part) => {
                append(&mut open, &part);
                continue;
            }
            Event::GeneralRef(reference) => {
                let resolved = match reference.resolve_char_ref() {
                    Ok(Some(c)) => c.to_string(),
                    _ => entity(&reference),
                };
                append(&mut open, &resolved);
                continue;
            }
            Event::Eof => return Err(bad("it ends too early", text)),
            _ => continue,
        };
        match open.last_mut() {
            Some(parent) => parent.children.push(closed),
            None => return Ok(closed),
        }
    }
}

fn append(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

/// The character an entity stands for; an unknown one stays as it was written.
fn entity(name: &str) -> String {
    match name {
        "lt" => "<".into(),
        "gt" => ">".into(),
        "amp" => "&".into(),
        "quot" => "\"".into(),
        "apos" => "'".into(),
        other => format!("&{other};"),
    }
}

/// gluster's answer: what was asked for, or why it refused. The exit status does not tell them apart,
/// because versions differ in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply<T> {
    /// It did what it was asked.
    Done(T),
    /// It did not; the text says why.
    Refused(String),
}

/// Reads the answer; `content` reads what a successful one holds.
fn reply<T>(text: &str, content: impl FnOnce(&Element) -> T) -> Result<Reply<T>, ParseError> {
    let root = read(text)?;
    let code = root.text_of("opRet");
    if code.is_empty() {
        return Err(bad("no opRet", text));
    }
    // Some versions fill an empty text with the printed form of a null pointer.
    let message = Some(root.text_of("opErrstr")).filter(|message| !message.is_empty() && *message != "(null)");
    Ok(match (code, message) {
        (_, Some(message)) => Reply::Refused(message.to_owned()),
        ("0", None) => Reply::Done(content(&root)),
        (code, None) => Reply::Refused(format!("gluster failed with code {code}, error {}", root.text_of("opErrno"))),
    })
}

/// Did the command succeed?
///
/// # Errors
/// [`ParseError`] when the text holds no whole answer.
pub fn status(text: &str) -> Result<Reply<()>, ParseError> {
    reply(text, |_| ())
}

/// `pool list --xml` and `peer status --xml`: all members, the asked host among them as `localhost` where
/// the command lists it.
///
/// # Errors
/// [`ParseError`] when the text holds no whole answer.
pub fn pool_list(text: &str) -> Result<Reply<Vec<Peer>>, ParseError> {
    reply(text, |root| {
        let Some(status) = root.child("peerStatus") else { return Vec::new() };
        status.all("peer").map(peer).collect()
    })
}

fn peer(element: &Element) -> Peer {
    let mut names: Vec<String> = Vec::new();
    let more = element.child("hostnames").into_iter().flat_map(|list| list.all("hostname"));
    for name in element.all("hostname").chain(more).map(|name| name.text.trim()) {
        if !name.is_empty() && !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    // A peer that is rejected, or not accepted yet, has a connection and is of no use.
    let accepted = matches!(element.text_of("state"), "" | "3");
    let connected = element.text_of("connected") == "1" && accepted;
    Peer { names, uuid: element.text_of("uuid").to_owned(), connected }
}

/// `volume info --xml`, for one volume or all. No volume at all is an empty list, also where a version
/// reports that as a failure.
///
/// # Errors
/// [`ParseError`] when the text holds no whole answer.
pub fn volumes(text: &str) -> Result<Reply<Vec<GlusterVolume>>, ParseError> {
    each_volume(text, volume)
}

/// The same with everything it tells.
///
/// # Errors
/// [`ParseError`] when the text holds no whole answer.
pub fn volume_details(text: &str) -> Result<Reply<Vec<ExaminedVolume>>, ParseError> {
    each_volume(text, volume_detail)
}

fn each_volume<T>(text: &str, read: impl Fn(&Element) -> T) -> Result<Reply<Vec<T>>, ParseError> {
    let reply = reply(text, |root| {
        let list = root.child("volInfo").and_then(|info| info.child("volumes"));
        list.into_iter().flat_map(|list| list.all("volume")).map(read).collect()
    })?;
    Ok(match reply {
        Reply::Refused(message) if message.to_ascii_lowercase().contains("no volumes present") => {
            Reply::Done(Vec::new())
        }
        other => other,
    })
}

fn volume(element: &Element) -> GlusterVolume {
    let options = element.child("options").into_iter().flat_map(|list| list.all("option"));
    GlusterVolume {
        name: element.text_of("name").to_owned(),
        uuid: element.text_of("id").to_owned(),
        started: element.text_of("status") == "1" || element.text_of("statusStr") == "Started",
        bricks: bricks_of(element).into_iter().filter_map(brick).collect(),
        options: options
            .map(|option| (option.text_of("name").to_owned(), option.text_of("value").to_owned()))
            .collect(),
        durability: durability(element),
    }
}

/// Those of a tiered volume (up to gluster 5) are one level deeper; a brick that is overlooked would count as unused.
fn bricks_of(volume: &Element) -> Vec<&Element> {
    volume.child("bricks").map(|list| list.below("brick")).unwrap_or_default()
}

fn volume_detail(element: &Element) -> ExaminedVolume {
    let text = |name| element.text_of(name).to_owned();
    let number = |name| element.text_of(name).parse().unwrap_or(0);
    let bricks = bricks_of(element).into_iter();
    let options = element.child("options").into_iter().flat_map(|list| list.all("option"));
    let brick = |element: &Element| ExaminedBrick {
        uuid: element.uuid.clone(),
        name: brick(element).map(|brick| brick.to_string()).unwrap_or_default(),
        host_uuid: element.text_of("hostUuid").to_owned(),
        is_arbiter: element.text_of("isArbiter").parse().unwrap_or(0),
    };
    let option = |element: &Element| ExaminedOption {
        name: element.text_of("name").to_owned(),
        value: element.text_of("value").to_owned(),
    };
    ExaminedVolume {
        xml_name: "volume".into(),
        name: text("name"),
        id: text("id"),
        status: number("status"),
        status_text: text("statusStr"),
        brick_count: number("brickCount"),
        dist_count: number("distCount"),
        stripe_count: number("stripeCount"),
        replica_count: number("replicaCount"),
        arbiter_count: number("arbiterCount"),
        disperse_count: number("disperseCount"),
        redundancy_count: number("redundancyCount"),
        kind: number("type"),
        kind_text: text("typeStr"),
        transport: number("transport"),
        bricks: ExaminedBricks { xml_name: "bricks".into(), list: bricks.map(brick).collect() },
        option_count: number("optCount"),
        options: ExaminedOptions { xml_name: "options".into(), list: options.map(option).collect() },
    }
}

/// `volume heal V info --xml`: every brick gluster lists, those that do not answer among them. Old versions call
/// such a brick `information not available`, newer ones by its name.
///
/// # Errors
/// [`ParseError`] when the text holds no whole answer.
pub fn heal_info(text: &str) -> Result<Reply<Vec<BrickHeal>>, ParseError> {
    reply(text, |root| {
        let list = root.child("healInfo").and_then(|info| info.child("bricks"));
        list.into_iter().flat_map(|list| list.all("brick")).map(brick_heal).collect()
    })
}

fn brick_heal(element: &Element) -> BrickHeal {
    let entries = element.text_of("numberOfEntries").parse().ok();
    let connected = match element.text_of("status") {
        // Versions without a status print a number only for bricks that answer.
        "" => entries.is_some(),
        status => status == "Connected",
    };
    BrickHeal { brick: brick(element), connected, entries }
}

/// How bricks form sets; none for an answer without the counts.
fn durability(element: &Element) -> Option<Durability> {
    let count = |name| element.text_of(name).parse::<u32>().ok();
    let (replica, disperse) = (count("replicaCount")?, count("disperseCount").unwrap_or(0));
    Some(match (disperse, count("redundancyCount").unwrap_or(0)) {
        (0, _) if replica > 1 => Durability::Replicate { replica },
        (0, _) => Durability::None,
        (all, redundancy) => Durability::Disperse { data: all.checked_sub(redundancy)?, redundancy },
    })
}

/// A brick's name is in a child, and in old versions only in the text beside it.
fn brick(element: &Element) -> Option<GlusterBrick> {
    let name = match element.text_of("name") {
        "" => element.text.trim(),
        name => name,
    };
    // The host may be an IPv6 address, the path is absolute.
    let (host, path) = name.split_once(":/")?;
    Some(GlusterBrick { host: host.to_owned(), path: format!("/{path}") })
}

/// `snapshot list V --xml`: names of the volume's snapshots. `total` can be greater than the number of
/// names in an answer that holds only the number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SnapshotList {
    /// How many there are.
    pub total: u64,
    /// Their names.
    pub names: Vec<String>,
}

/// `snapshot list V --xml`.
///
/// # Errors
/// [`ParseError`] when the text holds no whole answer.
pub fn snapshots(text: &str) -> Result<Reply<SnapshotList>, ParseError> {
    reply(text, |root| {
        let Some(list) = root.child("snapList") else { return SnapshotList::default() };
        let names: Vec<String> = list.all("snapshot").map(|name| name.text.trim().to_owned()).collect();
        SnapshotList { total: list.text_of("count").parse().unwrap_or(0).max(names.len() as u64), names }
    })
}
