//! Mount listings and fstab.

/// What is mounted, or shall be, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// What is mounted.
    pub device: String,
    /// Where.
    pub mount_point: String,
}

/// `mount`: lines of `DEVICE on DIRECTORY type TYPE (OPTIONS)`.
pub fn mounts(text: &str) -> Vec<Mount> {
    let mount = |line: &str| {
        let (device, rest) = line.trim().split_once(" on ")?;
        let (mount_point, _) = rest.rsplit_once(" type ")?;
        Some(Mount { device: device.to_owned(), mount_point: mount_point.to_owned() })
    };
    text.lines().filter_map(mount).collect()
}

/// Volume group and logical volume of a device: `/dev/mapper/GROUP-VOLUME`, where dashes inside the names are
/// doubled, or `/dev/GROUP/VOLUME`. None for names that are neither.
pub fn logical_volume(device: &str) -> Option<(String, String)> {
    let path = device.strip_prefix("/dev/")?;
    let Some(mapped) = path.strip_prefix("mapper/") else {
        let (group, volume) = path.split_once('/')?;
        return (!volume.contains('/')).then(|| (group.to_owned(), volume.to_owned()));
    };
    let mut dashes = mapped.match_indices('-').map(|(at, _)| at).peekable();
    let mut single = None;
    while let Some(at) = dashes.next() {
        if dashes.next_if_eq(&(at + 1)).is_none() {
            single = Some(at);
            break;
        }
    }
    let (group, volume) = mapped.split_at_checked(single?)?;
    Some((group.replace("--", "-"), volume.get(1..)?.replace("--", "-")))
}

/// A line of fstab that mounts something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FstabLine<'a> {
    /// The line as it stands there.
    pub text: &'a str,
    /// What it mounts where.
    pub mount: Mount,
}

/// The lines of fstab, without comments and without lines that mount nothing.
pub fn fstab(text: &str) -> Vec<FstabLine<'_>> {
    let mount = |text| {
        let mut fields = str::split_ascii_whitespace(text);
        let device = fields.next().filter(|device| !device.starts_with('#'))?;
        let mount = Mount { device: unescape(device), mount_point: unescape(fields.next()?) };
        Some(FstabLine { text, mount })
    };
    // Not `lines`, which hides a carriage return that is part of the line.
    text.split('\n').filter_map(mount).collect()
}

/// `lsof PATH`: program and number of each process that uses it, at most `limit` of them. A brick process
/// alone has hundreds of lines.
pub fn holders(text: &str, limit: usize) -> Vec<String> {
    let mut holders: Vec<String> = Vec::new();
    for line in text.lines() {
        let mut fields = line.split_ascii_whitespace();
        if let (Some(program), Some(number)) = (fields.next(), fields.next())
            && number.bytes().all(|digit| digit.is_ascii_digit())
        {
            let holder = format!("{program} ({number})");
            if !holders.contains(&holder) && holders.len() < limit {
                holders.push(holder);
            }
        }
    }
    holders
}

/// fstab writes blanks and other signs as a backslash and three octal digits.
fn unescape(field: &str) -> String {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..3).filter(|digits| first == b'\\' && digits.iter().all(|d| (b'0'..b'8').contains(d)));
        let code = digits.and_then(|digits| {
            let code = digits.iter().fold(0_u32, |code, digit| code * 8 + u32::from(digit - b'0'));
            u8::try_from(code).ok()
        });
        match code {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(3..).unwrap_or_default();
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
