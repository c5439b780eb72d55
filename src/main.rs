//! The `haproxy` program: the list of rooms and the allocator; everything else is a room's work.

mod rooms;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    process::main(rooms::ROOMS)
}
