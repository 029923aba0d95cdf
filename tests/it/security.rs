//! What `SECURITY.md` says is guarded, as far as the other files do not hold it.

mod addresses;
mod coded;
mod headers;
mod https;
mod origins;
mod printed;
mod tls;
