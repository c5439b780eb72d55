//! Typed slots: each feature keeps its settings of a section in a type of its own.
//!
//! So no struct holds everything, and a proxy inherits from its `defaults` by cloning the slots.

use std::any::{Any, TypeId};
use std::fmt;

/// The settings of one feature in one section.
pub trait Setting: Any + Clone + Default + Send + Sync {
    /// What a proxy gets from its `defaults` section; `None` when these settings are not inherited.
    #[must_use]
    fn inherited(&self) -> Option<Self> {
        Some(self.clone())
    }
}

/// A `Setting` whose type is not known here.
trait Slot: Any + Send + Sync {
    fn inherit(&self) -> Option<Box<dyn Slot>>;
    fn as_any(&self) -> &dyn Any;
    fn as_any_mut(&mut self) -> &mut dyn Any;
}

impl<T: Setting> Slot for T {
    fn inherit(&self) -> Option<Box<dyn Slot>> {
        self.inherited().map(|v| Box::new(v) as Box<dyn Slot>)
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

/// The slots of one section. There are few of them, so a plain list is the fastest map.
#[derive(Default)]
pub struct Slots(Vec<(TypeId, Box<dyn Slot>)>);

impl Slots {
    /// Whether no keyword of any feature was seen.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The settings of a feature, if any of its keywords was seen.
    pub fn get<T: Setting>(&self) -> Option<&T> {
        let (_, slot) = self.0.iter().find(|(id, _)| *id == TypeId::of::<T>())?;
        (**slot).as_any().downcast_ref()
    }

    /// The settings of a feature, its defaults if none of its keywords was seen.
    pub fn get_or_default<T: Setting>(&self) -> T {
        self.get().cloned().unwrap_or_default()
    }

    /// The settings of a feature, to be changed.
    pub fn get_mut<T: Setting>(&mut self) -> &mut T {
        let id = TypeId::of::<T>();
        let at = self.0.iter().position(|(i, _)| *i == id).unwrap_or_else(|| {
            self.0.push((id, Box::new(T::default())));
            self.0.len() - 1
        });
        match (*self.0[at].1).as_any_mut().downcast_mut() {
            Some(slot) => slot,
            None => unreachable!("a slot holds the type that it is filed under"),
        }
    }

    /// Takes the settings of a feature out, leaving its defaults.
    pub fn take<T: Setting>(&mut self) -> T {
        std::mem::take(self.get_mut::<T>())
    }

    /// What a proxy inherits of these.
    #[must_use]
    pub fn inherited(&self) -> Self {
        Self(self.0.iter().filter_map(|(id, slot)| (**slot).inherit().map(|s| (*id, s))).collect())
    }
}

impl fmt::Debug for Slots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} slots", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, Default, PartialEq)]
    struct Timeouts(u32);
    impl Setting for Timeouts {}

    #[derive(Clone, Default)]
    struct Own(u32);
    impl Setting for Own {
        fn inherited(&self) -> Option<Self> {
            None
        }
    }

    #[test]
    fn a_slot_is_made_when_first_changed() {
        let mut s = Slots::default();
        assert_eq!(s.get::<Timeouts>(), None);
        s.get_mut::<Timeouts>().0 = 5;
        assert_eq!(s.get::<Timeouts>(), Some(&Timeouts(5)));
        assert_eq!(s.take::<Timeouts>(), Timeouts(5));
        assert_eq!(s.get_or_default::<Timeouts>(), Timeouts(0));
    }

    #[test]
    fn only_what_is_inheritable_is_inherited() {
        let mut s = Slots::default();
        s.get_mut::<Timeouts>().0 = 5;
        s.get_mut::<Own>().0 = 7;
        let mut child = s.inherited();
        assert_eq!(child.get::<Timeouts>(), Some(&Timeouts(5)));
        assert_eq!(child.get_mut::<Own>().0, 0);
    }
}
