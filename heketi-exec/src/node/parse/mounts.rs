//! Mount listings and fstab.

/// A mounted file system or a line of fstab.
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

/// The lines of fstab, without comments and without lines that mount nothing.
pub fn fstab(text: &str) -> Vec<Mount> {
    let mount = |line: &str| {
        let mut fields = line.split_ascii_whitespace();
        let device = fields.next().filter(|device| !device.starts_with('#'))?;
        Some(Mount { device: unescape(device), mount_point: unescape(fields.next()?) })
    };
    text.lines().filter_map(mount).collect()
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
