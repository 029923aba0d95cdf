//! Refusals of each API, and the kind that its profile returns.
//!
//! `None` leaves the decision to the status: a 412 to a conditional write is a race, a 423 is a lock, and a 400 or 422
//! is an invalid document. For a 409 it leaves the decision to the following read. `Unknown` does so for a 412.

use ifmatch::RefusalKind::{self, *};
use ifmatch::profiles::{
    AzureBlob, AzureTable, CouchDb, Elasticsearch, Eve, Fhir, GitHubContents, Google, JsonApi,
    Kinto, Kubernetes, OData, S3, Scim, WebDav,
};
use ifmatch::{Generic, Profile};

use super::{HTML, JSON, XML, read};

type Row = (
    u16,
    &'static [(&'static str, &'static str)],
    &'static str,
    Option<RefusalKind>,
);

fn check(profile: &impl Profile, rows: &[Row]) {
    for (status, headers, body, kind) in rows {
        let problem = read(*status, headers, body);
        assert_eq!(profile.classify(&problem), *kind, "{status} {body}");
    }
}

#[test]
fn kubernetes_goes_by_the_reason() {
    check(
        &Kubernetes,
        &[
            (
                409,
                JSON,
                r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"pods \"web\" already exists","reason":"AlreadyExists","details":{"name":"web","kind":"pods"},"code":409}"#,
                Some(AlreadyExists),
            ),
            // Another version of this object, of a quota, or another object of that name: the read tells.
            (
                409,
                JSON,
                r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"Operation cannot be fulfilled on pods \"web\": the object has been modified; please apply your changes to the latest version and try again","reason":"Conflict","details":{"name":"web","kind":"pods"},"code":409}"#,
                None,
            ),
            (
                409,
                JSON,
                r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"Operation cannot be fulfilled on resourcequotas \"quota\": the object has been modified; please apply your changes to the latest version and try again","reason":"Conflict","details":{"name":"quota","kind":"resourcequotas"},"code":409}"#,
                None,
            ),
            (
                409,
                JSON,
                r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"Apply failed with 1 conflict: conflict with \"kubectl\": .spec.replicas","reason":"Conflict","details":{"causes":[{"reason":"FieldManagerConflict","message":"conflict with \"kubectl\"","field":".spec.replicas"}]},"code":409}"#,
                Some(InvalidState),
            ),
            (
                422,
                JSON,
                r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"Pod \"web\" is invalid: spec.containers: Required value","reason":"Invalid","details":{"name":"web","kind":"Pod","causes":[{"reason":"FieldValueRequired","message":"Required value","field":"spec.containers"}]},"code":422}"#,
                None,
            ),
        ],
    );
}

#[test]
fn elasticsearch_tells_by_the_type_in_a_bulk_reply_too() {
    check(
        &Elasticsearch,
        &[
            (
                409,
                JSON,
                r#"{"error":{"root_cause":[],"type":"version_conflict_engine_exception","reason":"[1]: version conflict"},"status":409}"#,
                Some(StaleVersion),
            ),
            (
                200,
                JSON,
                r#"{"took":3,"errors":true,"items":[{"index":{"_index":"a","_id":"1","status":409,"error":{"type":"version_conflict_engine_exception","reason":"[1]: version conflict"}}}]}"#,
                Some(StaleVersion),
            ),
            // Not in the table: the read tells.
            (
                200,
                JSON,
                r#"{"errors":true,"items":[{"update":{"status":404,"error":{"type":"document_missing_exception"}}}]}"#,
                None,
            ),
            // The other item may be stored: nothing to merge into.
            (
                200,
                JSON,
                r#"{"errors":true,"items":[{"index":{"status":201}},{"index":{"status":409,"error":{"type":"version_conflict_engine_exception"}}}]}"#,
                Some(InvalidState),
            ),
            (
                200,
                JSON,
                r#"{"errors":true,"items":[]}"#,
                Some(InvalidState),
            ),
            (
                200,
                JSON,
                r#"{"errors":true,"items":[7]}"#,
                Some(InvalidState),
            ),
            (
                200,
                JSON,
                r#"{"errors":true,"items":[{"index":{"status":409,"error":"no"}}]}"#,
                None,
            ),
        ],
    );
}

