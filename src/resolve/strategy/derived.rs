//! The strategies of types that derive their policy, one for each type.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Strategy;
use crate::merge::{Merge, Policy, ThreeWay};

/// One shared strategy for each type. Edits made through any two handles of one client are then known to be merged
/// alike, and each policy is built only once.
#[derive(Default)]
pub(crate) struct Derived(Mutex<Known>);

/// The strategies, by type and by the format that adds a rule to the type's own.
type Known = HashMap<(TypeId, Option<String>), Box<dyn Any + Send + Sync>>;

impl Derived {
    /// Returns the strategy of a type.
    pub(crate) fn of<T>(&self) -> Strategy<T>
    where
        T: Merge + Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        self.known(None, ThreeWay::of::<T>)
    }

    /// Returns the strategy of a type in a format, with this policy.
    pub(crate) fn by<T>(&self, format: String, policy: &Policy) -> Strategy<T>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        self.known(Some(format), || ThreeWay::new(policy.clone()))
    }

    fn known<T>(&self, format: Option<String>, make: impl Fn() -> ThreeWay) -> Strategy<T>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.entry((TypeId::of::<T>(), format)).or_insert_with(|| {
            let strategy: Strategy<T> = Arc::new(make());
            Box::new(strategy)
        });
        match known.downcast_ref::<Strategy<T>>() {
            Some(strategy) => strategy.clone(),
            None => Arc::new(make()),
        }
    }
}
