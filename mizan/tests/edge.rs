//! What a CDN may know of a program: the same bytes each time, and of the form that the schema
//! says.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod support;

use mizan::{
    Mizan,
    cache::{Cache, CachePolicy},
};
use serde_json::{Value, json};
use support::options;

#[mizan::context(live)]
struct NoteContext {
    id: i64,
    tag: Option<String>,
}

#[mizan::client(context = NoteContext, cache = "5m", stale_while_revalidate = "1h", rev = 2)]
async fn note(id: i64) -> mizan::Result<String> {
    Ok(id.to_string())
}

#[mizan::client(context = NoteContext, cache = false, auth)]
async fn draft(id: i64) -> mizan::Result<String> {
    Ok(id.to_string())
}

#[mizan::client(context = "global")]
async fn news() -> mizan::Result<u32> {
    Ok(0)
}

#[mizan::client(affects = NoteContext)]
async fn write_note(id: i64) -> mizan::Result<()> {
    let _ = id;
    Ok(())
}

#[mizan::client(affects = [NoteContext(..), "global"])]
async fn write_all() -> mizan::Result<()> {
    Ok(())
}

#[mizan::client(affects = own(NoteContext))]
async fn read_note(id: i64, tag: Option<String>) -> mizan::Result<()> {
    let _ = (id, tag);
    Ok(())
}

#[mizan::client(merge = note)]
async fn replace_note(id: i64, tag: Option<String>) -> mizan::Result<String> {
    let _ = tag;
    Ok(id.to_string())
}

fn manifest(mizan: &Mizan) -> String {
    mizan.edge_manifest().unwrap()
}

#[test]
fn what_a_context_is_and_what_affects_it() {
    let manifest: Value = serde_json::from_str(&manifest(&Mizan::new(options()))).unwrap();
    assert_eq!(manifest["header"], "mizan-invalidate");
    let contexts = manifest["contexts"].as_array().unwrap();
    let names: Vec<_> = contexts.iter().map(|context| &context["name"]).collect();
    assert_eq!(names, ["global", "note"]);
    let note = &contexts[1];
    assert_eq!(note["path"], "/api/mizan/ctx/note");
    assert_eq!(note["live"], true);
    assert_eq!(
        note["parameters"],
        json!([{ "name": "id", "type": "a whole number of 64 bits" }, { "name": "tag", "type": "a text" }])
    );
    let [draft, note_member] = &note["members"].as_array().unwrap()[..] else {
        panic!("{note:#}")
    };
    assert_eq!(draft["name"], "draft");
    assert_eq!(draft["guarded"], true);
    assert_eq!(draft["policy"], json!({ "keep": "never" }));
    assert_eq!(note_member["guarded"], false);
    assert_eq!(note_member["rev"], 2);
    assert_eq!(
        note_member["policy"],
        json!({ "keep": "for", "fresh": 300, "stale": 3600 })
    );
    let affect = |function: &str, parameters: &[&str], own: bool, merge: Option<&str>| json!({ "function": function, "parameters": parameters, "own": own, "merge": merge });
    assert_eq!(
        note["affected_by"],
        json!([
            affect("read_note", &["id", "tag"], true, None),
            affect("replace_note", &["id", "tag"], false, Some("note")),
            affect("write_all", &[], false, None),
            affect("write_note", &["id"], false, None),
        ])
    );
}

#[test]
fn the_servers_own_policy_is_in_it() {
    let policy = |cache: Cache| {
        let manifest = manifest(&Mizan::new(options()).cache(cache));
        let manifest: Value = serde_json::from_str(&manifest).unwrap();
        manifest["contexts"][0]["members"][0]["policy"]["keep"].clone()
    };
    assert_eq!(policy(Cache::memory()), "forever");
    assert_eq!(policy(Cache::memory().policy(CachePolicy::Never)), "never");
    assert_eq!(policy(Cache::none()), "never");
}

#[test]
fn it_is_the_same_bytes_each_time_and_every_key_is_in_its_place() {
    let text = manifest(&Mizan::new(options()));
    assert_eq!(text, manifest(&Mizan::new(options())));
    assert!(text.ends_with("}\n"));
    // In another process the linker's order is another, and the hash maps' seeds are
    if std::env::var_os("MIZAN_TEST_PRINT_EDGE").is_some() {
        println!("<<<{text}>>>");
        return;
    }
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["it_is_the_same_bytes", "--nocapture"])
        .env("MIZAN_TEST_PRINT_EDGE", "1")
        .output()
        .unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    let printed = output.split("<<<").nth(1).unwrap();
    assert_eq!(printed.split(">>>").next().unwrap(), text);
}

#[test]
fn it_has_the_form_that_the_schema_says() {
    let schema = include_str!("../../docs/edge-manifest.schema.json");
    let schema: Value = serde_json::from_str(schema).unwrap();
    let manifest: Value = serde_json::from_str(&manifest(&Mizan::new(options()))).unwrap();
    assert_eq!(mistakes(&schema, &schema, &manifest, "$"), [""; 0]);
    // What looks sees
    let mut wrong = manifest;
    wrong["contexts"][0]["live"] = json!("yes");
    wrong["contexts"][1]["more"] = json!(1);
    wrong["header"].take();
    let found = mistakes(&schema, &schema, &wrong, "$");
    let expected = ["$.contexts.0.live", "$.contexts.1.more", "$.header"];
    assert_eq!(found, expected);
}

/// Where a value is not what a schema says, as far as that schema of ours goes.
fn mistakes(root: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    if let Some(name) = schema["$ref"].as_str() {
        let schema = root.pointer(name.trim_start_matches('#')).unwrap();
        return mistakes(root, schema, value, at);
    }
    let is = |ty: &Value| match ty.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "null" => value.is_null(),
        other => panic!("the schema has a type {other}"),
    };
    let is_right = match (&schema["type"], &schema["enum"]) {
        (Value::Array(types), _) => types.iter().any(is),
        (Value::Null, Value::Array(values)) => values.contains(value),
        (ty, _) => is(ty),
    };
    if !is_right {
        return vec![at.to_owned()];
    }
    let mut found = Vec::new();
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        found.extend(mistakes(
            root,
            &schema["items"],
            item,
            &format!("{at}.{index}"),
        ));
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        let name = name.as_str().unwrap();
        if value.get(name).is_none() {
            found.push(format!("{at}.{name}"));
        }
    }
    for (name, item) in value.as_object().into_iter().flatten() {
        let at = format!("{at}.{name}");
        match schema["properties"].get(name) {
            Some(schema) => found.extend(mistakes(root, schema, item, &at)),
            None => found.push(at),
        }
    }
    found
}