#[test]
fn couchdb_tells_races_by_409_and_never_by_412() {
    let text: &[(&str, &str)] = &[
        ("content-type", "text/plain; charset=utf-8"),
        ("etag", r#"W/"39-c0aD2MvSZJYhjj/Oo9YvbPM+3q0""#),
    ];
    check(
        &CouchDb,
        &[
            (
                409,
                text,
                r#"{"error":"conflict","reason":"Document update conflict"}"#,
                Some(StaleVersion),
            ),
            (
                412,
                text,
                r#"{"error":"file_exists","reason":"The database could not be created."}"#,
                Some(AlreadyExists),
            ),
            (
                412,
                JSON,
                r#"{"error":"missing_stub","reason":"Invalid attachment stub in note for photo.png"}"#,
                Some(Invalid),
            ),
            (412, JSON, r#"{"error":"odd","reason":"?"}"#, Some(Unknown)),
            (
                400,
                text,
                r#"{"error":"bad_request","reason":"Invalid rev format"}"#,
                None,
            ),
            (
                403,
                JSON,
                r#"{"error":"forbidden","reason":"only the author may edit"}"#,
                None,
            ),
            (
                404,
                text,
                r#"{"error":"not_found","reason":"missing"}"#,
                None,
            ),
            (409, HTML, "<html><title>409 Conflict</title></html>", None),
        ],
    );
}

#[test]
fn kinto_goes_by_errno() {
    check(
        &Kinto,
        &[
            (
                412,
                JSON,
                r#"{"code":412,"errno":114,"error":"Precondition Failed","message":"Resource was modified meanwhile","details":{"existing":{"title":"two","n":2,"id":"r1","last_modified":1795233032172}}}"#,
                Some(StaleVersion),
            ),
            (
                412,
                JSON,
                r#"{"code":412,"errno":114,"error":"Precondition Failed","message":"Resource was modified meanwhile"}"#,
                Some(StaleVersion),
            ),
            (
                409,
                JSON,
                r#"{"code":409,"errno":122,"error":"Conflict","message":"Conflict of field title on record r2","details":{"field":"title","existing":{"id":"r2","title":"two","last_modified":1795233032090}}}"#,
                Some(AlreadyExists),
            ),
            (
                400,
                JSON,
                r#"{"code":400,"errno":107,"error":"Invalid parameters","message":"If-Match in header: The value should be integer between double quotes.","details":[{"location":"header","name":"If-Match","description":"The value should be integer between double quotes."}]}"#,
                None,
            ),
            (
                405,
                JSON,
                r#"{"code":405,"errno":115,"error":"Method Not Allowed","message":"Method not allowed on this endpoint."}"#,
                None,
            ),
        ],
    );
}

#[test]
fn webdav_knows_no_race_by_409() {
    check(
        &WebDav,
        &[
            // Apache and lighttpd.
            (
                412,
                HTML,
                "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 4.01//EN\" \"http://www.w3.org/TR/html4/strict.dtd\">\n<html><head>\n<title>412 Precondition Failed</title>\n</head><body>\n<h1>Precondition Failed</h1>",
                None,
            ),
            (
                409,
                HTML,
                "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 4.01//EN\" \"http://www.w3.org/TR/html4/strict.dtd\">\n<html><head>\n<title>409 Conflict</title>\n</head><body>\n<h1>Conflict</h1>\n<p>The server en",
                Some(InvalidState),
            ),
            (
                423,
                HTML,
                "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 4.01//EN\" \"http://www.w3.org/TR/html4/strict.dtd\">\n<html><head>\n<title>423 Locked</title>\n</head><body>\n<h1>Locked</h1>\n<p>The requested res",
                Some(Locked),
            ),
            // SabreDAV.
            (
                412,
                XML,
                r#"<?xml version="1.0" encoding="utf-8"?><d:error xmlns:d="DAV:" xmlns:s="http://sabredav.org/ns"><s:exception>Sabre\DAV\Exception\PreconditionFailed</s:exception><s:message>An If-Match header was specified, but none of the specified the ETags matched.</s:message><s:header>If-Match</s:header></d:error>"#,
                None,
            ),
            (
                409,
                XML,
                r#"<?xml version="1.0" encoding="utf-8"?><d:error xmlns:d="DAV:" xmlns:s="http://sabredav.org/ns"><s:exception>Sabre\DAV\Exception\Conflict</s:exception><s:message>Files can only be created as children of collections</s:message></d:error>"#,
                Some(InvalidState),
            ),
            // CalDAV.
            (
                409,
                XML,
                r#"<?xml version="1.0"?><D:error xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><C:no-uid-conflict><D:href>/cal/a.ics</D:href></C:no-uid-conflict></D:error>"#,
                Some(AlreadyExists),
            ),
            (
                403,
                XML,
                r#"<D:error xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"><C:no-uid-conflict/></D:error>"#,
                Some(AlreadyExists),
            ),
        ],
    );
}

#[test]
fn azure_blob_tells_leases_from_races() {
    check(
        &AzureBlob,
        &[
            (
                412,
                XML,
                "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<Error>\n  <Code>ConditionNotMet</Code>\n  <Message>The condition specified using HTTP conditional header(s) is not met.\nRequestId:29167524\nTime:2026-11-21T04:39:38.419Z</Message>\n</Error>",
                Some(StaleVersion),
            ),
            // A reply without a body.
            (
                412,
                &[("x-ms-error-code", "ConditionNotMet")],
                "",
                Some(StaleVersion),
            ),
            (
                412,
                XML,
                "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<Error>\n  <Code>LeaseIdMissing</Code>\n  <Message>There is currently a lease on the blob and no lease ID was specified in the request.\nRequestId:52c0a4bb</Message>\n</Error>",
                Some(Locked),
            ),
            (
                412,
                &[("x-ms-error-code", "LeaseIdMismatchWithBlobOperation")],
                "",
                Some(Locked),
            ),
            (
                409,
                XML,
                "<Error>\n  <Code>LeaseAlreadyPresent</Code>\n  <Message>There is already a lease present.</Message>\n</Error>",
                Some(Locked),
            ),
            (
                412,
                XML,
                "<Error>\n  <Code>LeaseNotPresentWithBlobOperation</Code>\n  <Message>A lease ID was specified, but the lease for the blob has expired.</Message>\n</Error>",
                Some(InvalidState),
            ),
            (
                409,
                XML,
                "<Error>\n  <Code>BlobAlreadyExists</Code>\n  <Message>The specified blob already exists.</Message>\n</Error>",
                Some(AlreadyExists),
            ),
            (
                409,
                XML,
                "<Error>\n  <Code>ContainerAlreadyExists</Code>\n  <Message>The specified container already exists.</Message>\n</Error>",
                Some(AlreadyExists),
            ),
            (
                412,
                &[("x-ms-error-code", "AppendPositionConditionNotMet")],
                "",
                Some(InvalidState),
            ),
            (
                412,
                &[("x-ms-error-code", "SourceConditionNotMet")],
                "",
                Some(InvalidState),
            ),
            (
                409,
                &[("x-ms-error-code", "SnapshotsPresent")],
                "",
                Some(InvalidState),
            ),
            (
                412,
                &[("x-ms-error-code", "NotKnownYet")],
                "",
                Some(Unknown),
            ),
            (412, XML, "", None),
            (
                400,
                XML,
                "<Error>\n  <Code>MultipleConditionHeadersNotSupported</Code>\n  <Message>Multiple condition headers are not supported.</Message>\n</Error>",
                None,
            ),
        ],
    );
}

#[test]
fn azure_table_tells_races_from_duplicates() {
    let odata: &[(&str, &str)] = &[(
        "content-type",
        "application/json;odata=nometadata;streaming=true;charset=utf-8",
    )];
    check(
        &AzureTable,
        &[
            (
                412,
                odata,
                r#"{"odata.error":{"code":"UpdateConditionNotSatisfied","message":{"lang":"en-US","value":"The update condition specified in the request was not satisfied.\nRequestId:1181323d"}}}"#,
                Some(StaleVersion),
            ),
            (
                412,
                XML,
                "<Error>\n  <Code>UpdateConditionNotSatisfied</Code>\n  <Message>The update condition specified in the request was not satisfied.</Message>\n</Error>",
                Some(StaleVersion),
            ),
            (
                409,
                odata,
                r#"{"odata.error":{"code":"EntityAlreadyExists","message":{"lang":"en-US","value":"The specified entity already exists.\nRequestId:eac0a6fe"}}}"#,
                Some(AlreadyExists),
            ),
            (
                409,
                odata,
                r#"{"odata.error":{"code":"TableBeingDeleted","message":{"lang":"en-US","value":"The specified table is being deleted. Try operation later."}}}"#,
                Some(InvalidState),
            ),
            (
                400,
                odata,
                r#"{"odata.error":{"code":"InvalidInput","message":{"lang":"en-US","value":"An error occurred while processing this request."}}}"#,
                None,
            ),
        ],
    );
}

#[test]
fn s3_tells_races_from_operations_under_way() {
    check(
        &S3,
        &[
            (
                412,
                XML,
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>PreconditionFailed</Code><Message>At least one of the pre-conditions you specified did not hold</Message><Condition>If-Match</Condition><RequestId>R</RequestId></Error>",
                Some(StaleVersion),
            ),
            (
                409,
                XML,
                "<Error><Code>ConditionalRequestConflict</Code><Message>The conditional request cannot succeed due to a conflicting operation against this resource.</Message><Condition>If-Match</Condition><Key>a.json</Key></Error>",
                Some(Transient),
            ),
            (
                409,
                XML,
                "<Error><Code>OperationAborted</Code><Message>A conflicting conditional operation is currently in progress against this resource. Try again.</Message></Error>",
                Some(Transient),
            ),
            (
                409,
                XML,
                "<Error><Code>BucketAlreadyOwnedByYou</Code><Message>m</Message></Error>",
                Some(AlreadyExists),
            ),
            (
                409,
                XML,
                "<Error><Code>BucketNotEmpty</Code><Message>m</Message></Error>",
                Some(InvalidState),
            ),
            (
                404,
                XML,
                "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message><Key>a.json</Key></Error>",
                None,
            ),
        ],
    );
}

#[test]
fn eve_demands_a_condition_only_of_creations() {
    check(
        &Eve,
        &[
            (
                428,
                JSON,
                r#"{"_status": "ERR", "_error": {"code": 428, "message": "To edit a document its etag must be provided using the If-Match header"}}"#,
                Some(AlreadyExists),
            ),
            (
                412,
                JSON,
                r#"{"_status": "ERR", "_error": {"code": 412, "message": "Client and server etags don't match"}}"#,
                None,
            ),
            (
                422,
                JSON,
                r#"{"_issues": {"title": "must be of string type"}, "_status": "ERR"}"#,
                None,
            ),
        ],
    );
}

#[test]
fn odata_tells_races_from_duplicates_at_the_same_status() {
    check(
        &OData,
        &[
            // SAP CAP repeats the status as the code.
            (
                412,
                JSON,
                r#"{"error":{"code":"412","message":"Precondition Failed","@Common.numericSeverity":4}}"#,
                None,
            ),
            (
                428,
                JSON,
                r#"{"error":{"code":"428","message":"Precondition Required","@Common.numericSeverity":4}}"#,
                None,
            ),
            // Dataverse.
            (
                412,
                JSON,
                r#"{"error":{"code":"0x80060882","message":"The version of the existing record doesn't match the RowVersion property provided."}}"#,
                Some(StaleVersion),
            ),
            (
                412,
                JSON,
                r#"{"error":{"code":"0x80040237","message":"A record with matching key values already exists."}}"#,
                Some(AlreadyExists),
            ),
            (
                412,
                JSON,
                r#"{"error":{"code":"0x80040333","message":"A record was not created or updated because a duplicate of the current record already exists."}}"#,
                Some(AlreadyExists),
            ),
            (
                412,
                JSON,
                r#"{"error":{"code":"","message":"A record with matching key values already exists."}}"#,
                None,
            ),
            (
                412,
                JSON,
                r#"{"error":{"code":"0x80000001","message":"m"}}"#,
                Some(Unknown),
            ),
            // Microsoft Graph.
            (
                412,
                JSON,
                r#"{"error":{"code":"resourceModified","message":"ETag does not match current item's value","innerError":{"request-id":"r"}}}"#,
                Some(StaleVersion),
            ),
            (
                412,
                JSON,
                r#"{"error":{"code":"ErrorIrresolvableConflict","message":"The send or update operation could not be performed because the change key passed in the request does not match the current change key for the item."}}"#,
                Some(StaleVersion),
            ),
            (
                409,
                JSON,
                r#"{"error":{"code":"nameAlreadyExists","message":"Name already exists"}}"#,
                Some(AlreadyExists),
            ),
            (
                423,
                JSON,
                r#"{"error":{"code":"resourceLocked","message":"The resource you are attempting to access is locked"}}"#,
                Some(Locked),
            ),
            // Business Central.
            (
                409,
                JSON,
                r#"{"error":{"code":"Request_EntityChanged","message":"Another user has already changed the record."}}"#,
                Some(StaleVersion),
            ),
        ],
    );
}

#[test]
fn fhir_goes_by_the_type_of_the_issue() {
    let fhir: &[(&str, &str)] = &[("content-type", "application/fhir+json")];
    check(
        &Fhir,
        &[
            (
                412,
                fhir,
                r#"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"conflict","diagnostics":"Trying to update Patient/1/_history/1 but this is not the current version"}]}"#,
                Some(StaleVersion),
            ),
            (
                409,
                fhir,
                r#"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"conflict","diagnostics":"Unable to delete Patient/1 because at least one resource has a reference to it"}]}"#,
                None,
            ),
            (
                412,
                fhir,
                r#"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"multiple-matches","diagnostics":"Failed to update: 2 matches"}]}"#,
                Some(Invalid),
            ),
            (
                412,
                fhir,
                r#"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"processing","diagnostics":"Failed"}]}"#,
                Some(Unknown),
            ),
            (
                409,
                fhir,
                r#"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"duplicate","diagnostics":"d"}]}"#,
                Some(AlreadyExists),
            ),
            (
                409,
                fhir,
                r#"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"lock-error","diagnostics":"d"}]}"#,
                Some(Transient),
            ),
            (
                422,
                fhir,
                r#"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"business-rule","diagnostics":"d"}]}"#,
                Some(InvalidState),
            ),
            (
                412,
                &[("content-type", "application/fhir+xml")],
                r#"<OperationOutcome xmlns="http://hl7.org/fhir"><issue><severity value="error"/><code value="conflict"/></issue></OperationOutcome>"#,
                None,
            ),
        ],
    );
}

#[test]
fn scim_knows_names_that_are_taken() {
    let scim: &[(&str, &str)] = &[("content-type", "application/scim+json")];
    check(
        &Scim,
        &[
            (
                409,
                scim,
                r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"scimType":"uniqueness","detail":"userName is taken","status":"409"}"#,
                Some(AlreadyExists),
            ),
            (
                409,
                scim,
                r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"detail":"in use","status":"409"}"#,
                None,
            ),
            (
                412,
                scim,
                r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"detail":"Failed to update. Resource changed on the server.","status":"412"}"#,
                None,
            ),
            (
                400,
                scim,
                r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"scimType":"mutability","detail":"Attribute 'id' is readOnly","status":"400"}"#,
                None,
            ),
        ],
    );
}

