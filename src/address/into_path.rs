//! Paths as the application writes them.

/// A path beneath the base URL of the client.
///
/// It is a string such as `"a/b"`, or segments such as `["users", user, "articles"]`. Each element becomes exactly
/// one segment.
///
/// A string that ends in a slash, such as `"docs/"`, keeps the slash. The items of such a collection also end in
/// one (`docs/7/`), because many servers accept only one of the two forms. `"/"` is the base URL itself, with a
/// slash at its end.
pub trait IntoPath {
    /// Returns the segments, not yet percent-encoded.
    fn into_segments(self) -> Vec<String>;

    /// Whether the address ends in a slash (default `false`).
    fn ends_in_slash(&self) -> bool {
        false
    }

    /// Returns the path if it was given as one string (default `None`).
    fn as_text(&self) -> Option<&str> {
        None
    }
}

impl IntoPath for &str {
    fn into_segments(self) -> Vec<String> {
        self.trim_matches('/')
            .split('/')
            .map(str::to_owned)
            .collect()
    }

    fn ends_in_slash(&self) -> bool {
        self.ends_with('/')
    }

    fn as_text(&self) -> Option<&str> {
        Some(self)
    }
}

impl IntoPath for &String {
    fn into_segments(self) -> Vec<String> {
        self.as_str().into_segments()
    }

    fn ends_in_slash(&self) -> bool {
        self.as_str().ends_in_slash()
    }

    fn as_text(&self) -> Option<&str> {
        Some(self)
    }
}

impl IntoPath for String {
    fn into_segments(self) -> Vec<String> {
        self.as_str().into_segments()
    }

    fn ends_in_slash(&self) -> bool {
        self.as_str().ends_in_slash()
    }

    fn as_text(&self) -> Option<&str> {
        Some(self)
    }
}

impl<S: AsRef<str>, const N: usize> IntoPath for [S; N] {
    fn into_segments(self) -> Vec<String> {
        self.iter()
            .map(|segment| segment.as_ref().to_owned())
            .collect()
    }
}

impl<S: AsRef<str>> IntoPath for &[S] {
    fn into_segments(self) -> Vec<String> {
        self.iter()
            .map(|segment| segment.as_ref().to_owned())
            .collect()
    }
}

impl<S: AsRef<str>> IntoPath for Vec<S> {
    fn into_segments(self) -> Vec<String> {
        self.as_slice().into_segments()
    }
}
