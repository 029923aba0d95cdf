//! The settings that collections and single resources share.

/// The settings that collections and single resources share.
macro_rules! settings {
    ($name:ident) => {
        impl<T: ResourceData> $name<T> {
            fn with(mut self, change: impl FnOnce(&mut Handle<T>)) -> Self {
                change(Arc::make_mut(&mut self.handle));
                self
            }

            /// Sets the merge strategy used by this handle.
            pub fn strategy(self, strategy: impl MergeStrategy<T>) -> Self {
                self.with(|handle| {
                    if let Some(policy) = strategy.policy() {
                        handle.lens = handle.lens.with_policy(&policy);
                        handle.policy = Arc::new(policy);
                    }
                    handle.strategy = Arc::new(strategy);
                })
            }

            /// Merges by a function of base, local and remote; see
            /// [`merge_fn`](crate::merge_fn).
            pub fn merge_with<F>(self, merge: F) -> Self
            where
                F: Fn(Option<&T>, &T, &T) -> Result<T, BoxError> + Send + Sync + 'static,
            {
                self.strategy(merge_fn(merge))
            }

            /// Asks this function about the conflicts that the present strategy leaves open; see
            /// [`ask_fn`](crate::ask_fn).
            pub fn ask_with<F, R>(self, ask: F) -> Self
            where
                F: Fn(Conflict<T>) -> R + Send + Sync + 'static,
                R: Future<Output = Result<Resolution<T>, BoxError>> + Send + 'static,
            {
                let present = self.handle.strategy.clone();
                self.strategy(present.or_else(ask_fn(ask)))
            }

            /// Sets the handler for rejections that are not version conflicts.
            pub fn on_refusal(self, handler: impl RefusalHandler<T>) -> Self {
                self.with(|handle| handle.handler = Some(Arc::new(handler)))
            }

            /// Sets how changed documents are sent.
            pub fn write_mode(self, mode: WriteMode) -> Self {
                self.with(|handle| handle.mode = mode)
            }

            /// Adds a header to every request of this handle. With a precondition (RFC 9110 13.1), each call
            /// returns a `Config` error: calls set their own.
            pub fn header(self, name: HeaderName, value: HeaderValue) -> Self {
                self.with(|handle| {
                    handle.headers.insert(name, value);
                })
            }

            /// Adds a query parameter to every request of this handle, to lists as well as to the reads and writes
            /// of single resources. What only filters a list belongs to [`List::query`](crate::List::query).
            ///
            /// A value that was read is written to the address that it was read from, with the query that this
            /// had. An item of a list is written with the query of the handle that saves it.
            pub fn query(self, name: impl Into<String>, value: impl Display) -> Self {
                let pair = (name.into(), value.to_string());
                self.with(|handle| handle.query.push(pair))
            }

            /// Sets where the document lies inside the body, instead of what the profile says.
            pub fn envelope(self, envelope: Envelope) -> Self {
                self.with(|handle| handle.envelope = Some(envelope))
            }

            /// Keeps the ids of the latest 32 writes in the document, as an array of strings at this
            /// JSON Pointer, so that a write whose response was lost is recognised exactly, whatever its
            /// rules are and however the document has changed since. Every writer of the resource has to
            /// do the same, or at least leave the list alone.
            pub fn write_stamp(self, pointer: impl Into<String>) -> Self {
                let pointer = pointer.into();
                self.with(|handle| handle.stamp = Some(pointer))
            }

            /// Reports `OutcomeUnknown` instead of retrying when a response was lost and the resource
            /// shows no trace of the write. Another client may have undone it since.
            pub fn require_proof(self) -> Self {
                self.with(|handle| handle.require_proof = true)
            }

            /// Says whether the API stores documents exactly as they are sent.
            ///
            /// `false`: it computes, adds or drops members and tells a version all the same. After a write
            /// nothing is kept, and the next write reads first. `true`: what was sent is kept under the
            /// version that the reply tells, and never checked.
            ///
            /// Default: a version in the reply to a `PUT` is taken to say "stored as sent", as the standard
            /// demands (RFC 9110 9.3.4). The first [`get`](Self::get) or [`refresh`](Self::refresh) after a
            /// write asks for the whole document, which costs no request, and compares. Once that shows a
            /// difference, this client reads before each further write to the collection, and says so once,
            /// to `tracing` and to [`Observer::altered`](crate::Observer::altered).
            pub fn stores_as_sent(self, as_sent: bool) -> Self {
                self.with(|handle| handle.practice.stores_as_sent = Some(as_sent))
            }

            /// Says whether the body of a reply to a write shows the resource as it is stored, with the
            /// members that a read shows and no others. It is then kept under the version that the reply
            /// tells, whatever the server added, computed or dropped.
            ///
            /// Default: as the profile says; otherwise only where the reply itself says so, by
            /// `Content-Location` (RFC 9110 8.7) or `Preference-Applied: return=representation` (RFC 7240 3),
            /// or where it has what was sent and no member that is new. After any other reply the next write
            /// reads first, so that what only the reply shows (warnings) is not written back, and what it
            /// leaves out is not removed.
            pub fn returns_stored(self, returns: bool) -> Self {
                self.with(|handle| handle.practice.returns_stored = Some(returns))
            }

            /// Sets where bodies tell which object they are; see
            /// [`Versioning::identity_field`](crate::Versioning::identity_field). Default: as the
            /// profile says; without that, there is no such field.
            pub fn identity_field(self, pointer: impl Into<String>) -> Self {
                let pointer = pointer.into();
                self.with(|handle| handle.practice.identity = Some(pointer))
            }

            /// Sets where bodies tell that their object is being removed; see
            /// [`Versioning::deletion_mark`](crate::Versioning::deletion_mark). Default: as the profile says;
            /// without that, there is no such mark.
            pub fn deletion_mark(self, pointer: impl Into<String>) -> Self {
                let pointer = pointer.into();
                self.with(|handle| handle.practice.deletion_mark = Some(pointer))
            }
        }

        impl<T> Clone for $name<T> {
            fn clone(&self) -> Self {
                Self {
                    handle: self.handle.clone(),
                }
            }
        }

        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let path = self.handle.url.as_ref().map(Url::path);
                f.debug_struct(stringify!($name))
                    .field("path", &path)
                    .finish_non_exhaustive()
            }
        }
    };
}

pub(super) use settings;