#[test]
fn google_goes_by_status_or_reason() {
    check(
        &Google,
        &[
            (
                409,
                JSON,
                r#"{"error":{"code":409,"message":"There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff.","status":"ABORTED"}}"#,
                None,
            ),
            (
                409,
                JSON,
                r#"{"error":{"code":409,"message":"Secret [projects/1/secrets/s] already exists.","status":"ALREADY_EXISTS"}}"#,
                Some(AlreadyExists),
            ),
            (
                400,
                JSON,
                r#"{"error":{"code":400,"message":"The etag provided in the request does not match the resource's current etag.","status":"FAILED_PRECONDITION"}}"#,
                Some(InvalidState),
            ),
            (
                412,
                JSON,
                r#"{"error":{"code":412,"message":"Precondition Failed","errors":[{"message":"Precondition Failed","domain":"global","reason":"conditionNotMet","locationType":"header","location":"If-Match"}]}}"#,
                Some(StaleVersion),
            ),
            (
                409,
                JSON,
                r#"{"error":{"code":409,"message":"The requested identifier already exists.","errors":[{"message":"The requested identifier already exists.","domain":"global","reason":"duplicate"}]}}"#,
                Some(AlreadyExists),
            ),
            (
                400,
                JSON,
                r#"{"error":{"code":400,"message":"The disk resource is already being used","errors":[{"message":"m","domain":"global","reason":"resourceInUseByAnotherResource"}]}}"#,
                Some(InvalidState),
            ),
            (
                409,
                JSON,
                r#"{"error":{"code":409,"message":"m","errors":[{"message":"m","domain":"global","reason":"conflict"}]}}"#,
                None,
            ),
        ],
    );
}

