//! Promise 3. Nothing of the caller's is dropped: errors carry all sides, and fields that the type does not know
//! survive every write.

mod envelopes;
mod other_documents;
mod scim;
mod server_members;
mod shared_outcomes;
mod sides_and_fields;
