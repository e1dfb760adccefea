//! From our records to heketi v10's.

mod operations;
mod records;

use super::{AttributeEntry, V10Database};
use crate::id::{IdSource, QueueId};
use crate::inventory::Inventory;
use crate::model::{Origin, OriginOf};

/// Why a state cannot be written as a database of heketi v10.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "heketi v10 does not know these pending operations: {}. Wait for them, clean them up, or force the export, which \
     leaves them out", .operations.join(", ")
)]
pub struct ExportRefused {
    /// The pending operations v10 has no kind for: kind, object and id of each.
    pub operations: Vec<String>,
}

/// What a new database is given, so that every dump of it tells the same generation id, as in heketi v10.
pub fn name_database(ids: &mut dyn IdSource) -> Origin {
    let generation = (super::json::GENERATION.to_owned(), QueueId::new(ids).to_string());
    Origin { id: Origin::OF_DATABASE, of: OriginOf::Database([generation].into()) }
}

impl V10Database {
    /// Our state in v10's records, with every field that v10 requires. `ids` gives the database its generation id
    /// where the state has none. With `force`, pending operations that v10 does not know are
    /// left out.
    ///
    /// What v10 has no place for is left out: host keys, finished jobs, and bricks that wait for their node to be
    /// destroyed, whose space stays in use.
    ///
    /// # Errors
    /// [`ExportRefused`] names the pending operations v10 does not know.
    pub fn from_inventory(inventory: &Inventory, ids: &mut dyn IdSource, force: bool) -> Result<Self, ExportRefused> {
        let mut database = Self::default();
        let unknown = database.add_operations(inventory);
        if !unknown.is_empty() && !force {
            return Err(ExportRefused { operations: unknown });
        }
        database.add_records(inventory);
        database.add_attributes(inventory, ids);
        Ok(database)
    }

    fn add_attributes(&mut self, inventory: &Inventory, ids: &mut dyn IdSource) {
        if let Some(origin) = inventory.origin(Origin::OF_DATABASE)
            && let OriginOf::Database(attributes) = &origin.of
        {
            let entries = attributes.iter();
            self.attributes = entries
                .map(|(key, value)| (key.clone(), AttributeEntry { key: key.clone(), value: value.clone() }))
                .collect();
        }
        for key in super::json::ATTRIBUTES {
            if !self.attributes.contains_key(key) {
                let value = match key {
                    super::json::GENERATION => QueueId::new(ids).to_string(),
                    _ => "yes".to_owned(),
                };
                self.attributes.insert(key.to_owned(), AttributeEntry { key: key.to_owned(), value });
            }
        }
    }
}