#[test]
fn github_takes_no_race_from_words() {
    check(
        &GitHubContents,
        &[
            (
                409,
                JSON,
                r#"{"message":"a.txt does not match fad77a29bdeb9e421cdeb889da9e591f742735ad","documentation_url":"https://docs.github.com/rest/repos/contents#create-or-update-file-contents","status":"409"}"#,
                None,
            ),
            (
                409,
                JSON,
                r#"{"message":"is at 5f1a2b but expected 0c3d4e","documentation_url":"https://docs.github.com/rest/repos/contents#create-or-update-file-contents","status":"409"}"#,
                Some(Transient),
            ),
            (
                422,
                JSON,
                r#"{"message":"Invalid request.\n\n\"sha\" wasn't supplied.","documentation_url":"https://docs.github.com/rest/repos/contents#create-or-update-file-contents","status":"422"}"#,
                Some(AlreadyExists),
            ),
            (
                422,
                JSON,
                r#"{"message":"Invalid request.\n\nFor 'properties/sha', nil is not a string.","status":"422"}"#,
                None,
            ),
            (
                409,
                JSON,
                r#"{"message":"Git Repository is empty.","status":"409"}"#,
                None,
            ),
        ],
    );
}

#[test]
fn json_api_goes_by_the_pointer() {
    let api: &[(&str, &str)] = &[("content-type", "application/vnd.api+json")];
    check(
        &JsonApi,
        &[
            (
                409,
                api,
                r#"{"errors":[{"status":"409","title":"Conflict","detail":"A resource with this id exists.","source":{"pointer":"/data/id"}}]}"#,
                Some(AlreadyExists),
            ),
            (
                409,
                api,
                r#"{"errors":[{"status":"409","title":"Conflict","detail":"The type is not of this collection.","source":{"pointer":"/data/type"}}]}"#,
                Some(Invalid),
            ),
            (
                409,
                api,
                r#"{"errors":[{"status":"409","code":"STALE","title":"Stale resource","source":{"pointer":"/data/attributes/title"}}]}"#,
                None,
            ),
            (
                409,
                api,
                r#"{"errors":[{"status":"409","code":"name_taken","title":"Taken"}]}"#,
                Some(AlreadyExists),
            ),
            (
                412,
                api,
                r#"{"errors":[{"status":"412","title":"Precondition Failed"}]}"#,
                None,
            ),
        ],
    );
}

