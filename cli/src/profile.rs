//! API families by name.

use clap::builder::PossibleValuesParser;
use ifmatch::{ClientBuilder, profiles};

/// Names the profiles: the word on the command line, and the type.
macro_rules! named {
    ($($name:literal => $profile:ident $(:: $new:ident ())?),* $(,)?) => {
        /// Returns the parser of the names.
        pub(crate) fn names() -> PossibleValuesParser {
            PossibleValuesParser::new(["generic", $($name),*])
        }

        /// Sets the profile of this name. The parser has checked the name.
        pub(crate) fn set(builder: ClientBuilder, name: &str) -> ClientBuilder {
            match name {
                $($name => builder.profile(profiles::$profile $(:: $new ())?),)*
                _ => builder,
            }
        }
    };
}

named! {
    "azure-blob" => AzureBlob,
    "azure-table" => AzureTable,
    "couchdb" => CouchDb,
    "elasticsearch" => Elasticsearch,
    "etcd-v2" => EtcdV2,
    "etcd-v3" => EtcdV3::new(),
    "eve" => Eve,
    "fhir" => Fhir,
    "firebase" => Firebase,
    "github-contents" => GitHubContents,
    "google" => Google,
    "json-api" => JsonApi,
    "kinto" => Kinto,
    "kubernetes" => Kubernetes,
    "odata" => OData,
    "s3" => S3,
    "scim" => Scim,
    "solid" => Solid,
    "webdav" => WebDav,
}

/// Whether the bodies of a profile may be anything, so that the response says what they are.
pub(crate) fn has_files(name: &str) -> bool {
    matches!(name, "generic" | "webdav" | "s3" | "azure-blob")
}
