//! Writes objects. Members are found by the type's name for them, whatever name the document uses.

use std::borrow::Cow;
use std::cell::OnceCell;

use super::learned::{Candidate, UnclearMember};
use super::member_origin::MemberOrigin;
use super::put::{Put, PutSource, ShownValue};
use super::seen::shows;
use super::slots::{Slots, names_of};
use crate::json::{self, Finder, Key, Node, Table, TableSet, Tree, same};
use crate::merge::{Cursor, MergedValue, interleave};
use crate::shape::Fields;

pub(super) type MergedMember<'t> = (Key<'t>, MergedValue<'t, Node<'t>>);
pub(super) type MergedMembers<'t> = Vec<MergedMember<'t>>;

pub(super) fn put<'t>(
    walk: &Put<'t, '_>,
    target: ShownValue<'t>,
    source: Option<PutSource<'t>>,
    after: Node<'t>,
    cursor: Cursor<'_>,
    depth: usize,
) -> MergedValue<'t, Node<'t>> {
    let ShownValue { raw, shown } = target;
    let fields = cursor.fields(after);
    let earlier = shown.map(|shown| cursor.fields(shown));
    // The value now holds another variant, so no member keeps its meaning.
    let varied = earlier.filter(|earlier| !earlier.agrees_with(&fields));
    let rm = raw.members();
    let names = names_of(walk, &rm, &fields);
    let object = PutObject {
        walk,
        cursor,
        depth,
        earlier_names: varied.as_ref().map(|earlier| names_of(walk, &rm, earlier)),
        changes_variant: varied.is_some(),
        names,
        rm,
        bm: shown.map(Tree::members).unwrap_or_default(),
        am: after.members(),
        from: source.map(|source| MemberOrigin::new(source, cursor)),
        fields,
        aliases: OnceCell::new(),
    };
    object.put(raw)
}

/// One object, in the raw document, as the type shows it, and in the new value.
struct PutObject<'w, 't, 'l, 'c> {
    walk: &'w Put<'t, 'l>,
    cursor: Cursor<'c>,
    depth: usize,
    /// The raw members, and the type's current and earlier names for them.
    rm: Vec<(Key<'t>, Node<'t>)>,
    names: Vec<Option<Cow<'w, str>>>,
    earlier_names: Option<Vec<Option<Cow<'w, str>>>>,
    /// The members before and after.
    bm: Vec<(Key<'t>, Node<'t>)>,
    am: Vec<(Key<'t>, Node<'t>)>,
    fields: Fields<'c, 't>,
    changes_variant: bool,
    from: Option<MemberOrigin<'t, 'c>>,
    aliases: OnceCell<Table<&'c str, usize>>,
}

/// The raw members that the new value replaces, and the members to add.
struct Claims<'t> {
    /// For each raw member, the corresponding member of the new value.
    claimed: Vec<Option<usize>>,
    /// Members without a raw member, each with the raw member that it follows.
    added: Vec<(Option<usize>, MergedMember<'t>)>,
    /// Members for which it is unknown where the type reads them.
    doubtful: Vec<usize>,
}