#[test]
fn meanings_of_ones_own_come_before_those_of_a_profile() {
    let profile = Generic::over(CouchDb)
        .map_code("forbidden", InvalidState)
        .map_code("https://api.example.com/problems/frozen", InvalidState)
        .map_code("file_exists", Transient);
    check(
        &profile,
        &[
            (
                403,
                JSON,
                r#"{"error":"forbidden","reason":"no"}"#,
                Some(InvalidState),
            ),
            (
                412,
                JSON,
                r#"{"error":"file_exists","reason":"m"}"#,
                Some(Transient),
            ),
            (
                409,
                JSON,
                r#"{"error":"conflict","reason":"m"}"#,
                Some(StaleVersion),
            ),
            // The type is resolved against the address, and asked first.
            (
                409,
                &[("content-type", "application/problem+json")],
                r#"{"type":"/problems/frozen","code":"conflict"}"#,
                Some(InvalidState),
            ),
        ],
    );
}

/// A 412 for which a profile knows a reason other than the version must not fall through to the
/// status, which would call it a race.
#[test]
fn a_code_that_is_not_known_is_no_proof_of_a_race() {
    let problem = read(412, JSON, r#"{"code":"SomethingElse"}"#);
    let profiles: [&dyn Profile; 5] = [&AzureBlob, &AzureTable, &S3, &OData, &CouchDb];
    for profile in profiles {
        assert_eq!(profile.classify(&problem), Some(Unknown));
    }
}
