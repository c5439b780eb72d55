//! What a proxy's settings mean for the sockets of its `bind` lines.

use std::sync::Arc;

use base::registry::Registry;
use config::{Diagnostics, Draft, Mode};
use net::{BindDrafts, ListenSpec, ListenerSettings, Protocol, Switch};

use crate::settings::{Limits, SmartAck, SocketOptions, Tuning};

/// The backlog when nothing says how many connections to expect.
const DEFAULT_BACKLOG: u32 = 1024;

/// Completes the `bind` lines of all proxies.
pub(crate) fn complete(draft: &mut Draft, _: &Registry, diagnostics: &mut Diagnostics) {
    let tuning: Tuning = draft.global();
    for proxy in draft.proxies.iter_mut().filter(|p| p.kind.has_frontend()) {
        let (limits, options): (Limits, SocketOptions) =
            (proxy.slots.get_or_default(), proxy.slots.get_or_default());
        let (mode, name) = (proxy.mode, proxy.name.clone());
        for line in &mut proxy.slots.get_mut::<BindDrafts>().0 {
            let Some(line) = Arc::get_mut(line) else { continue };
            let settings: ListenerSettings = line.slots.get_or_default();
            if let Some(protocol) = settings.protocol.filter(|p| !is_spoken_in(mode, *p)) {
                diagnostics.alert_at(
                    &line.place,
                    format!(
                        "frontend '{name}' : MUX protocol '{}' is not usable in {} mode for 'bind {}'.",
                        protocol.name(),
                        mode.name(),
                        line.written
                    ),
                );
            }
            let spec: &mut ListenSpec = line.slots.get_mut();
            spec.backlog = backlog(&settings, &limits);
            spec.max_accept = u32::try_from(tuning.max_accept).unwrap_or(u32::MAX);
            spec.stream.keep_alive = options.client_keepalive.is_on().then_some(options.client_probes);
            spec.delay_ack = match options.smart_accept {
                SmartAck::On => Switch::On,
                SmartAck::Unsaid if mode == Mode::Http => Switch::On,
                SmartAck::Off | SmartAck::Unsaid => Switch::Off,
            };
        }
    }
}

fn is_spoken_in(mode: Mode, protocol: Protocol) -> bool {
    (mode == Mode::Http) == (protocol != Protocol::None)
}

/// As many as may wait: what the line says, or the proxy, or as many as it serves at once.
fn backlog(settings: &ListenerSettings, limits: &Limits) -> u32 {
    let narrow = |n: u64| u32::try_from(n).unwrap_or(u32::MAX).min(i32::MAX as u32);
    let said = [settings.backlog, limits.backlog, narrow(settings.maxconn), limits.maxconn.map_or(0, narrow)];
    said.into_iter().find(|n| *n > 0).unwrap_or(DEFAULT_BACKLOG)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_backlog_comes_from_the_nearest_word_on_it() {
        let line = |backlog, maxconn| ListenerSettings { backlog, maxconn, ..ListenerSettings::default() };
        let proxy = |backlog, maxconn| Limits { maxconn, backlog, ..Limits::default() };
        assert_eq!(backlog(&line(0, 0), &proxy(0, None)), DEFAULT_BACKLOG);
        assert_eq!(backlog(&line(0, 0), &proxy(0, Some(9))), 9);
        assert_eq!(backlog(&line(0, 8), &proxy(0, Some(9))), 8);
        assert_eq!(backlog(&line(0, 8), &proxy(7, Some(9))), 7);
        assert_eq!(backlog(&line(6, 8), &proxy(7, Some(9))), 6);
    }
}
