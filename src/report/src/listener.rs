//! The figures of listeners that are counted apart (`option socket-stats`).

use base::addr::Family;
use stats::Value;
use stats::columns::Column as C;
use stream::ListenerFacts;

use crate::survey::{Survey, common, front_events, handshakes, with_port};
use crate::traffic::Door;

impl Survey {
    /// A listener's figure; none of those that are not counted apart.
    pub fn listener(&self, facts: &ListenerFacts, column: C) -> Option<Value> {
        let counters = facts.counters.as_ref()?;
        let frontend = self.site.frontends.get(facts.frontend)?;
        Some(match column {
            C::Svname => Value::Text(name_of(facts).into()),
            C::Status => Value::word(match self.door(facts.frontend) {
                Door::Open => "OPEN",
                Door::Paused => "WAITING",
                Door::Stopped => "STOP",
            }),
            C::Proto => Value::word(match facts.address.family() {
                Family::V4 => "tcpv4",
                Family::V6 => "tcpv6",
                Family::Unix => "unix_stream",
            }),
            C::Addr => Value::Text(with_port(&facts.address).into()),
            C::Scur => Value::narrow(counters.current.get()),
            C::Smax => Value::narrow(counters.current_max.get()),
            C::Slim => Value::U32(0),
            other => {
                return common(&frontend.common, other)
                    .or_else(|| front_events(&counters.events, other))
                    .or_else(|| handshakes(&counters.tls, other));
            }
        })
    }
}

/// A listener's name, made from its id if it has none.
fn name_of(facts: &ListenerFacts) -> String {
    facts.name.as_ref().map_or_else(|| format!("sock-{}", facts.id), ToString::to_string)
}
