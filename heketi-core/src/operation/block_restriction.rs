//! Whether a block hosting volume takes new block volumes (core section 4.11 of heketi v10's behaviour).

use super::volume_plan::cannot;
use crate::error::Error;
use crate::id::VolumeId;
use crate::inventory::{ChangeSet, Inventory};
use crate::model::{BlockHosting, BlockRestriction, Volume};
use crate::units::Gib;

/// Sets the restriction of a block hosting volume. One that a database upgrade locked first gets its reserved
/// part, if it has none, out of its free space.
///
/// # Errors
/// `NotFound`; `CannotAllocate` with heketi v10's texts for a volume that hosts no block volumes and for one
/// with too little free space; `Invalid` for the restriction that only an upgrade sets.
pub fn volume_block_restriction(
    inventory: &Inventory,
    id: VolumeId,
    restriction: BlockRestriction,
) -> Result<ChangeSet, Error> {
    let volume = inventory.volume(id).filter(|_| !inventory.is_volume_hidden(id)).ok_or_else(Error::not_found)?;
    let hosting =
        volume.hosting.ok_or_else(|| cannot("Block restrictions can only be set on block hosting volumes"))?;
    let mut changes = ChangeSet::default();
    if hosting.restriction == restriction {
        return Ok(changes);
    }
    let volume = match (hosting.restriction, restriction) {
        (_, BlockRestriction::LockedByUpdate) => {
            return Err(Error::new(crate::ErrorKind::Invalid, "restriction: must be a valid value"));
        }
        (BlockRestriction::LockedByUpdate, _) => repaired(inventory, volume, hosting)?,
        _ => Volume::clone(volume),
    };
    let hosting = volume.hosting.map(|hosting| BlockHosting { restriction, ..hosting });
    changes.put_volume(Volume { hosting, ..volume });
    Ok(changes)
}

/// The volume with its reserved part.
fn repaired(inventory: &Inventory, volume: &Volume, hosting: BlockHosting) -> Result<Volume, Error> {
    let reserved = BlockHosting::of(volume.size).reserved;
    let volume = match hosting.reserved {
        Gib(0) if hosting.free < reserved => {
            return Err(cannot(format!(
                "Can not unlock volume. {}GiB free space is required, but found {}GiB",
                reserved.0, hosting.free.0
            )));
        }
        Gib(0) => volume.with_reserved(reserved)?,
        _ => volume.clone(),
    };
    let hosted = inventory.hosted(volume.id);
    let parts = volume.hosting.map_or(0, |hosting| hosting.free.0.saturating_add(hosting.reserved.0));
    if parts.saturating_add(hosted.0) != volume.size.0 {
        return Err(cannot(format!(
            "Can not unlock volume. Its size is {}GiB, but free, reserved and hosted space add up to {}GiB; compare \
             with gluster-block's list and sizes",
            volume.size.0,
            parts.saturating_add(hosted.0)
        )));
    }
    Ok(volume)
}
