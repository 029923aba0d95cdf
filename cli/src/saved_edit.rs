//! Edits that could not be sent, in files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::editor::write_private;
use crate::exit::Failure;
use crate::places;
use crate::target::Target;

/// No such file is longer, in bytes.
const LONGEST: u64 = 64 * 1024 * 1024;
/// The form of the files.
const FORM: u32 = 1;

/// An edit with the state that it was made on, so that it can still be merged.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SavedEdit {
    /// The form of the file.
    pub(crate) ifmatch_edit: u32,
    /// The address of the document.
    pub(crate) url: String,
    /// The profile of the API.
    pub(crate) profile: String,
    /// The version that the edit was made on.
    pub(crate) version: Option<String>,
    /// The media type, if the document is a text.
    pub(crate) text_type: Option<String>,
    /// The document that the edit was made on, as it was received.
    pub(crate) base: String,
    /// The text in the editor.
    pub(crate) edited: String,
}

impl SavedEdit {
    /// Reads the file of an edit of this document.
    pub(crate) fn read(path: &Path, target: &Target) -> Result<Self, Failure> {
        let failed = |error: io::Error| Failure::file(path, &error);
        let wrong = |why: &str| Failure::usage(format!("{}: {why}", path.display()));
        if fs::metadata(path).map_err(failed)?.len() > LONGEST {
            return Err(wrong("too long for a kept edit"));
        }
        let text = fs::read_to_string(path).map_err(failed)?;
        let saved: Self = serde_json::from_str(&text).map_err(|error| {
            let why = format!("no edit that `ifmatch edit` has kept: {error}");
            wrong(&why)
        })?;
        if saved.ifmatch_edit != FORM {
            return Err(wrong("kept by another version of ifmatch"));
        }
        if saved.url != target.url().as_str() {
            return Err(wrong(&format!(
                "an edit of another document, {}",
                saved.url
            )));
        }
        Ok(saved)
    }

    /// Keeps the edit in a new file that only its owner may read, and returns the path.
    pub(crate) fn keep(&self, target: &Target) -> Result<PathBuf, Failure> {
        let folder = places::edits();
        let mut private = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut private, 0o700);
        let made = private.recursive(true).create(&folder);
        made.map_err(|error| Failure::file(&folder, &error))?;
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let millis = since.unwrap_or_default().as_millis();
        let process = std::process::id();
        let path = folder.join(format!("{}-{millis}-{process}.json", target.file_name()));
        let text = serde_json::to_string_pretty(self).map_err(io::Error::from);
        let kept = text.and_then(|text| write_private(&path, &(text + "\n")));
        kept.map_err(|error| Failure::file(&path, &error))?;
        Ok(path)
    }

    pub(crate) fn new(target: &Target, profile: &str) -> Self {
        Self {
            ifmatch_edit: FORM,
            url: target.url().to_string(),
            profile: profile.to_owned(),
            version: None,
            text_type: None,
            base: String::new(),
            edited: String::new(),
        }
    }
}
