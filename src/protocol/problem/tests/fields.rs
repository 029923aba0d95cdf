//! Errors of single fields, in the shape of each dialect.

use super::read;

/// A pointer, a code and the words.
type Row = (Option<&'static str>, Option<&'static str>, &'static str);

fn check(body: &str, expected: &[Row]) {
    let problem = read(422, "application/json", body.as_bytes());
    let fields = problem.fields().iter();
    let fields: Vec<_> = fields
        .map(|error| {
            (
                error.pointer.as_deref(),
                error.code.as_deref(),
                error.detail.as_str(),
            )
        })
        .collect();
    assert_eq!(fields, expected, "{body}");
}

#[test]
fn errors_of_fields_are_found_in_the_common_shapes() {
    for (body, expected) in [
        (
            r##"{"errors":[{"detail":"must be positive","pointer":"#/age"},{"detail":"bad","pointer":"#/a%20b"}]}"##,
            vec![
                (Some("/age"), None, "must be positive"),
                (Some("/a b"), None, "bad"),
            ],
        ),
        (
            r#"{"errors":{"Name":["taken","too long"],"Age":"low"}}"#,
            vec![
                (Some("/Age"), None, "low"),
                (Some("/Name"), None, "taken"),
                (Some("/Name"), None, "too long"),
            ],
        ),
        (
            r#"{"_issues":{"title":"must be of string type"},"_status":"ERR"}"#,
            vec![(Some("/title"), None, "must be of string type")],
        ),
        (
            r#"{"detail":[{"loc":["body","items",0,"qty"],"msg":"too many","type":"value_error"}]}"#,
            vec![(Some("/items/0/qty"), Some("value_error"), "too many")],
        ),
        (
            r#"{"type":"https://stoplight.io/prism/errors#UNPROCESSABLE_ENTITY","validation":[{"location":["body","n"],"severity":"Error","code":"type","message":"must be integer"},{"location":["header"],"code":"required","message":"if-match"}]}"#,
            vec![
                (Some("/n"), Some("type"), "must be integer"),
                (None, Some("required"), "if-match"),
            ],
        ),
        (
            r#"{"code":400,"errno":107,"details":[{"location":"header","name":"If-Match","description":"should be quoted"}]}"#,
            vec![(None, None, "should be quoted")],
        ),
        (
            r#"{"kind":"Status","details":{"causes":[{"reason":"FieldValueInvalid","message":"Invalid value: 0","field":"spec.ports[0].port"}]}}"#,
            vec![(
                Some("/spec/ports/0/port"),
                Some("FieldValueInvalid"),
                "Invalid value: 0",
            )],
        ),
        (
            r#"{"errors":[{"code":"STALE","detail":"Read it again","source":{"pointer":"/data/attributes/title"}}]}"#,
            vec![(
                Some("/data/attributes/title"),
                Some("STALE"),
                "Read it again",
            )],
        ),
        (
            r#"{"invalid-params":[{"name":"age","reason":"must be a positive integer"}]}"#,
            vec![(Some("/age"), None, "must be a positive integer")],
        ),
        (
            r#"{"errors":["one","two",3,null,{}]}"#,
            vec![(None, None, "one"), (None, None, "two")],
        ),
        (r#"{"details":{"name":"x","kind":"pods"}}"#, vec![]),
    ] {
        check(body, &expected);
    }
}

#[test]
fn errors_of_fields_are_found_in_the_shapes_of_single_dialects() {
    for (body, expected) in [
        // Spring, and an element that quotes what was refused.
        (
            r#"{"errors":[{"field":"age","code":"Min","defaultMessage":"too low","rejectedValue":1},{"value":"SECRET","msg":"bad","path":"n","location":"body"}]}"#,
            vec![
                (Some("/age"), Some("Min"), "too low"),
                (Some("/n"), None, "bad"),
            ],
        ),
        // Mongoose.
        (
            r#"{"errors":{"age":{"name":"ValidatorError","kind":"min","message":"too low","path":"age"},"n":[{"error":"blank"}]}}"#,
            vec![(Some("/age"), None, "too low"), (Some("/n"), None, "blank")],
        ),
        // FHIR: FHIRPath where there is one, XPath is no pointer.
        (
            r#"{"resourceType":"OperationOutcome","issue":[{"code":"required","diagnostics":"missing","location":["/f:Patient/f:name"],"expression":["Patient.name[0].given"]},{"code":"value","details":{"text":"odd"},"location":["/f:Patient/f:id"]}]}"#,
            vec![
                (Some("/name/0/given"), Some("required"), "missing"),
                (None, Some("value"), "odd"),
            ],
        ),
        // Google, new and old, OData.
        (
            r#"{"error":{"code":400,"status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"book.title","description":"too long"}]}]}}"#,
            vec![(Some("/book/title"), None, "too long")],
        ),
        (
            r#"{"error":{"errors":[{"reason":"conditionNotMet","message":"m","locationType":"header","location":"If-Match"}]}}"#,
            vec![(None, Some("conditionNotMet"), "m")],
        ),
        (
            r#"{"error":{"code":"BadInput","details":[{"code":"TooLong","target":"Name","message":"m"}]}}"#,
            vec![(Some("/Name"), Some("TooLong"), "m")],
        ),
    ] {
        check(body, &expected);
    }
}
