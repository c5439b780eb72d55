//! The rooms look only downward: the dependency lists agree with the table in doc/ARCHITECTURE.md.
#![expect(clippy::unwrap_used, reason = "a test that cannot read its input has failed")]

use std::collections::{BTreeMap, BTreeSet};

/// A row of the table.
struct Row {
    floor: u32,
    neighbours: BTreeSet<String>,
}

fn table() -> BTreeMap<String, Row> {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/ARCHITECTURE.md")).unwrap();
    let names = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<BTreeSet<_>>();
    text.lines()
        .filter_map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let floor = cells.get(1)?.parse().ok()?;
            let room = names(cells.get(2)?).into_iter().next()?;
            Some((room, Row { floor, neighbours: names(cells.get(4)?) }))
        })
        .collect()
}

/// Each room's dependencies on other rooms.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = cargo_metadata::MetadataCommand::new().no_deps().exec().unwrap();
    let room = |name: &str| name.strip_prefix("haproxy-").map(str::to_owned);
    let packages = metadata.packages.iter();
    packages
        .filter_map(|p| {
            let uses = p.dependencies.iter().filter(|d| d.kind == cargo_metadata::DependencyKind::Normal);
            Some((room(&p.name)?, uses.filter_map(|d| room(&d.name)).collect()))
        })
        .collect()
}

#[test]
fn every_room_is_in_the_table() {
    let (table, rooms) = (table(), dependencies());
    assert_eq!(table.keys().collect::<Vec<_>>(), rooms.keys().collect::<Vec<_>>());
    assert!(rooms.len() > 15, "the rooms were found");
}

#[test]
fn rooms_look_only_downward() {
    let table = table();
    for (room, uses) in dependencies() {
        let row = &table[&room];
        for used in uses {
            let below = table[&used].floor < row.floor;
            assert!(
                below || row.neighbours.contains(&used),
                "`{room}` (floor {}) uses `{used}` (floor {}), which the table does not allow",
                row.floor,
                table[&used].floor
            );
        }
    }
}

#[test]
fn neighbours_stand_on_the_same_floor_and_make_no_circle() {
    let table = table();
    for (room, row) in &table {
        for neighbour in &row.neighbours {
            assert_eq!(table[neighbour].floor, row.floor, "`{room}` names `{neighbour}`");
            assert!(
                !table[neighbour].neighbours.contains(room),
                "`{room}` and `{neighbour}` look at each other"
            );
        }
    }
}
