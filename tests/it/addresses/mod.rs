//! Requests go to the addresses of the API, in the API's spelling.

mod api_versions;
mod other_places;
mod pages;
mod routes;
mod slashes;
