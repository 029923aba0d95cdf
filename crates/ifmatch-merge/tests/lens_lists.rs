//! What the type does not know of an element stays with that element, however the list around it changes.
#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

use std::sync::Arc;

use ifmatch_merge::lens::Lens;
use ifmatch_merge::{Document, Merge};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Serialize, Deserialize, Merge)]
#[merge(crate = "ifmatch_merge")]
struct Point {
    a: String,
    b: f64,
}

#[derive(Serialize, Deserialize, Merge)]
#[merge(crate = "ifmatch_merge")]
#[serde(rename_all = "lowercase")]
enum Shape {
    Circle { r: u32, name: String },
    Dot,
}

#[derive(Serialize, Deserialize, Merge)]
#[merge(crate = "ifmatch_merge")]
struct Line {
    item: Point,
}

#[derive(Serialize, Deserialize, Merge)]
#[merge(crate = "ifmatch_merge")]
struct Task {
    title: String,
    id: u32,
    n: u32,
}

fn point(a: &str) -> Point {
    Point {
        a: a.to_owned(),
        b: 7.5,
    }
}

/// Runs with the derived policy of the type, and without a policy.
#[track_caller]
fn becomes<T>(raw: &str, edit: fn(&mut Vec<T>), expected: &str)
where
    T: Serialize + DeserializeOwned + Merge + 'static,
{
    let document = Document::parse(raw.as_bytes()).unwrap();
    for lens in [Lens::<Vec<T>>::of(), Lens::new(Arc::default())] {
        let mut value: Vec<T> = document.decode().unwrap();
        edit(&mut value);
        assert_eq!(lens.put(&document, &value).unwrap().as_str(), expected);
    }
}

#[test]
fn an_element_that_is_changed_while_the_list_grows_is_the_same_element() {
    becomes::<Vec<Point>>(
        r#"[[{"a":"x","b":1.10,"zz":"keep"}]]"#,
        |rows| {
            rows[0].push(point("y"));
            rows.push(vec![point("z")]);
        },
        r#"[[{"a":"x","b":1.10,"zz":"keep"},{"a":"y","b":7.5}],[{"a":"z","b":7.5}]]"#,
    );
    becomes::<Vec<f64>>(
        "[[1,12345678901234567890123]]",
        |rows| {
            rows[0].push(2.5);
            rows.push(vec![3.5]);
        },
        "[[1,12345678901234567890123,2.5],[3.5]]",
    );
    becomes::<Shape>(
        r#"[{"circle":{"r":1,"name":"c","zz":"keep"}}]"#,
        |shapes| {
            if let Shape::Circle { r, .. } = &mut shapes[0] {
                *r = 2;
            }
            shapes.push(Shape::Dot);
        },
        r#"[{"circle":{"r":2,"name":"c","zz":"keep"}},"dot"]"#,
    );
    becomes::<Line>(
        r#"[{"item":{"a":"x","b":1.10,"zz":"keep"},"more":1}]"#,
        |lines| {
            lines[0].item.b = 2.5;
            lines.push(Line { item: point("n") });
        },
        r#"[{"item":{"a":"x","b":2.5,"zz":"keep"},"more":1},{"item":{"a":"n","b":7.5}}]"#,
    );
    let raw = Document::parse(br#"[{"pos":{"x":1.10,"y":12345678901234567890123}}]"#).unwrap();
    let mut value: Value = raw.decode().unwrap();
    value[0]["pos"]["x"] = 2.into();
    value
        .as_array_mut()
        .unwrap()
        .push(json!({"pos": {"x": 1, "y": 2}}));
    let put = Lens::<Value>::new(Arc::default())
        .put(&raw, &value)
        .unwrap();
    assert_eq!(
        put.as_str(),
        r#"[{"pos":{"x":2,"y":12345678901234567890123}},{"pos":{"x":1,"y":2}}]"#
    );
}

#[test]
fn no_element_gets_what_belonged_to_a_removed_one() {
    becomes::<Task>(
        r#"[{"title":"t1","id":1,"n":10,"zz":"of 1"},{"title":"t2","id":2,"n":20,"zz":"of 2"}]"#,
        |tasks| {
            tasks.remove(0);
            (tasks[0].title, tasks[0].n) = ("new".to_owned(), 21);
            tasks.push(Task {
                title: "t3".to_owned(),
                id: 3,
                n: 30,
            });
        },
        r#"[{"title":"new","id":2,"n":21,"zz":"of 2"},{"title":"t3","id":3,"n":30}]"#,
    );
    becomes::<Vec<Point>>(
        r#"[[{"a":"o","b":1.20,"zz":"A"}],[{"a":"x","b":1.10,"zz":"B"}]]"#,
        |rows| {
            rows.remove(0);
            rows[0][0].b = 9.5;
            rows.push(vec![point("z")]);
        },
        r#"[[{"a":"x","b":9.5,"zz":"B"}],[{"a":"z","b":7.5}]]"#,
    );
    becomes::<Vec<Point>>(
        r#"[[{"a":"o","b":1.20}],[{"a":"x","b":1.10,"zz":"keep"}]]"#,
        |rows| {
            rows[1].push(point("y"));
            rows.remove(0);
        },
        r#"[[{"a":"x","b":1.10,"zz":"keep"},{"a":"y","b":7.5}]]"#,
    );
    becomes::<Shape>(
        r#"[{"circle":{"r":1,"name":"c","zz":"A"}},{"circle":{"r":2,"name":"d","zz":"B"}}]"#,
        |shapes| {
            shapes.remove(0);
            if let Shape::Circle { r, .. } = &mut shapes[0] {
                *r = 5;
            }
            shapes.push(Shape::Dot);
        },
        r#"[{"circle":{"r":5,"name":"d","zz":"B"}},"dot"]"#,
    );
    let lines = r#"[{"item":{"a":"o","b":1.20,"zz":"A"}},{"item":{"a":"x","b":1.10,"zz":"B"}},{"item":{"a":"y","b":1.30,"zz":"C"}}]"#;
    becomes::<Line>(
        lines,
        |lines| {
            lines.remove(0);
            lines[0].item.b = 9.5;
            lines.insert(1, Line { item: point("n") });
        },
        r#"[{"item":{"a":"x","b":9.5,"zz":"B"}},{"item":{"a":"n","b":7.5}},{"item":{"a":"y","b":1.30,"zz":"C"}}]"#,
    );
    becomes::<Line>(
        lines,
        |lines| {
            lines.swap(0, 1);
            lines[0].item.b = 9.5;
            lines[1].item.b = 8.5;
        },
        r#"[{"item":{"a":"x","b":9.5,"zz":"B"}},{"item":{"a":"o","b":8.5,"zz":"A"}},{"item":{"a":"y","b":1.30,"zz":"C"}}]"#,
    );
}

#[test]
fn an_element_of_which_everything_changed_at_its_place_is_the_same_element() {
    becomes::<Point>(
        r#"[{"a":"x","b":1.10,"zz":1},{"a":"y","b":2.10,"zz":2}]"#,
        |points| {
            points[0] = point("n");
        },
        r#"[{"a":"n","b":7.5,"zz":1},{"a":"y","b":2.10,"zz":2}]"#,
    );
}
