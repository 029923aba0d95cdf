//! Merge rules, from options and from a policy file.

use std::collections::BTreeMap;
use std::fs;

use ifmatch::{Policy, Rule, ThreeWay};

use crate::args::RuleArgs;
use crate::exit::Failure;

impl RuleArgs {
    /// Returns the merge by these rules.
    pub(crate) fn merge(&self) -> Result<ThreeWay, Failure> {
        let mut policy = Policy::new();
        if let Some(file) = &self.policy {
            let wrong = |why: String| Failure::usage(format!("{}: {why}", file.display()));
            let text = fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
            let rules: BTreeMap<String, String> =
                serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
            for (pointer, name) in rules {
                policy = policy.field(pointer, rule(&name)?);
            }
        }
        for given in &self.rules {
            let (pointer, name) = given.split_once('=').ok_or_else(|| {
                Failure::usage(format!(
                    "the rule {given:?} is not of the form POINTER=RULE"
                ))
            })?;
            policy = policy.field(pointer, rule(name)?);
        }
        ThreeWay::checked(policy).map_err(|error| Failure::usage(error.to_string()))
    }
}

fn rule(name: &str) -> Result<Rule, Failure> {
    Ok(match name {
        "auto" => Rule::Auto,
        "atomic" => Rule::Atomic,
        "text" => Rule::Text,
        "prose" => Rule::Prose,
        "set" => Rule::Set,
        "counter" => Rule::Counter,
        "sequence" => Rule::Sequence,
        "local" => Rule::Local,
        "remote" => Rule::Remote,
        "max" => Rule::Max,
        "min" => Rule::Min,
        _ => {
            let member = name.strip_prefix("keyed:");
            Rule::keyed(member.ok_or_else(|| {
                Failure::usage(format!("there is no merge rule {name:?}"))
                    .advise("`ifmatch edit --help` lists the rules.")
            })?)
        }
    })
}
