//! Actions on lists of patterns: `add-acl`, `del-acl`, `set-map`, `del-map`.

use std::sync::{Arc, OnceLock};

use config::Refusal;
use lang::logformat::LogFormat;
use pattern::{Columns, Reference, References};

use crate::action::{Act, Action, ActionCx, RuleSets};
use crate::txn::Txn;
use crate::verdict::Verdict;

const MESSAGES: RuleSets = RuleSets::HTTP_REQUEST.or(RuleSets::HTTP_RESPONSE);

/// The actions of this file.
pub static LIST_ACTIONS: &[Action] = &[
    Action { name: "add-acl(*)", sets: MESSAGES, manual: "4.4", parse: |cx| with_key(cx, Change::Include) },
    Action {
        name: "del-acl(*)",
        sets: RuleSets::HTTP,
        manual: "4.4",
        parse: |cx| with_key(cx, Change::Remove),
    },
    Action {
        name: "del-map(*)",
        sets: RuleSets::HTTP,
        manual: "4.4",
        parse: |cx| with_key(cx, Change::Remove),
    },
    Action { name: "set-map(*)", sets: RuleSets::HTTP, manual: "4.4", parse: set_map },
];

/// What is done with a key.
#[derive(Debug)]
enum Change {
    /// It is added unless it is there.
    Include,
    /// Its entries are removed.
    Remove,
    /// It gets this value.
    Set(LogFormat),
}

#[derive(Debug)]
struct ChangeList {
    name: String,
    all: Arc<References>,
    /// Known once the whole configuration is: the list may be named further down, or nowhere.
    list: OnceLock<Option<Arc<Reference>>>,
    key: LogFormat,
    change: Change,
}

fn with_key(cx: &mut ActionCx<'_, '_>, change: Change) -> Result<Box<dyn Act>, Refusal> {
    let key = cx.expect_format("exactly 1 arguments")?;
    Ok(Box::new(ChangeList::new(cx, key, change)))
}

fn set_map(cx: &mut ActionCx<'_, '_>) -> Result<Box<dyn Act>, Refusal> {
    let key = cx.expect_format("exactly 2 arguments")?;
    let value = cx.expect_format("exactly 2 arguments")?;
    Ok(Box::new(ChangeList::new(cx, key, Change::Set(value))))
}

impl ChangeList {
    fn new(cx: &ActionCx<'_, '_>, key: LogFormat, change: Change) -> Self {
        let name = cx.parenthesis.clone().unwrap_or_default();
        Self { name, all: cx.registry().layer(), list: OnceLock::new(), key, change }
    }
}

impl Act for ChangeList {
    fn act(&self, txn: &mut Txn<'_>) -> Verdict {
        let Some(list) = self.list.get_or_init(|| self.all.get(&self.name)) else {
            return Verdict::Continue;
        };
        let scene = txn.scene();
        let render = |format: &LogFormat| {
            let mut text = Vec::new();
            format.render(&scene, &mut text);
            text
        };
        let key = render(&self.key);
        // What does not suit the list is not taken in; the message goes on.
        let _ = match &self.change {
            Change::Include => list.include(&key),
            Change::Remove => list.remove(&key),
            Change::Set(_) if list.columns() == Columns::Key => list.include(&key),
            Change::Set(value) => list.put(&key, &render(value)),
        };
        Verdict::Continue
    }
}
