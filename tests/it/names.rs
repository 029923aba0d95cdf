//! A glob import of this crate leaves the names of other crates and of the prelude as they are.

mod with_http {
    // The two globs and the crate name the same types.
    use http::StatusCode;
    use http::*;
    use ifmatch::*;

    #[test]
    fn the_crate_http_and_its_types_stay() {
        let method: Method = ::http::Method::PUT;
        let (name, value) = (header::ETAG, HeaderValue::from_static("\"1\""));
        let mut map: HeaderMap = http::HeaderMap::new();
        map.insert::<HeaderName>(name, value);
        assert!(method != Method::GET && StatusCode::OK.is_success() && map.len() == 1);
        assert_eq!(header_fields::essence(&map), None);
    }
}

mod with_other_crates {
    // Each of these is a crate, not a module of this one.
    use bytes::Bytes;
    use ifmatch::*;
    use reqwest::Client as HttpClient;
    use serde_json::Value;
    use tokio::time::Instant;
    use tracing::Level;
    use url::Url as Address;
    use wiremock::MockServer;

    #[test]
    fn the_names_of_other_crates_stay() {
        let sizes = [
            size_of::<Bytes>(),
            size_of::<HttpClient>(),
            size_of::<Value>(),
            size_of::<Instant>(),
            size_of::<Level>(),
            size_of::<Address>(),
            size_of::<MockServer>(),
        ];
        assert!(sizes.iter().all(|size| *size > 0));
        let address: Url = Address::parse("http://h/").unwrap();
        assert!(Client::new(address).is_ok());
    }
}

mod with_the_prelude {
    use ifmatch::*;

    fn parsed(text: &str) -> Result<Option<Box<Url>>, Error> {
        let client = Client::new(text)?;
        let url = Url::parse(text).ok().map(Box::new);
        drop(client);
        Ok(url)
    }

    #[test]
    fn the_names_of_the_prelude_stay() {
        let url = parsed("http://h/").unwrap();
        assert_eq!(url.map(|url| url.path().to_owned()).as_deref(), Some("/"));
        let body: transport::Bytes = bytes::Bytes::from_static(b"{}");
        let texts: Vec<String> = Vec::from(["a".to_owned()]);
        assert!(!body.is_empty() && texts.iter().any(|text| text == "a"));
    }
}