impl<'w, 't, 'l: 'w, 'c> PutObject<'w, 't, 'l, 'c> {
    fn put(&self, raw: Node<'t>) -> MergedValue<'t, Node<'t>> {
        let mut claims = self.claims();
        let mut unchanged = claims.added.is_empty();
        let mut out: MergedMembers<'t> = Vec::with_capacity(self.rm.len() + claims.added.len());
        let mut place_of = vec![0; self.rm.len()];
        let (mut in_before, mut in_after) = (Finder::new(&self.bm), Finder::new(&self.am));
        for (at, (key, raw)) in self.rm.iter().enumerate() {
            let before = self.shown_as(at, &mut in_before);
            if let Some(after) = claims.claimed[at] {
                let member = self.member(*raw, before, after);
                unchanged = unchanged && member.is(*raw);
                out.push((*key, member));
            } else if let Some(before) = before.filter(|at| !self.stays(*at, &mut in_after)) {
                // The new value lacks the member, or has it under another name.
                let shown = Some(self.bm[before].1);
                self.walk.drop(ShownValue { raw: *raw, shown }, None);
                unchanged = false;
            } else {
                out.push((*key, MergedValue::Take(*raw)));
            }
            place_of[at] = out.len();
        }
        if self.fields.is_open() {
            self.doubt_removals(&mut claims.doubtful, &mut in_after);
            self.doubt(&claims.doubtful);
        }
        if let Some(from) = &self.from {
            let claimed = self.rm.iter().zip(&claims.claimed);
            let claimed = claimed.filter(|(_, claimed)| claimed.is_some());
            let claimed = claimed.map(|((key, _), _)| key.name).collect();
            unchanged = !from.carry_hidden(&mut out, &claimed) && unchanged;
        }
        if unchanged {
            return MergedValue::Take(raw);
        }
        // A new member is placed where the type writes it. Without a preceding raw member, it goes to the end, or to
        // the front if the raw object is empty.
        let first = if self.rm.is_empty() { 0 } else { out.len() };
        let place = |anchor: Option<usize>| anchor.map_or(first, |at| place_of[at]);
        let added = claims.added.into_iter();
        let added = added.map(|(anchor, member)| (place(anchor), member));
        let added = replace_namesakes(&mut out, added.collect());
        MergedValue::Object {
            like: Some(raw),
            members: interleave(out, added),
        }
    }

    fn claims(&self) -> Claims<'t> {
        let (mut slots, mut in_raw) = (Slots::new(&self.names), Finder::new(&self.rm));
        let mut in_before = Finder::new(&self.bm);
        let mut claims = Claims {
            claimed: vec![None; self.rm.len()],
            added: Vec::new(),
            doubtful: Vec::new(),
        };
        let mut anchor = None;
        for (at, (key, value)) in self.am.iter().enumerate() {
            let known = self.fields.written_as(key.name);
            let place = self.cursor.known(known, key.name);
            let by_alias = || place.aliases().find_map(|alias| in_raw.get(alias));
            if let Some(found) = slots.get(key.name).or_else(by_alias) {
                claims.claimed[found] = Some(at);
                anchor = Some(found);
                continue;
            }
            if let Some(before) = in_before.get(key.name).filter(|_| !self.changes_variant) {
                if same(self.bm[before].1, *value) {
                    // The type filled in this default, and it was not changed, so there is nothing to write.
                    continue;
                }
                claims.doubtful.push(before);
            }
            let from = self.from.as_ref().and_then(|from| from.member(key.name));
            let new = self.walk.at(key.name, || {
                self.walk.place(None, from, *value, place, self.depth + 1)
            });
            let key = match known.and_then(|known| known.other_name()) {
                Some(name) => Key { name, raw: "" },
                None => *key,
            };
            claims.added.push((anchor, (key, new)));
        }
        claims
    }

    /// Returns the new content of a raw member that the new value contains.
    fn member(
        &self,
        raw: Node<'t>,
        before: Option<usize>,
        after: usize,
    ) -> MergedValue<'t, Node<'t>> {
        let (name, value) = (self.am[after].0.name, self.am[after].1);
        let from = self.from.as_ref().and_then(|from| from.member(name));
        let shown = before.map(|before| self.bm[before].1);
        // The common case first: the member is unchanged.
        if from.is_none() && shown.is_some_and(|shown| shown.surely_same(value)) {
            return MergedValue::Take(raw);
        }
        let place = self.cursor.known(self.fields.written_as(name), name);
        let target = Some(ShownValue { raw, shown });
        self.walk.at(name, || {
            self.walk.place(target, from, value, place, self.depth + 1)
        })
    }

    /// Returns the position of the member that the type shows for a raw member.
    fn shown_as(&self, at: usize, in_before: &mut Finder<'_, 't, Node<'t>>) -> Option<usize> {
        let name = self.earlier_names()[at].as_deref();
        let by_alias = || {
            let aliases = self.aliases.get_or_init(|| self.aliases());
            aliases.get(self.rm[at].0.name).copied()
        };
        name.and_then(|name| in_before.get(name)).or_else(by_alias)
    }

    /// Returns the positions of the shown members by the other names that the policy declares for them.
    fn aliases(&self) -> Table<&'c str, usize> {
        let mut aliases = Table::default();
        for (at, (key, _)) in self.bm.iter().enumerate() {
            let known = self.fields.written_as(key.name);
            for alias in self.cursor.known(known, key.name).aliases() {
                aliases.entry(alias.as_str()).or_insert(at);
            }
        }
        aliases
    }

    fn earlier_names(&self) -> &[Option<Cow<'w, str>>] {
        self.earlier_names.as_ref().unwrap_or(&self.names)
    }

    /// Whether the new value still has the shown member of a raw member that another raw member overrides.
    fn stays(&self, before: usize, in_after: &mut Finder<'_, 't, Node<'t>>) -> bool {
        let (key, before) = &self.bm[before];
        let now = in_after.get(key.name).filter(|_| !self.changes_variant);
        now.is_some_and(|now| same(*before, self.am[now].1))
    }

    /// Adds members that were shown, are now removed, and have no raw member.
    fn doubt_removals(&self, doubtful: &mut Vec<usize>, in_after: &mut Finder<'_, 't, Node<'t>>) {
        let mut slots = Slots::new(&self.names);
        doubtful.extend((0..self.bm.len()).filter(|at| {
            let name = self.bm[*at].0.name;
            in_after.get(name).is_none() && slots.get(name).is_none()
        }));
    }

    /// Records members that the type shows under a name that the raw object lacks. The type may read them from a
    /// raw member that it does not seem to know.
    fn doubt(&self, doubtful: &[usize]) {
        /// Work limit: the number of comparisons. Beyond it, only raw members that are equal are found.
        const COMPARED: usize = 10_000;
        if doubtful.is_empty() {
            return;
        }
        let shown: TableSet<&str> = self.bm.iter().map(|(key, _)| key.name).collect();
        let is_free = |at: &usize| {
            let known = self.earlier_names()[*at].as_deref();
            known.is_none_or(|known| !shown.contains(known))
        };
        let free: Vec<usize> = (0..self.rm.len()).filter(is_free).collect();
        let mut equal: Table<u64, Vec<usize>> = Table::default();
        let is_long = doubtful.len() * free.len() > COMPARED;
        if is_long {
            for at in &free {
                equal.entry(self.rm[*at].1.digest()).or_default().push(*at);
            }
        }
        for before in doubtful {
            let (key, before) = &self.bm[*before];
            let in_question = if is_long {
                equal.get(&before.digest()).map_or(&[][..], Vec::as_slice)
            } else {
                &free
            };
            let alike = in_question.iter().map(|at| self.rm[*at]);
            let alike = alike.filter(|(_, raw)| shows(self.walk, *raw, *before, None));
            let alike = alike.map(|(key, _)| Candidate::new(key, self.walk.offset(key)));
            let candidates: Vec<_> = alike.take(UnclearMember::CANDIDATES).collect();
            if !candidates.is_empty() {
                let mut pointer = self.walk.path.borrow().clone();
                json::push_token(&mut pointer, key.name);
                self.walk.doubts.borrow_mut().push(UnclearMember {
                    pointer,
                    name: key.name.to_owned(),
                    candidates,
                });
            }
        }
    }
}

