#![allow(clippy::unwrap_used)]

use std::time::Duration;

use proptest::prelude::*;

use super::*;

const SESSION: &str = "5f0c1234-0000-4000-8000-000000000001";

/// As lighttpd 1.4.69 answers a `LOCK`: it hides the owner.
const LIGHTTPD: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<D:prop xmlns:D="DAV:">
<D:lockdiscovery>
<D:activelock>
<D:lockscope><D:exclusive/></D:lockscope>
<D:locktype><D:write/></D:locktype>
<D:depth>0</D:depth>
<D:timeout>Second-15</D:timeout>
<D:owner></D:owner>
<D:locktoken>
<D:href>urn:uuid:584198f7-6f5c-440f-bc41-bf5255d425d6</D:href>
</D:locktoken>
<D:lockroot>
<D:href>/a.json</D:href>
</D:lockroot>
</D:activelock>
</D:lockdiscovery>
</D:prop>
"#;

/// As Apache 2.4.71 answers a `PROPFIND`.
const APACHE: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<D:multistatus xmlns:D="DAV:" xmlns:ns0="DAV:">
<D:response>
<D:href>/dav/a.json</D:href>
<D:propstat>
<D:prop>
<D:lockdiscovery><D:activelock>
<D:locktype><D:write/></D:locktype>
<D:lockscope><D:exclusive/></D:lockscope>
<D:depth>0</D:depth>
<ns0:owner xmlns:ns0="DAV:">worker-7 &lt;x&gt; [5f0c1234-0000-4000-8000-000000000001]</ns0:owner><D:timeout>Infinite</D:timeout>
<D:locktoken>
<D:href>opaquelocktoken:5954aef1-bcd4-439a-b4e1-917c4e5cdfcc</D:href>
</D:locktoken>
</D:activelock>
</D:lockdiscovery>
</D:prop>
<D:status>HTTP/1.1 200 OK</D:status>
</D:propstat>
</D:response>
</D:multistatus>
"#;

/// As `WsgiDAV` 4.4.0 answers a `LOCK`.
const WSGIDAV: &str = r#"<?xml version="1.0" encoding="utf-8" ?>
<ns0:prop xmlns:ns0="DAV:"><ns0:lockdiscovery><ns0:activelock><ns0:locktype><ns0:write /></ns0:locktype><ns0:lockscope><ns0:exclusive /></ns0:lockscope><ns0:depth>0</ns0:depth><ns0:owner>worker-7 &lt;x&gt; [5f0c1234-0000-4000-8000-000000000001]</ns0:owner><ns0:timeout>Second-14</ns0:timeout><ns0:locktoken><ns0:href>opaquelocktoken:0x6ca26b250fef83bad54657e44551119514f9ff9e4676e40d1929bf7588862dec</ns0:href></ns0:locktoken><ns0:lockroot><ns0:href>/a.json</ns0:href></ns0:lockroot></ns0:activelock></ns0:lockdiscovery></ns0:prop>"#;

fn only(text: &str) -> ActiveLock {
    let mut locks = active_locks(text).unwrap();
    assert_eq!(locks.len(), 1, "{locks:?}");
    locks.remove(0)
}

fn token(lock: &ActiveLock) -> Option<&str> {
    lock.token.as_ref().map(LockToken::as_str)
}

/// A response to `LOCK` with these elements in its lock.
fn with(elements: &str) -> String {
    format!("<prop><lockdiscovery><activelock>{elements}</activelock></lockdiscovery></prop>")
}

#[test]
fn the_locks_of_lighttpd_have_no_owner() {
    let lock = only(LIGHTTPD);
    assert_eq!(
        token(&lock),
        Some("urn:uuid:584198f7-6f5c-440f-bc41-bf5255d425d6")
    );
    assert_eq!((lock.holder(), lock.is_of(SESSION)), (None, false));
    let after = LockTimeout::After(Duration::from_secs(15));
    assert_eq!(lock.timeout, Some(after));
}

#[test]
fn the_locks_of_apache_and_wsgidav_are_read_whole() {
    let second = LockTimeout::After(Duration::from_secs(14));
    let first = "opaquelocktoken:5954aef1-bcd4-439a-b4e1-917c4e5cdfcc";
    let other =
        "opaquelocktoken:0x6ca26b250fef83bad54657e44551119514f9ff9e4676e40d1929bf7588862dec";
    for (text, expected, timeout) in [
        (APACHE, first, LockTimeout::Infinite),
        (WSGIDAV, other, second),
    ] {
        let lock = only(text);
        assert_eq!(
            (token(&lock), lock.timeout),
            (Some(expected), Some(timeout))
        );
        assert_eq!(lock.holder().as_deref(), Some("worker-7 <x>"));
        assert!(lock.is_of(SESSION) && !lock.is_of("5f0c"));
    }
}

