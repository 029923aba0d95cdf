//! One kind of refusal in the spellings of several real APIs.

use std::time::Duration;

use ifmatch::Problem;

use super::{JSON, XML, read};

type Fields = &'static [(&'static str, &'static str)];

/// The API, its status, headers and body; then the code and the words.
type Row = (
    &'static str,
    u16,
    Fields,
    &'static str,
    Option<&'static str>,
    Option<&'static str>,
);

/// The words may be the detail, the title, or the detail of a field.
fn check(rows: &[Row]) {
    let mut wrong = Vec::new();
    for (api, status, headers, body, code, words) in rows {
        let problem = read(*status, headers, body);
        let of_fields = problem
            .fields()
            .iter()
            .any(|field| Some(&*field.detail) == *words);
        let said = problem.detail() == *words || problem.title() == *words || of_fields;
        if problem.code() != *code || !said {
            let told = (problem.code(), problem.title(), problem.detail());
            wrong.push(format!("{api}: {told:?} for {:?}", (code, words)));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn an_error_in_a_wrapper_of_its_own_name_is_read() {
    check(&[
        (
            "OpenStack Neutron",
            412,
            JSON,
            r#"{"NeutronError":{"type":"RevisionNumberConstraintFailed","message":"Constrained to 5","detail":""}}"#,
            Some("RevisionNumberConstraintFailed"),
            Some("Constrained to 5"),
        ),
        (
            "OpenStack Keystone",
            409,
            JSON,
            r#"{"error":{"code":409,"title":"Conflict","message":"Duplicate entry."}}"#,
            None,
            Some("Duplicate entry."),
        ),
        (
            "OpenStack Nova",
            409,
            JSON,
            r#"{"conflictingRequest":{"code":409,"message":"Cannot pause it now."}}"#,
            None,
            Some("Cannot pause it now."),
        ),
        (
            "Nextcloud",
            409,
            JSON,
            r#"{"ocs":{"meta":{"status":"failure","statuscode":409,"message":"Shared already"},"data":[]}}"#,
            None,
            Some("Shared already"),
        ),
        (
            "Elasticsearch",
            409,
            JSON,
            r#"{"error":{"root_cause":[{"type":"a"}],"type":"version_conflict_engine_exception","reason":"[7]: version conflict"},"status":409}"#,
            Some("version_conflict_engine_exception"),
            Some("[7]: version conflict"),
        ),
        (
            "CloudFront",
            412,
            XML,
            "<ErrorResponse><Error><Type>Sender</Type><Code>PreconditionFailed</Code><Message>Old tag</Message></Error><RequestId>1</RequestId></ErrorResponse>",
            Some("PreconditionFailed"),
            Some("Old tag"),
        ),
        (
            "SAP",
            412,
            JSON,
            r#"{"error":{"code":"/IWBEP/CM_MGW_RT/021","message":{"lang":"en","value":"It was changed"},"innererror":{"transactionid":"1"}}}"#,
            Some("/IWBEP/CM_MGW_RT/021"),
            Some("It was changed"),
        ),
        (
            "SOAP",
            500,
            XML,
            "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><s:Fault><faultcode>s:Stale</faultcode><faultstring>It was changed</faultstring></s:Fault></s:Body></s:Envelope>",
            Some("s:Stale"),
            Some("It was changed"),
        ),
    ]);
}

#[test]
fn words_in_lists_and_maps_are_read() {
    check(&[
        (
            "Jira",
            400,
            JSON,
            r#"{"errorMessages":["The board is closed."],"errors":{}}"#,
            None,
            Some("The board is closed."),
        ),
        (
            "Jira, of a field",
            400,
            JSON,
            r#"{"errorMessages":[],"errors":{"summary":"Too long"}}"#,
            None,
            Some("Too long"),
        ),
        (
            "GitLab",
            400,
            JSON,
            r#"{"message":{"name":["is taken"]}}"#,
            None,
            Some("is taken"),
        ),
        (
            "Vault",
            400,
            JSON,
            r#"{"errors":["check-and-set parameter did not match"],"data":null}"#,
            None,
            Some("check-and-set parameter did not match"),
        ),
        (
            "Bitbucket",
            409,
            JSON,
            r#"{"errors":[{"context":null,"message":"The file was changed","exceptionName":"com.atlassian.bitbucket.content.FileOutOfDateException"}]}"#,
            Some("com.atlassian.bitbucket.content.FileOutOfDateException"),
            Some("The file was changed"),
        ),
        (
            "Salesforce",
            400,
            JSON,
            r#"[{"message":"It is locked for editing","errorCode":"ENTITY_IS_LOCKED","fields":[]}]"#,
            Some("ENTITY_IS_LOCKED"),
            Some("It is locked for editing"),
        ),
        (
            "Zendesk",
            422,
            JSON,
            r#"{"error":"RecordInvalid","description":"Not valid","details":{"email":[{"description":"ada@x is used","error":"DuplicateValue"}]}}"#,
            Some("RecordInvalid"),
            Some("ada@x is used"),
        ),
        (
            "Django REST framework, of an element",
            400,
            JSON,
            r#"{"items":[{},{"qty":["too few"]}]}"#,
            None,
            Some("too few"),
        ),
        (
            "Shopify",
            422,
            JSON,
            r#"{"errors":{"title":["can't be blank"]}}"#,
            None,
            Some("can't be blank"),
        ),
        (
            "Shopify, without a map",
            404,
            JSON,
            r#"{"errors":"Not like this"}"#,
            None,
            Some("Not like this"),
        ),
    ]);
}

#[test]
fn codes_are_read_without_their_namespace_and_before_what_only_looks_like_one() {
    check(&[
        (
            "DynamoDB",
            400,
            JSON,
            r#"{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"It failed"}"#,
            Some("ConditionalCheckFailedException"),
            Some("It failed"),
        ),
        (
            "AppConfig",
            409,
            &[
                ("content-type", "application/json"),
                ("x-amzn-errortype", "ConflictException:"),
            ],
            r#"{"Message":"It is being deployed"}"#,
            Some("ConflictException"),
            Some("It is being deployed"),
        ),
        (
            "Lambda",
            409,
            &[
                ("content-type", "application/json"),
                (
                    "x-amzn-errortype",
                    "ResourceConflictException:http://internal.example.com/coral/",
                ),
            ],
            r#"{"Type":"User","message":"An update is in progress"}"#,
            Some("ResourceConflictException"),
            Some("An update is in progress"),
        ),
        (
            "Smithy",
            400,
            JSON,
            r#"{"__type":"aws.protocoltests.json10#FooError:http://internal.example.com/","Message":"m"}"#,
            Some("FooError"),
            Some("m"),
        ),
        (
            "SharePoint",
            409,
            JSON,
            r#"{"odata.error":{"code":"-2130575305, Microsoft.SharePoint.SPException","message":{"lang":"en-US","value":"Save conflict"}}}"#,
            Some("-2130575305"),
            Some("Save conflict"),
        ),
        (
            "GraphQL",
            200,
            JSON,
            r#"{"errors":[{"message":"Old","extensions":{"code":"STALE_OBJECT"},"path":["a"]}],"data":null}"#,
            Some("STALE_OBJECT"),
            Some("Old"),
        ),
        (
            "Box",
            412,
            JSON,
            r#"{"type":"error","status":412,"code":"precondition_failed","context_info":{},"message":"Another version"}"#,
            Some("precondition_failed"),
            Some("Another version"),
        ),
        (
            "Facebook",
            400,
            JSON,
            r#"{"error":{"message":"Too old","type":"OAuthException","code":190,"error_subcode":463,"fbtrace_id":"1"}}"#,
            Some("190"),
            Some("Too old"),
        ),
        (
            "Dropbox",
            409,
            JSON,
            r#"{"error_summary":"path/conflict/file/..","error":{".tag":"path","reason":{".tag":"conflict"}}}"#,
            None,
            Some("path/conflict/file/.."),
        ),
    ]);
}

#[test]
fn a_wait_is_read_in_every_spelling() {
    let rows: [(&str, &str, Option<u64>); 13] = [
        (
            "Discord",
            r#"{"message":"m","retry_after":64.57,"global":false}"#,
            Some(64_570),
        ),
        (
            "Telegram",
            r#"{"ok":false,"error_code":429,"description":"m","parameters":{"retry_after":8}}"#,
            Some(8_000),
        ),
        (
            "Matrix",
            r#"{"errcode":"M_LIMIT_EXCEEDED","error":"m","retry_after_ms":2000}"#,
            Some(2_000),
        ),
        (
            "Monday",
            r#"{"error_code":"ComplexityException","error_message":"m","retry_in_seconds":12}"#,
            Some(12_000),
        ),
        (
            "Kubernetes",
            r#"{"kind":"Status","details":{"retryAfterSeconds":2}}"#,
            Some(2_000),
        ),
        (
            "Google",
            r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"1.5s"}]}}"#,
            Some(1_500),
        ),
        (
            "gRPC, as an object",
            r#"{"code":8,"details":[{"@type":"t","retryDelay":{"seconds":"7","nanos":500000000}}]}"#,
            Some(7_500),
        ),
        (
            "GraphQL",
            r#"{"errors":[{"message":"m","extensions":{"code":"THROTTLED","retryAfter":1.5}}]}"#,
            Some(1_500),
        ),
        (
            "Nova",
            r#"{"overLimit":{"code":413,"message":"m","retryAfter":"7"}}"#,
            Some(7_000),
        ),
        ("Go", r#"{"error":"m","retry_after":"1m30s"}"#, Some(90_000)),
        (
            "Go, in parts of a second",
            r#"{"error":"m","retryAfter":"1.5s"}"#,
            Some(1_500),
        ),
        ("in words", r#"{"message":"m","retryAfter":"soon"}"#, None),
        ("none", r#"{"message":"m","retryAfter":null}"#, None),
    ];
    for (api, body, millis) in rows {
        let wait = read(429, JSON, body).retry_after();
        assert_eq!(wait, millis.map(Duration::from_millis), "{api}");
    }
}

#[test]
fn the_fields_that_a_refusal_names_are_pointers() {
    let rows = [
        (
            "ASP.NET",
            r#"{"type":"about:blank","title":"t","errors":{"$.price":["is text"]}}"#,
            "/price",
            "is text",
        ),
        (
            "FastAPI",
            r#"{"detail":[{"loc":["body","items",0,"qty"],"msg":"too few","type":"value_error"}]}"#,
            "/items/0/qty",
            "too few",
        ),
        (
            "Symfony",
            r#"{"title":"t","violations":[{"propertyPath":"items[0].qty","message":"too few"}]}"#,
            "/items/0/qty",
            "too few",
        ),
        (
            "Spring",
            r#"{"status":400,"errors":[{"field":"qty","defaultMessage":"too few","rejectedValue":0,"code":"Min"}]}"#,
            "/qty",
            "too few",
        ),
        (
            "Rails",
            r#"{"errors":{"items.qty":["too few"]}}"#,
            "/items/qty",
            "too few",
        ),
        (
            "Django REST framework",
            r#"{"items":[{},{"qty":["too few"]}]}"#,
            "/items/1/qty",
            "too few",
        ),
        (
            "Zendesk",
            r#"{"error":"RecordInvalid","description":"d","details":{"email":[{"description":"is used","error":"DuplicateValue"}]}}"#,
            "/email",
            "is used",
        ),
        (
            "Stripe",
            r#"{"error":{"type":"invalid_request_error","code":"parameter_invalid","param":"items[0][qty]","message":"too few"}}"#,
            "/items/0/qty",
            "too few",
        ),
        (
            "GitHub",
            r#"{"message":"Validation Failed","errors":[{"resource":"Issue","field":"title","code":"missing_field"}]}"#,
            "/title",
            "",
        ),
        (
            "Google",
            r#"{"error":{"code":400,"status":"INVALID_ARGUMENT","details":[{"@type":"t","fieldViolations":[{"field":"items[0].qty","description":"too few"}]}]}}"#,
            "/items/0/qty",
            "too few",
        ),
    ];
    let mut wrong = Vec::new();
    for (api, body, pointer, detail) in rows {
        let problem: Problem = read(400, JSON, body);
        let found = problem
            .fields()
            .iter()
            .any(|field| (field.pointer.as_deref(), &*field.detail) == (Some(pointer), detail));
        if !found {
            wrong.push(format!(
                "{api}: {:?} {:?}",
                problem.fields(),
                problem.detail()
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
