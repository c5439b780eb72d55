//! Log profiles: what single loggers do differently (configuration manual, section 8.3.5).

use std::sync::Arc;

use lang::LogFormat;

use crate::settings::FormatText;
use crate::step::Step;

/// What `on` says about a step.
#[derive(Clone, Debug, Default)]
pub(crate) enum OnStep {
    /// Nothing: the proxy's own formats are used.
    #[default]
    Unchanged,
    /// No line.
    Drop,
    /// These formats, where given.
    Formats { line: Option<FormatText>, structured: Option<FormatText> },
}

/// A `log-profile` section.
#[derive(Clone, Debug, Default)]
pub(crate) struct Profile {
    pub(crate) tag: Option<Arc<[u8]>>,
    steps: [OnStep; 13],
    any: OnStep,
}

/// Which steps an `on` line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum On {
    Step(Step),
    Any,
}

impl Profile {
    pub(crate) fn set(&mut self, on: On, what: OnStep) {
        match on {
            On::Any => self.any = what,
            On::Step(step) => self.steps[index(step)] = what,
        }
    }

    /// What holds for a step.
    pub(crate) fn on(&self, step: Step) -> &OnStep {
        match &self.steps[index(step)] {
            OnStep::Unchanged => &self.any,
            own => own,
        }
    }

    /// All formats, for checks.
    pub(crate) fn formats(&self) -> impl Iterator<Item = &FormatText> {
        self.steps
            .iter()
            .chain([&self.any])
            .flat_map(|on| match on {
                OnStep::Formats { line, structured } => [line.as_ref(), structured.as_ref()],
                _ => [None, None],
            })
            .flatten()
    }
}

impl OnStep {
    /// The format of the line and that of the structured data, where they differ from the proxy's.
    pub(crate) fn formats(&self) -> (Option<&LogFormat>, Option<&LogFormat>) {
        match self {
            Self::Formats { line, structured } => (
                line.as_ref().and_then(FormatText::compiled),
                structured.as_ref().and_then(FormatText::compiled),
            ),
            _ => (None, None),
        }
    }
}

fn index(step: Step) -> usize {
    match step {
        Step::Accept => 0,
        Step::Request => 1,
        Step::Connect => 2,
        Step::Response => 3,
        Step::Close => 4,
        Step::Error | Step::Killed => 5,
        Step::ConnectionRule => 6,
        Step::SessionRule => 7,
        Step::ContentRule => 8,
        Step::AnswerRule => 9,
        Step::RequestRule => 10,
        Step::ResponseRule => 11,
        Step::AfterRule => 12,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_precise_step_overrides_any() {
        let mut profile = Profile::default();
        assert!(matches!(profile.on(Step::Close), OnStep::Unchanged));
        profile.set(On::Any, OnStep::Drop);
        assert!(matches!(profile.on(Step::Close), OnStep::Drop));
        profile.set(On::Step(Step::Close), OnStep::Formats { line: None, structured: None });
        assert!(matches!(profile.on(Step::Close), OnStep::Formats { .. }));
        assert!(matches!(profile.on(Step::Killed), OnStep::Drop));
    }
}
