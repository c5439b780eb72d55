//! Converters that ask about the proxy or the server of a name.

use super::{bytes, plain};
use crate::expr::Converter;
use crate::facts::Scene;
use crate::sample::{Sample, Type};
use crate::world::ServerFigures;

/// The converters of names.
pub static CONVERTERS: &[Converter] = &[
    plain("fe_exists", Type::Str, Type::Bool, |s, _, scene| {
        let found = scene.process.world()?.frontend_named(&bytes(s)?);
        Some(Sample::Bool(found.is_some()))
    }),
    plain("nbsrv", Type::Str, Type::Int, |s, _, scene| {
        let world = scene.process.world()?;
        let backend = world.backend_named(&bytes(s)?)?;
        Some(Sample::Int(world.backend(backend, scene.now.0)?.usable as i64))
    }),
    plain("srv_is_up", Type::Str, Type::Bool, |s, _, scene| {
        server(&bytes(s)?, scene).map(|server| Sample::Bool(server.up))
    }),
    plain("srv_queue", Type::Str, Type::Int, |s, _, scene| {
        server(&bytes(s)?, scene).map(|server| Sample::Int(server.queued as i64))
    }),
];

/// The server of a name; without its backend's name before it, one of the current backend.
fn server(name: &[u8], scene: &Scene<'_>) -> Option<ServerFigures> {
    let world = scene.process.world()?;
    let (backend, name) = match memchr::memchr(b'/', name) {
        Some(slash) => (world.backend_named(&name[..slash])?, &name[slash + 1..]),
        None => (world.proxy_of_id(scene.backend.unwrap_or(scene.frontend).id)?, name),
    };
    let id = world.server_named(backend, name)?;
    world.server(backend, id, scene.now.0)
}

#[cfg(test)]
mod tests {
    use super::super::probe::{expect, expect_none};

    #[test]
    fn names_are_looked_up_in_the_world() {
        expect(&[
            ("str(f),fe_exists", "1"),
            ("str(x),fe_exists", "0"),
            ("str(b),nbsrv", "2"),
            ("str(b/s),srv_is_up", "1"),
            ("str(b/s),srv_queue", "4"),
        ]);
        expect_none(&["str(x),nbsrv", "str(b/x),srv_is_up", "str(x/s),srv_queue"]);
    }
}
