//! Answers that are asked for again and again: kept as long as the state they tell is the current one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;
use heketi_core::id::VolumeId;
use heketi_core::inventory::Inventory;

/// Most answers that are kept at a time. Most have 1 to 3 KiB.
const MOST: usize = 4096;

/// The answers about volumes, as they are sent.
#[derive(Debug, Default)]
pub(super) struct Answers {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// Not held: an old state is not kept for its answers. As long as this is there, no other state has its place in
    /// memory.
    state: Weak<Inventory>,
    volumes: HashMap<VolumeId, Bytes>,
}

impl Kept {
    fn tells(&self, state: &Arc<Inventory>) -> bool {
        Weak::as_ptr(&self.state) == Arc::as_ptr(state)
    }
}

impl Answers {
    /// The answer about a volume in this state; `make` makes it where it is not kept.
    pub fn volume<E>(
        &self,
        state: &Arc<Inventory>,
        id: VolumeId,
        make: impl FnOnce() -> Result<String, E>,
    ) -> Result<Bytes, E> {
        let kept = self.lock();
        if let Some(answer) = kept.volumes.get(&id).filter(|_| kept.tells(state)) {
            return Ok(answer.clone());
        }
        drop(kept);
        let answer = Bytes::from(make()?);
        let mut kept = self.lock();
        if !kept.tells(state) {
            *kept = Kept { state: Arc::downgrade(state), volumes: HashMap::new() };
        }
        if kept.volumes.len() < MOST {
            kept.volumes.insert(id, answer.clone());
        }
        Ok(answer)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // Each change of it is one assignment or one insertion.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_as_old_as_the_state_it_is_asked_of() {
        let answers = Answers::default();
        let ids = [1, 2].map(|n| VolumeId::from_bytes([n; 16]));
        let ask = |state: &Arc<Inventory>, id, text: &str| {
            let answer = answers.volume(state, id, || Ok::<_, ()>(text.to_owned())).unwrap();
            String::from_utf8(answer.to_vec()).unwrap()
        };
        let (first, second) = (Arc::new(Inventory::default()), Arc::new(Inventory::default()));
        assert_eq!(ask(&first, ids[0], "one"), "one");
        assert_eq!(ask(&first, ids[0], "not asked"), "one");
        assert_eq!(ask(&first, ids[1], "two"), "two");
        assert_eq!(ask(&second, ids[0], "three"), "three");
        assert_eq!(ask(&second, ids[0], "not asked"), "three");
        // Whoever still looks at the older state is told that.
        assert_eq!(ask(&first, ids[0], "one again"), "one again");
        drop(first);
        for n in 0..100 {
            let state = Arc::new(Inventory::default());
            assert_eq!(ask(&state, ids[0], &n.to_string()), n.to_string());
        }
        assert_eq!(answers.volume(&second, ids[1], || Err("gone")), Err("gone"));
    }

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        let answers = Answers::default();
        let state = Arc::new(Inventory::default());
        for n in 0..2 * MOST {
            let mut id = [0; 16];
            id[..8].copy_from_slice(&n.to_le_bytes());
            answers.volume(&state, VolumeId::from_bytes(id), || Ok::<_, ()>(String::new())).unwrap();
        }
        assert_eq!(answers.lock().volumes.len(), MOST);
    }
}