#[test]
fn a_resource_without_locks_has_none() {
    let wsgidav = r#"<ns0:multistatus xmlns:ns0="DAV:"><ns0:response><ns0:href>/a</ns0:href><ns0:propstat><ns0:prop><ns0:lockdiscovery /></ns0:prop><ns0:status>HTTP/1.1 200 OK</ns0:status></ns0:propstat></ns0:response></ns0:multistatus>"#;
    for text in [wsgidav, "<prop><lockdiscovery/></prop>", "<html/>"] {
        assert_eq!(active_locks(text), Ok(Vec::new()), "{text}");
    }
}

#[test]
fn the_owner_of_another_program_is_a_name_as_a_whole() {
    for (owner, name) in [
        ("anna", "anna"),
        ("<href>mailto:a@b.test</href>", "mailto:a@b.test"),
        ("<x> anna <y>b</y></x>", "anna b"),
        (" [only]", "[only]"),
        ("a &amp; b &nbsp; &#x63;", "a & b  c"),
        ("<![CDATA[<raw>]]>", "<raw>"),
    ] {
        let lock = only(&with(&format!("<owner>{owner}</owner>")));
        assert_eq!(lock.holder().as_deref(), Some(name), "{owner}");
    }
}

#[test]
fn an_owner_cannot_pretend_to_be_a_lock() {
    let fake = "<token/><locktoken><href>urn:fake</href></locktoken><timeout>Infinite</timeout>";
    let nested = with(fake);
    let lock = only(&with(&format!("<owner>{fake}{nested}</owner>")));
    assert_eq!((lock.token, lock.timeout), (None, None));
    // Nor does anything elsewhere in the document.
    for text in [
        format!("<other>{nested}</other>"),
        format!("<prop><dead>{nested}</dead></prop>"),
        format!("<multistatus>{nested}</multistatus>"),
    ] {
        assert_eq!(active_locks(&text), Ok(Vec::new()), "{text}");
    }
}

#[test]
fn entities_are_never_expanded() {
    let text = format!(
        "<!DOCTYPE e [<!ENTITY a \"aa\">]>{}",
        with("<owner>&a;</owner>")
    );
    assert!(active_locks(&text).is_err());
    assert_eq!(only(&with("<owner>&a;b</owner>")).holder().unwrap(), "b");
}

#[test]
fn hostile_bodies_are_errors_and_are_not_kept() {
    let deep = "<a>".repeat(10_000);
    let many = "<activelock/>".repeat(MAX_LOCKS + 1);
    for text in [
        "",
        "locked",
        "<prop>",
        "<prop></lockdiscovery>",
        "<prop><lockdiscovery><activelock>",
        &deep,
        &with(&format!("<owner>{deep}")),
        &format!("<prop><lockdiscovery>{many}</lockdiscovery></prop>"),
    ] {
        assert!(active_locks(text).is_err(), "{text:.80}");
    }
    let long = "é".repeat(100_000);
    let lock = only(&with(&format!(
        "<owner>{long}</owner><locktoken><href>{long}</href></locktoken><timeout>Second-{long}</timeout>"
    )));
    assert!(lock.holder().unwrap().len() <= MAX_TEXT);
    assert_eq!((lock.token, lock.timeout), (None, None));
}

#[test]
fn a_lock_is_asked_for_by_a_name_that_may_be_anything() {
    let body = lock_info("a\n<b> & \"c\"", SESSION);
    assert!(body.contains(&format!(
        "<D:owner>a&lt;b&gt; &amp; &quot;c&quot; [{SESSION}]</D:owner>"
    )));
    let long = lock_info(&"é".repeat(10_000), SESSION);
    assert!(long.len() < 1_000 && long.contains(SESSION));
}

proptest! {
    #[test]
    fn any_text_is_read(text: String) {
        let _ = active_locks(&text);
    }

    #[test]
    fn any_markup_is_read(
        text in "(<prop>|</prop>|<lockdiscovery>|</lockdiscovery>|<activelock>|</activelock>|<owner>|</owner>|<timeout>|</timeout>|<href/>|&|&#x;|<!|x|<!\\[CDATA\\[|\\]\\]>|<!DOCTYPE )*"
    ) {
        let _ = active_locks(&text);
    }

    #[test]
    fn any_owner_is_found_again(name: String) {
        let body = lock_info(&name, SESSION);
        let (_, owner) = body.split_once("<D:owner>").unwrap();
        let (owner, _) = owner.split_once("</D:owner>").unwrap();
        let lock = only(&with(&format!("<owner>{owner}</owner>")));
        prop_assert!(lock.is_of(SESSION));
    }
}
