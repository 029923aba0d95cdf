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
                    handle.has_own_strategy = true;
                })
            }

            /// Sets a function of base, local and remote as the merge strategy; see
            /// [`merge_fn`](crate::merge_fn).
            pub fn merge_with<F>(self, merge: F) -> Self
            where
                F: Fn(Option<&T>, &T, &T) -> Result<T, BoxError> + Send + Sync + 'static,
            {
                self.strategy(merge_fn(merge))
            }

            /// Asks a function about the conflicts that the current strategy leaves unresolved; see
            /// [`ask_fn`](crate::ask_fn).
            pub fn ask_with<F, R>(self, ask: F) -> Self
            where
                F: Fn(Conflict<T>) -> R + Send + Sync + 'static,
                R: Future<Output = Result<Resolution<T>, BoxError>> + Send + 'static,
            {
                let present = self.handle.strategy.clone();
                self.strategy(present.or_else(ask_fn(ask)))
            }

            /// Sets the handler for refusals that are not version conflicts (default none, so that they are
            /// errors). See [`guide::refusals`](crate::guide::refusals).
            pub fn on_refusal(self, handler: impl RefusalHandler<T>) -> Self {
                self.with(|handle| handle.handler = Some(Arc::new(handler)))
            }

            /// Sets how changed documents are sent (default [`WriteMode::Put`]).
            pub fn write_mode(self, mode: WriteMode) -> Self {
                self.with(|handle| handle.mode = mode)
            }

            /// Adds a header to every request of this handle.
            ///
            /// If the header is a precondition (RFC 9110 13.1), each call returns a `Config` error, because calls
            /// set their own preconditions.
            pub fn header(self, name: HeaderName, value: HeaderValue) -> Self {
                self.with(|handle| {
                    handle.headers.insert(name, value);
                })
            }

            /// Adds a query parameter to every request of this handle, including lists, reads and writes.
            ///
            /// To filter only a list, use [`List::query`](crate::List::query).
            ///
            /// A value that was read is written to the URL that it was read from, including the query of that
            /// URL. An item of a list is written with the query of the handle that saves it. If the list was
            /// requested with another value of the same parameter, the call returns a `Config` error.
            pub fn query(self, name: impl Into<String>, value: impl Display) -> Self {
                let pair = (name.into(), value.to_string());
                self.with(|handle| handle.query.push(pair))
            }

            /// Sets what stands for the address of this handle in spans, metrics and events for observers, such as
            /// `/users/{user}/articles` (default the path).
            ///
            /// The items of a collection have `/{id}` behind it. Set it if the path of the handle contains an id or
            /// the name of a user.
            pub fn url_template(self, template: impl AsRef<str>) -> Self {
                self.with(|handle| handle.template = UrlTemplate::given(template.as_ref()))
            }

            /// Sets where the document is inside the body, overriding the profile.
            pub fn envelope(self, envelope: Envelope) -> Self {
                self.with(|handle| handle.envelope = Some(envelope))
            }

            /// Sets the format of the bodies (default JSON, with the media type of the profile).
            ///
            /// A format may bring a merge rule for its values: texts are merged by lines. The rule applies unless the
            /// handle has a strategy of its own. A format other than JSON cannot be patched: with a write mode other
            /// than [`WriteMode::Put`], each call returns a `Config` error.
            ///
            /// A response that is labelled as HTML is taken for a login page, unless the format asks for HTML.
            pub fn format(self, format: impl Format) -> Self {
                self.with(|handle| handle.set_format(Arc::new(format)))
            }

            /// Stores the ids of the latest 32 writes in the document, as an array of strings at this JSON Pointer
            /// (default off).
            ///
            /// A write whose response was lost is then recognised exactly, regardless of its merge rules and of
            /// later changes to the document. Every client that writes the resource has to do the same, or at
            /// least leave the array unchanged.
            pub fn write_stamp(self, pointer: impl Into<String>) -> Self {
                let pointer = pointer.into();
                self.with(|handle| handle.stamp = Some(pointer))
            }

            /// Makes every write of this handle under a lease.
            ///
            /// A write is sent only while the lease can be vouched for. Otherwise it ends as
            /// [`LeaseLost`](crate::ErrorKind::LeaseLost). If the server itself checks locks, the request proves the
            /// lease, and a refusal is taken for a conflict only after the service has confirmed that the lease is still
            /// held. Reads need no lease. Writes under a lease cannot be queued in a journal.
            ///
            /// A request may be on its way for longer than the lease lasts. Set [`fenced`](Self::fenced) as well, so that
            /// it cannot overwrite what a later holder has written.
            pub fn under(self, lease: &Lease) -> Self {
                self.with(|handle| {
                    let before = handle.lease.take();
                    handle.lease = Some(LeaseBinding::new(lease, before));
                })
            }

            /// Keeps the fencing token of the last holder in each document, as a number at this JSON Pointer.
            ///
            /// A write under a lease is not sent if the document that it is built on has a greater token, and ends as
            /// [`LeaseLost`](crate::ErrorKind::LeaseLost). Every write that is protected by the lease has to be fenced at
            /// the same place. Without [`under`](Self::under), each write returns a `Config` error.
            ///
            /// A write that is built on no state has nothing to compare: a creation, a `post`, and an action without a guard
            /// or a pin.
            pub fn fenced(self, pointer: impl Into<String>) -> Self {
                let pointer = pointer.into();
                self.with(|handle| {
                    handle.lease = Some(LeaseBinding::fenced(handle.lease.take(), pointer));
                })
            }

            /// Numbers the schema of the type, and migrates what an older program has queued (default 0).
            ///
            /// Queued writes hold documents, not values. If an older program has queued one, `migrate` gets the older
            /// number and each of its documents, and returns the document in the new schema. If it fails, the write waits
            /// for a person, and nothing is lost. A write of a newer schema waits as well.
            pub fn schema<F>(self, number: u32, migrate: F) -> Self
            where
                F: Fn(u32, $crate::Document) -> Result<$crate::Document, BoxError>
                    + Send
                    + Sync
                    + 'static,
            {
                self.with(|handle| handle.schema = $crate::operations::Schema::new(number, migrate))
            }

            /// Reports `OutcomeUnknown` instead of retrying when a response was lost and the resource shows no
            /// trace of the write (default off).
            ///
            /// Without this setting, a write that was applied and then undone by another client may be applied
            /// again.
            pub fn require_proof(self) -> Self {
                self.with(|handle| handle.require_proof = true)
            }

            /// Reports `OutcomeUnknown` instead of retrying when the resource shows no trace of a lost write.
            #[deprecated(since = "0.2.0", note = "renamed to `require_proof`")]
            pub fn strict_settlement(self) -> Self {
                self.require_proof()
            }

            /// Sets whether the API stores documents exactly as they are sent.
            ///
            /// `false` means that the API computes, adds or drops members, although its response to a write has a
            /// version. Nothing is cached after a write, and the next write reads first. `true` means that the
            /// sent document is cached under the version in the response, and never checked.
            ///
            /// By default, a version in the response to a `PUT` means "stored as sent", as the standard requires
            /// (RFC 9110 9.3.4). The first [`get`](Self::get) or [`refresh`](Self::refresh) after a write
            /// requests the whole document, without an extra request, and compares the two. After a difference,
            /// this client reads before each further write to the collection. It reports this once, to `tracing`
            /// and to [`Observer::altered`](crate::Observer::altered).
            pub fn stores_as_sent(self, as_sent: bool) -> Self {
                self.with(|handle| handle.storage_behaviour.stores_as_sent = Some(as_sent))
            }

            /// Sets whether the body of the response to a write is the resource as stored, with exactly the
            /// members that a read shows.
            ///
            /// With `true`, the body is cached under the version in the response, whatever the server added,
            /// computed or dropped.
            ///
            /// By default, the profile decides. If it does not, a body counts as the stored resource only if the
            /// response says so, by `Content-Location` (RFC 9110 8.7) or
            /// `Preference-Applied: return=representation` (RFC 7240 3), or if the body has everything that was
            /// sent and no new member. After any other response the next write reads first. Members that occur
            /// only in the response (warnings) are then not written back, and members that the response omits
            /// are not removed.
            pub fn returns_stored(self, returns: bool) -> Self {
                self.with(|handle| handle.storage_behaviour.returns_stored = Some(returns))
            }

            /// Sets the place in the body that identifies the object; see
            /// [`Versioning::identity_field`](crate::Versioning::identity_field).
            ///
            /// The default is the field of the profile, if it has one.
            pub fn identity_field(self, pointer: impl Into<String>) -> Self {
                let pointer = pointer.into();
                self.with(|handle| handle.storage_behaviour.identity = Some(pointer))
            }

            /// Sets the place in the body that marks the object as being removed; see
            /// [`Versioning::deletion_mark`](crate::Versioning::deletion_mark).
            ///
            /// The default is the mark of the profile, if it has one.
            pub fn deletion_mark(self, pointer: impl Into<String>) -> Self {
                let pointer = pointer.into();
                self.with(|handle| handle.storage_behaviour.deletion_mark = Some(pointer))
            }
        }

        impl<T: ResourceData> $crate::operations::SendsQueued for $name<T> {
            fn register(&self) -> Result<(), Error> {
                $crate::operations::register(&self.handle)
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
