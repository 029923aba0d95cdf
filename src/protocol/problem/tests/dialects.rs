//! Refusals in the words of real servers, and what is read from each.

use super::{BLANK, read};

/// One server's refusal: status, media type, body; then type, title, detail, code.
type Row = (
    u16,
    &'static str,
    &'static str,
    &'static str,
    Option<&'static str>,
    Option<&'static str>,
    Option<&'static str>,
);

// The bodies of Kinto 26.5, PouchDB (express-pouchdb 4.2), etcd 3.4, Eve 2.3, Azurite 3.35, Apache 2.4,
// lighttpd 1.4 and Prism 5.16 are as these servers sent them. The others are as the services document them.
const REFUSALS: &[Row] = &[
    // Kinto: `code` repeats the status, `errno` is the code.
    (
        412,
        "application/json",
        r#"{"code":412,"errno":114,"error":"Precondition Failed","message":"Resource was modified meanwhile","details":{"existing":{"title":"two","n":2,"id":"r1","last_modified":1795233032172}}}"#,
        BLANK,
        Some("Precondition Failed"),
        Some("Resource was modified meanwhile"),
        Some("114"),
    ),
    // Kinto, after a delete and for a field: no state.
    (
        412,
        "application/json",
        r#"{"code":412,"errno":114,"error":"Precondition Failed","message":"Resource was modified meanwhile"}"#,
        BLANK,
        Some("Precondition Failed"),
        Some("Resource was modified meanwhile"),
        Some("114"),
    ),
    (
        400,
        "application/json",
        r#"{"code":400,"errno":107,"error":"Invalid parameters","message":"If-Match in header: The value should be integer between double quotes.","details":[{"location":"header","name":"If-Match","description":"The value should be integer between double quotes."}]}"#,
        BLANK,
        Some("Invalid parameters"),
        Some("If-Match in header: The value should be integer between double quotes."),
        Some("107"),
    ),
    (
        404,
        "application/json",
        r#"{"code":404,"errno":110,"error":"Not Found","details":{"id":"r1","resource_name":"record"}}"#,
        BLANK,
        Some("Not Found"),
        None,
        Some("110"),
    ),
    // PouchDB: JSON labelled as text.
    (
        409,
        "text/plain; charset=utf-8",
        r#"{"error":"conflict","reason":"Document update conflict"}"#,
        BLANK,
        None,
        Some("Document update conflict"),
        Some("conflict"),
    ),
    (
        412,
        "text/plain; charset=utf-8",
        r#"{"error":"file_exists","reason":"The database could not be created."}"#,
        BLANK,
        None,
        Some("The database could not be created."),
        Some("file_exists"),
    ),
    // etcd v2.
    (
        412,
        "application/json",
        r#"{"errorCode":101,"message":"Compare failed","cause":"[4 != 5]","index":5}"#,
        BLANK,
        None,
        Some("Compare failed"),
        Some("101"),
    ),
    (
        412,
        "application/json",
        r#"{"errorCode":105,"message":"Key already exists","cause":"/a","index":6}"#,
        BLANK,
        None,
        Some("Key already exists"),
        Some("105"),
    ),
    // Eve.
    (
        428,
        "application/json",
        r#"{"_status": "ERR", "_error": {"code": 428, "message": "To edit a document its etag must be provided using the If-Match header"}}"#,
        BLANK,
        None,
        Some("To edit a document its etag must be provided using the If-Match header"),
        None,
    ),
    (
        422,
        "application/json",
        r#"{"_issues": {"title": "must be of string type"}, "_status": "ERR"}"#,
        BLANK,
        None,
        None,
        None,
    ),
    (
        412,
        "application/json",
        r#"{"_status": "ERR", "_error": {"code": 412, "message": "Client and server etags don't match"}}"#,
        BLANK,
        None,
        Some("Client and server etags don't match"),
        None,
    ),
    // Azurite Blob.
    (
        412,
        "application/xml",
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<Error>\n  <Code>LeaseIdMissing</Code>\n  <Message>There is currently a lease on the blob and no lease ID was specified in the request.\nRequestId:52c0a4bb\nTime:2026-11-21T04:39:40.117Z</Message>\n</Error>",
        BLANK,
        None,
        Some(
            "There is currently a lease on the blob and no lease ID was specified in the request.\nRequestId:52c0a4bb\nTime:2026-11-21T04:39:40.117Z",
        ),
        Some("LeaseIdMissing"),
    ),
    (
        409,
        "application/xml",
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<Error>\n  <Code>BlobAlreadyExists</Code>\n  <Message>The specified blob already exists.\nRequestId:3c00e96d\nTime:2026-11-21T04:39:38.617Z</Message>\n</Error>",
        BLANK,
        None,
        Some(
            "The specified blob already exists.\nRequestId:3c00e96d\nTime:2026-11-21T04:39:38.617Z",
        ),
        Some("BlobAlreadyExists"),
    ),
    // Azurite Table.
    (
        409,
        "application/json;odata=nometadata;streaming=true;charset=utf-8",
        r#"{"odata.error":{"code":"EntityAlreadyExists","message":{"lang":"en-US","value":"The specified entity already exists.\nRequestId:eac0a6fe"}}}"#,
        BLANK,
        None,
        Some("The specified entity already exists.\nRequestId:eac0a6fe"),
        Some("EntityAlreadyExists"),
    ),
    (
        412,
        "application/json;odata=nometadata;streaming=true;charset=utf-8",
        r#"{"odata.error":{"code":"UpdateConditionNotSatisfied","message":{"lang":"en-US","value":"The update condition specified in the request was not satisfied."}}}"#,
        BLANK,
        None,
        Some("The update condition specified in the request was not satisfied."),
        Some("UpdateConditionNotSatisfied"),
    ),
    // Apache.
    (
        412,
        "text/html; charset=iso-8859-1",
        "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 4.01//EN\" \"http://www.w3.org/TR/html4/strict.dtd\">\n<html><head>\n<title>412 Precondition Failed</title>\n</head><body>\n<h1>Precondition Failed</h1>\n</body></html>",
        BLANK,
        Some("412 Precondition Failed"),
        None,
        None,
    ),
    // nginx.
    (
        429,
        "text/html",
        "<html>\r\n<head><title>429 Too Many Requests</title></head>\r\n<body>\r\n<center><h1>429 Too Many Requests</h1></center>\r\n<hr><center>nginx/1.22.1</center>\r\n</body>\r\n</html>\r\n",
        BLANK,
        Some("429 Too Many Requests"),
        None,
        None,
    ),
    // lighttpd: XHTML behind an XML declaration.
    (
        423,
        "text/html",
        "<?xml version=\"1.0\" encoding=\"iso-8859-1\"?>\n<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Transitional//EN\"\n         \"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd\">\n<html xmlns=\"http://www.w3.org/1999/xhtml\" xml:lang=\"en\" lang=\"en\">\n <head>\n  <title>423 Locked</title>\n </head>\n <body>\n  <h1>423 Locked</h1>\n </body>\n</html>",
        BLANK,
        Some("423 Locked"),
        None,
        None,
    ),
    // Prism.
    (
        412,
        "application/problem+json",
        r#"{"type":"https://ex.org/stale","title":"Stale","status":412,"currentEtag":"\"7\""}"#,
        "https://ex.org/stale",
        Some("Stale"),
        None,
        None,
    ),
    (
        422,
        "application/problem+json",
        r#"{"type":"https://stoplight.io/prism/errors#UNPROCESSABLE_ENTITY","title":"Invalid request","status":422,"detail":"Your request is not valid.","validation":[{"location":["body","n"],"severity":"Error","code":"type","message":"Request body property n must be integer"}]}"#,
        "https://stoplight.io/prism/errors#UNPROCESSABLE_ENTITY",
        Some("Invalid request"),
        Some("Your request is not valid."),
        None,
    ),
    // Problem Details in XML.
    (
        403,
        "application/problem+xml",
        r#"<?xml version="1.0" encoding="UTF-8"?><problem xmlns="urn:ietf:rfc:7807"><type>https://example.com/probs/out-of-credit</type><title>You do not have enough credit.</title><detail>Your current balance is 30, but that costs 50.</detail><instance>https://example.net/account/12345/msgs/abc</instance><balance>30</balance></problem>"#,
        "https://example.com/probs/out-of-credit",
        Some("You do not have enough credit."),
        Some("Your current balance is 30, but that costs 50."),
        None,
    ),
    // Kubernetes.
    (
        409,
        "application/json",
        r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"Operation cannot be fulfilled on pods \"x\": the object has been modified","reason":"Conflict","details":{"name":"x","kind":"pods"},"code":409}"#,
        BLANK,
        None,
        Some("Operation cannot be fulfilled on pods \"x\": the object has been modified"),
        Some("Conflict"),
    ),
    // Google, new and old.
    (
        409,
        "application/json; charset=UTF-8",
        r#"{"error":{"code":409,"message":"The operation was aborted.","status":"ABORTED"}}"#,
        BLANK,
        None,
        Some("The operation was aborted."),
        Some("ABORTED"),
    ),
    (
        412,
        "application/json; charset=UTF-8",
        r#"{"error":{"code":412,"message":"At least one condition did not hold.","errors":[{"message":"At least one condition did not hold.","domain":"global","reason":"conditionNotMet","locationType":"header","location":"If-Match"}]}}"#,
        BLANK,
        None,
        Some("At least one condition did not hold."),
        Some("conditionNotMet"),
    ),
    // Elasticsearch.
    (
        409,
        "application/json",
        r#"{"error":{"root_cause":[],"type":"version_conflict_engine_exception","reason":"[1]: version conflict","index":"i"},"status":409}"#,
        BLANK,
        None,
        Some("[1]: version conflict"),
        Some("version_conflict_engine_exception"),
    ),
    // S3.
    (
        412,
        "application/xml",
        "<?xml version=\"1.0\"?><Error><Code>PreconditionFailed</Code><Message>At least one of the pre-conditions did not hold</Message><Condition>If-Match</Condition></Error>",
        BLANK,
        None,
        Some("At least one of the pre-conditions did not hold"),
        Some("PreconditionFailed"),
    ),
    // SCIM.
    (
        409,
        "application/scim+json",
        r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"scimType":"uniqueness","detail":"userName is taken","status":"409"}"#,
        BLANK,
        None,
        Some("userName is taken"),
        Some("uniqueness"),
    ),
    // FHIR.
    (
        412,
        "application/fhir+json",
        r#"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"conflict","diagnostics":"Version 2 is not current"}]}"#,
        BLANK,
        None,
        Some("Version 2 is not current"),
        Some("conflict"),
    ),
    (
        412,
        "application/fhir+json",
        r#"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"conflict","details":{"coding":[],"text":"Not the current version"}}]}"#,
        BLANK,
        None,
        Some("Not the current version"),
        Some("conflict"),
    ),
    // OData: the code inside beats the one of a detail.
    (
        412,
        "application/json;odata.metadata=minimal",
        r#"{"error":{"code":"0x80060882","message":"The version of the existing record doesn't match","details":[{"code":"inner","target":"$select","message":"m"}],"innererror":{"type":"T"}}}"#,
        BLANK,
        None,
        Some("The version of the existing record doesn't match"),
        Some("0x80060882"),
    ),
    // JSON:API.
    (
        409,
        "application/vnd.api+json",
        r#"{"errors":[{"status":"409","code":"STALE","title":"Stale resource","detail":"Read it again","source":{"pointer":"/data/attributes/title"}}]}"#,
        BLANK,
        Some("Stale resource"),
        Some("Read it again"),
        Some("STALE"),
    ),
    // Spring.
    (
        409,
        "application/json",
        r#"{"timestamp":"2026-11-21T04:39:58Z","status":409,"error":"Conflict","message":"Row was updated","path":"/x"}"#,
        BLANK,
        Some("Conflict"),
        Some("Row was updated"),
        None,
    ),
    // GitHub.
    (
        409,
        "application/json; charset=utf-8",
        r#"{"message":"a.txt does not match abc","documentation_url":"https://docs.github.com/","status":"409"}"#,
        BLANK,
        None,
        Some("a.txt does not match abc"),
        None,
    ),
    // Text, a JSON string, nothing.
    (
        409,
        "text/plain",
        "Conflict: the order is not paid\nat line 7",
        BLANK,
        None,
        Some("Conflict: the order is not paid"),
        None,
    ),
    (
        409,
        "application/json",
        r#""not paid""#,
        BLANK,
        None,
        Some("not paid"),
        None,
    ),
    (409, "", "", BLANK, None, None, None),
];

#[test]
fn every_dialect_is_read() {
    for (status, media_type, body, problem_type, title, detail, code) in REFUSALS {
        let problem = read(*status, media_type, body.as_bytes());
        assert_eq!(problem.status().as_u16(), *status, "{body}");
        assert_eq!(problem.problem_type(), *problem_type, "{body}");
        assert_eq!(problem.title(), *title, "{body}");
        assert_eq!(problem.detail(), *detail, "{body}");
        assert_eq!(problem.code(), *code, "{body}");
        assert_eq!(problem.raw(), body, "{body}");
        assert!(!problem.truncated(), "{body}");
    }
}
