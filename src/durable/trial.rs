//! A storage backend that changes nothing until the database on it was found to be usable.
//!
//! The engine repairs a file while it opens it. If it then finds the file damaged, part of the repair is already
//! written. On trial, the changes are held in memory, so a file that cannot be used keeps its bytes.

use std::io;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::{BackendError, StorageBackend};

/// A backend that holds back all changes until they are accepted.
#[derive(Debug)]
pub(super) struct Trial<B>(Arc<Shared<B>>);

#[derive(Debug)]
struct Shared<B> {
    backend: B,
    is_accepted: AtomicBool,
    held: Mutex<Held>,
}

/// The changes that were held back, in their order.
#[derive(Debug)]
struct Held {
    len: u64,
    steps: Vec<Step>,
}

#[derive(Debug)]
enum Step {
    Write { offset: u64, bytes: Vec<u8> },
    SetLen(u64),
    Sync,
}

impl<B> Clone for Trial<B> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<B: StorageBackend> Trial<B> {
    pub(super) fn new(backend: B) -> io::Result<Self> {
        let len = backend.len()?;
        let steps = Vec::new();
        Ok(Self(Arc::new(Shared {
            backend,
            is_accepted: AtomicBool::new(false),
            held: Mutex::new(Held { len, steps }),
        })))
    }

    /// Makes the changes that were held back, with a sync wherever the engine asked for one. From then on, all
    /// changes go to the backend directly.
    pub(super) fn accept(&self) -> io::Result<()> {
        let mut held = self.held();
        for step in held.steps.drain(..) {
            match step {
                Step::Write { offset, bytes } => self.0.backend.write(offset, &bytes)?,
                Step::SetLen(len) => self.0.backend.set_len(len)?,
                Step::Sync => self.0.backend.sync_data()?,
            }
        }
        self.0.is_accepted.store(true, Ordering::Release);
        Ok(())
    }

    /// Returns the backend itself, without the changes that were held back.
    pub(super) fn backend(&self) -> &B {
        &self.0.backend
    }

    /// Returns the held changes, or `None` once they are accepted.
    fn on_trial(&self) -> Option<MutexGuard<'_, Held>> {
        if self.0.is_accepted.load(Ordering::Acquire) {
            return None;
        }
        Some(self.held())
    }

    // A poisoned lock can be used, because no change of the list can panic half-way.
    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn read(&self, backend: &impl StorageBackend, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if offset.saturating_add(out.len() as u64) > self.len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // Bytes beyond the end of the backend were added on trial, as zeros.
        let stored = index(backend.len()?.saturating_sub(offset)).min(out.len());
        out[stored..].fill(0);
        backend.read(offset, &mut out[..stored])?;
        for step in &self.steps {
            match step {
                Step::Write { offset: at, bytes } => overlay(out, offset, *at, bytes),
                Step::SetLen(len) => {
                    let cut = index(len.saturating_sub(offset)).min(out.len());
                    out[cut..].fill(0);
                }
                Step::Sync => {}
            }
        }
        Ok(())
    }
}

/// Copies the part of a write that lies within what is read.
fn overlay(out: &mut [u8], offset: u64, at: u64, bytes: &[u8]) {
    let skipped = index(offset.saturating_sub(at)).min(bytes.len());
    let start = index(at.saturating_sub(offset)).min(out.len());
    let length = (bytes.len() - skipped).min(out.len() - start);
    out[start..start + length].copy_from_slice(&bytes[skipped..skipped + length]);
}

fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

impl<B: StorageBackend> StorageBackend for Trial<B> {
    fn len(&self) -> io::Result<u64> {
        match self.on_trial() {
            Some(held) => Ok(held.len),
            None => self.0.backend.len(),
        }
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        match self.on_trial() {
            Some(held) => held.read(&self.0.backend, offset, out),
            None => self.0.backend.read(offset, out),
        }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let Some(mut held) = self.on_trial() else {
            return self.0.backend.set_len(len);
        };
        held.len = len;
        held.steps.push(Step::SetLen(len));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let Some(mut held) = self.on_trial() else {
            return self.0.backend.sync_data();
        };
        held.steps.push(Step::Sync);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let Some(mut held) = self.on_trial() else {
            return self.0.backend.write(offset, data);
        };
        held.len = held.len.max(offset + data.len() as u64);
        let bytes = data.to_vec();
        held.steps.push(Step::Write { offset, bytes });
        Ok(())
    }

    fn close(&self) -> io::Result<()> {
        self.0.backend.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.backend.try_lock_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.0.backend.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.backend.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.backend.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.backend.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.backend.query_lock_range(start, end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use redb::backends::InMemoryBackend;

    #[test]
    fn changes_are_seen_on_trial_and_made_when_accepted() -> io::Result<()> {
        let backend = InMemoryBackend::new();
        backend.set_len(8)?;
        backend.write(0, b"abcdefgh")?;
        let trial = Trial::new(backend)?;
        trial.write(2, b"XY")?;
        trial.set_len(4)?;
        trial.set_len(6)?;
        trial.write(5, b"Z")?;
        let mut seen = [0; 5];
        trial.read(1, &mut seen)?;
        assert_eq!(&seen, b"bXY\0Z");
        let mut stored = [0; 8];
        trial.backend().read(0, &mut stored)?;
        assert_eq!((&stored, trial.len()?), (b"abcdefgh", 6));
        assert!(trial.read(2, &mut seen).is_err(), "beyond the end");
        trial.accept()?;
        let mut stored = [0; 6];
        trial.backend().read(0, &mut stored)?;
        assert_eq!((&stored, trial.backend().len()?), (b"abXY\0Z", 6));
        trial.write(0, b"A")?;
        trial.backend().read(0, &mut stored)?;
        assert_eq!(&stored, b"AbXY\0Z");
        Ok(())
    }
}
