//! A disk in memory that fails, fills up and loses its power as a test asks for.

use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;

/// A disk. Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub(crate) struct FaultyDisk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// What reads return.
    current: Vec<u8>,
    /// What survives a loss of power for certain.
    synced: Vec<u8>,
    /// The changes since the last sync, any of which may survive a loss of power.
    unsynced: Vec<Change>,
    calls: u64,
    fault: Option<Fault>,
    syncs: u64,
}

#[derive(Clone, Debug)]
enum Change {
    Write(usize, Vec<u8>),
    SetLen(usize),
}

/// A fault of the disk.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// No sync succeeds. The data may be on the disk or not.
    Syncs,
    /// Each write and change of the length fails that needs more bytes than this.
    FullAt(usize),
    /// Reads return an error for the end of the file.
    ShortReads,
    /// The call with this number, and each after it, fails. Calls are counted from 0 since the last `calls`.
    CallsFrom(u64),
}

impl FaultyDisk {
    /// Sets or removes the fault.
    pub(crate) fn fault(&self, fault: impl Into<Option<Fault>>) {
        let mut state = self.state();
        state.fault = fault.into();
        state.calls = 0;
    }

    /// Returns the number of calls since the fault was set.
    pub(crate) fn calls(&self) -> u64 {
        self.state().calls
    }

    /// Returns the number of syncs so far.
    pub(crate) fn syncs(&self) -> u64 {
        self.state().syncs
    }

    /// Returns what reads return.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.state().current.clone()
    }

    /// Changes one byte.
    pub(crate) fn damage(&self, at: usize) {
        if let Some(byte) = self.state().current.get_mut(at) {
            *byte ^= 0x55;
        }
    }

    /// Returns the disk after a loss of power in which the first `survived` unsynced bytes reached it.
    pub(crate) fn after_power_loss(&self, survived: usize) -> Self {
        let state = self.state();
        let (mut bytes, mut left) = (state.synced.clone(), survived);
        for change in &state.unsynced {
            match change {
                Change::SetLen(len) => bytes.resize(*len, 0),
                Change::Write(at, written) => {
                    let torn = &written[..written.len().min(left)];
                    left -= torn.len();
                    write_at(&mut bytes, *at, torn);
                }
            }
            if left == 0 {
                break;
            }
        }
        Self::of(bytes)
    }

    /// Returns the number of bytes written since the last sync.
    pub(crate) fn unsynced_bytes(&self) -> usize {
        let state = self.state();
        let written = state.unsynced.iter().map(|change| match change {
            Change::Write(_, bytes) => bytes.len(),
            Change::SetLen(_) => 0,
        });
        written.sum()
    }

    /// Returns a disk with this content.
    pub(crate) fn of(bytes: Vec<u8>) -> Self {
        let synced = bytes.clone();
        let current = bytes;
        Self(Arc::new(Mutex::new(State {
            current,
            synced,
            ..State::default()
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn call(&mut self) -> io::Result<()> {
        let number = self.calls;
        self.calls += 1;
        match self.fault {
            Some(Fault::CallsFrom(first)) if number >= first => Err(ErrorKind::Other.into()),
            _ => Ok(()),
        }
    }

    fn grow(&self, len: usize) -> io::Result<()> {
        match self.fault {
            Some(Fault::FullAt(full)) if len > full => Err(ErrorKind::StorageFull.into()),
            _ => Ok(()),
        }
    }
}

fn write_at(bytes: &mut Vec<u8>, at: usize, written: &[u8]) {
    let end = at + written.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[at..end].copy_from_slice(written);
}

fn index(number: u64) -> io::Result<usize> {
    usize::try_from(number).map_err(io::Error::other)
}

impl StorageBackend for FaultyDisk {
    fn len(&self) -> io::Result<u64> {
        let mut state = self.state();
        state.call()?;
        Ok(state.current.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut state = self.state();
        state.call()?;
        let start = index(offset)?;
        let stored = state.current.get(start..start + out.len());
        match (state.fault, stored) {
            (Some(Fault::ShortReads), _) | (_, None) => Err(ErrorKind::UnexpectedEof.into()),
            (_, Some(stored)) => {
                out.copy_from_slice(stored);
                Ok(())
            }
        }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.state();
        state.call()?;
        let len = index(len)?;
        state.grow(len)?;
        state.current.resize(len, 0);
        state.unsynced.push(Change::SetLen(len));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.state();
        state.call()?;
        if matches!(state.fault, Some(Fault::Syncs)) {
            return Err(ErrorKind::Other.into());
        }
        state.synced = state.current.clone();
        state.unsynced.clear();
        state.syncs += 1;
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        state.call()?;
        let at = index(offset)?;
        // A full disk fails also for writes within the file, as files with holes do.
        state.grow(at + data.len())?;
        write_at(&mut state.current, at, data);
        state.unsynced.push(Change::Write(at, data.to_vec()));
        Ok(())
    }
}
