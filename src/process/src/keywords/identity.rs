//! Users, groups, capabilities, the jail.

use config::directive::Switch;
use config::{Refusal, Sense, Statement};
use sys::ids::{self, Capability};

use crate::settings::{Identity, Jail};

pub(super) fn chroot(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let jail = match s.arg(0).as_ref() {
        "auto" => Jail::Nameless,
        path => Jail::Directory(path.into()),
    };
    if s.slot::<Identity>().jail.is_some() {
        s.warn("'chroot' is already specified. Continuing.");
    } else {
        s.slot::<Identity>().jail = Some(jail);
    }
    Ok(())
}

pub(super) fn uid(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let id = number(s, "user")?;
    set_user(s, id);
    Ok(())
}

pub(super) fn user(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let id = ids::user_id(&s.arg(0)).map_err(|e| s.refuse(0, format!("'user' : {e}.")))?;
    set_user(s, id);
    Ok(())
}

pub(super) fn gid(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let id = number(s, "group")?;
    set_group(s, id);
    Ok(())
}

pub(super) fn group(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let id = ids::group_id(&s.arg(0)).map_err(|e| s.refuse(0, format!("'group' : {e}.")))?;
    set_group(s, id);
    Ok(())
}

fn number(s: &Statement<'_>, by_name: &str) -> Result<u32, Refusal> {
    s.arg(0).parse().map_err(|_| {
        let text = format!(
            "'{}' : '{}' is not a number; a name goes with the '{by_name}' keyword.",
            s.keyword(),
            s.arg(0)
        );
        s.refuse(0, text)
    })
}

fn set_user(s: &mut Statement<'_>, id: u32) {
    if s.slot::<Identity>().user.is_some() {
        s.already("user/uid");
    } else {
        s.slot::<Identity>().user = Some(id);
    }
}

fn set_group(s: &mut Statement<'_>, id: u32) {
    if s.slot::<Identity>().group.is_some() {
        s.already("group/gid");
    } else {
        s.slot::<Identity>().group = Some(id);
    }
}

pub(super) fn setcap(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let supported = Capability::ALL.map(Capability::name).join(", ");
    if s.args() == 0 {
        return Err(Refusal::new(format!(
            "'setcap' : missing capability name(s). Supported ones are: {supported}."
        )));
    }
    let list = s.arg(0);
    for name in list.split(',') {
        let capability = Capability::by_name(name).ok_or_else(|| {
            let text =
                format!("'setcap' : unsupported capability '{name}'. Supported ones are: {supported}.");
            s.refuse(0, text)
        })?;
        s.slot::<Identity>().capabilities.push(capability);
    }
    Ok(())
}

pub(super) fn set_dumpable(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let wanted = match s.arg(0).as_ref() {
        "" | "on" | "libs" => Switch::On,
        "off" => Switch::Off,
        other => {
            let text = format!(
                "'set-dumpable' only supports 'on', 'off' and 'libs' as an argument, found '{other}'."
            );
            return Err(s.refuse(0, text));
        }
    };
    s.slot::<Identity>().core_dumps = if s.sense == Sense::Set { wanted } else { Switch::Off };
    Ok(())
}
