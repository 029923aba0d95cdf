//! Finds members of an object by any of the names that the type has for them.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::json::{Finder, Key};
use crate::shape::Fields;

/// Boxed, because a walk holds several tables at each level.
type NameTable<'m> = Box<HashMap<Cow<'m, str>, usize>>;

/// Finds the member that another side has under the same name, or under another name of the same field.
pub(super) struct Named<'m, 't, T> {
    members: &'m [(Key<'t>, T)],
    finder: Finder<'m, 't, T>,
    /// Positions by the canonical name of each member. Filled when a name is not found directly.
    table: Option<NameTable<'m>>,
}

impl<'m, 't: 'm, T> Named<'m, 't, T> {
    pub(super) fn new(members: &'m [(Key<'t>, T)]) -> Self {
        Self {
            members,
            finder: Finder::new(members),
            table: None,
        }
    }

    /// Whether there is a member with exactly this name.
    pub(super) fn has(&mut self, name: &str) -> bool {
        self.finder.get(name).is_some()
    }

    /// Returns the member that corresponds to `name`. A member found under another name does not count if the
    /// asking side also has a member with exactly that name (`has_itself`).
    pub(super) fn get(
        &mut self,
        name: &str,
        fields: &Fields<'_, '_>,
        has_itself: impl FnOnce(&str) -> bool,
    ) -> Option<usize> {
        if let Some(at) = self.finder.get(name) {
            return Some(at);
        }
        if !fields.renames() {
            return None;
        }
        let members = self.members;
        let fill = || {
            let named = members.iter().enumerate();
            named
                .map(|(at, (key, _))| (fields.one_name(key.name), at))
                .collect()
        };
        let table = self.table.get_or_insert_with(|| Box::new(fill()));
        let at = *table.get(&*fields.one_name(name))?;
        (!has_itself(members[at].0.name)).then_some(at)
    }
}
