//! What the program's parts work on that reach beyond one room.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// What commands and services work on: one value of each type, put there by the house.
#[derive(Clone, Default)]
pub struct World(HashMap<TypeId, Arc<dyn Any + Send + Sync>>);

impl World {
    /// Adds a value.
    pub fn put<T: Any + Send + Sync>(&mut self, value: Arc<T>) {
        self.0.insert(TypeId::of::<T>(), value);
    }

    /// The value of a type.
    pub fn get<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.0.get(&TypeId::of::<T>()).cloned().and_then(|v| v.downcast().ok())
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} values", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_their_type() {
        let mut world = World::default();
        world.put(Arc::new(7_u32));
        world.put(Arc::new(8_u32));
        assert_eq!(world.get::<u32>().as_deref(), Some(&8));
        assert_eq!(world.get::<u64>(), None);
    }
}
