//! Requests go to the addresses that an API has, spelled as it spells them.

mod api_versions;
mod other_places;
mod slashes;