/// Creates a new object, with its members under the names that the type reads.
pub(super) fn fresh<'t>(
    walk: &Put<'t, '_>,
    after: Node<'t>,
    cursor: Cursor<'_>,
    depth: usize,
) -> MergedValue<'t, Node<'t>> {
    let fields = cursor.fields(after);
    let mut unchanged = true;
    let member = |(key, value): (Key<'t>, Node<'t>)| {
        let known = fields.written_as(key.name);
        let place = cursor.known(known, key.name);
        let name = known.and_then(|known| known.other_name());
        let name = name.unwrap_or(key.name);
        let member = walk.at(key.name, || walk.place(None, None, value, place, depth + 1));
        unchanged = unchanged && member.is(value) && name == key.name;
        let key = if name == key.name {
            key
        } else {
            Key { name, raw: "" }
        };
        (key, member)
    };
    let members: Vec<_> = after.each_member().map(member).collect();
    if unchanged {
        return MergedValue::Take(after);
    }
    MergedValue::Object {
        like: Some(after),
        members,
    }
}

/// Replaces members that have the name of a new member but no meaning to the type. Returns the remaining new
/// members.
fn replace_namesakes<'t>(
    out: &mut MergedMembers<'t>,
    added: Vec<(usize, MergedMember<'t>)>,
) -> Vec<(usize, MergedMember<'t>)> {
    if added.is_empty() {
        return added;
    }
    let places: Table<&str, usize> = out.iter().map(|(key, _)| key.name).zip(0..).collect();
    let places: Vec<Option<usize>> = added
        .iter()
        .map(|(_, (key, _))| places.get(key.name).copied())
        .collect();
    let mut rest = Vec::with_capacity(added.len());
    for (new, place) in added.into_iter().zip(places) {
        match place {
            Some(at) => out[at].1 = new.1.1,
            None => rest.push(new),
        }
    }
    rest
}
