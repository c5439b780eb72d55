//! The order in which servers have their turns.

use std::collections::{HashMap, VecDeque};

/// Turns that are known ahead: some that come once, then those that come again and again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Turns {
    order: Vec<u16>,
    again: usize,
}

impl Turns {
    /// Whose turn it is after so many others; nobody's where there is nobody.
    pub(crate) fn at(&self, turn: usize) -> Option<usize> {
        self.order.get(self.place(turn)).map(|index| usize::from(*index))
    }

    fn place(&self, turn: usize) -> usize {
        if turn < self.order.len() {
            return turn;
        }
        let cycle = (self.order.len() - self.again).max(1);
        self.again + (turn - self.again) % cycle
    }

    /// How many turns from the first on bring about the same as so many.
    pub(crate) fn passed(&self, turns: usize) -> usize {
        self.place(turns)
    }

    /// The same turns, of servers with other numbers.
    pub(crate) fn renumbered(mut self, number: impl Fn(usize) -> usize) -> Self {
        self.order.iter_mut().for_each(|at| *at = number(usize::from(*at)) as u16);
        self
    }

    /// How many places there are, after which all have been asked.
    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }
}

/// Turns by weight, of servers that may come, go, and change their weights while others go on (`roundrobin`): each has a
/// place on a line, and moves on by the sum of all weights through its own when its turn is over. At the beginning, each
/// has its first turn as soon as nobody else's is due, the heaviest first; who comes later waits for a whole round.
#[derive(Clone, Debug, Default)]
pub(crate) struct Schedule {
    now: u64,
    entered: u64,
    known: Vec<Entry>,
    fresh: VecDeque<Fresh>,
}

#[derive(Clone, Debug)]
struct Fresh {
    server: usize,
    weight: u64,
}

/// A server that has had its first turn.
#[derive(Clone, Debug)]
struct Entry {
    server: usize,
    weight: u64,
    place: u64,
    /// What its last steps were too short by, in parts of its weight.
    rest: u64,
    entered: u64,
}

/// A schedule as it is seen from now: what follows depends on nothing else.
type Shape = (Vec<(usize, u64, u64)>, usize);

impl Schedule {
    /// Takes part with these weights from now on: those who had a place keep it.
    pub(crate) fn update(&mut self, weights: &[(usize, u64)]) {
        let weights: HashMap<usize, u64> = weights.iter().copied().filter(|(_, w)| *w > 0).collect();
        self.known.retain_mut(|entry| match weights.get(&entry.server) {
            Some(weight) => {
                if entry.weight != *weight {
                    (entry.weight, entry.rest) = (*weight, 0);
                }
                true
            }
            None => false,
        });
        let mut fresh: Vec<Fresh> = weights
            .iter()
            .filter(|(server, _)| self.known.iter().all(|entry| entry.server != **server))
            .map(|(server, weight)| Fresh { server: *server, weight: *weight })
            .collect();
        fresh.sort_by_key(|f| (std::cmp::Reverse(f.weight), f.server));
        if self.now == 0 {
            self.fresh = fresh.into();
            return;
        }
        // Who comes back waits for a whole round.
        let total: u64 = weights.values().sum();
        for Fresh { server, weight } in fresh {
            self.entered += 1;
            let place = self.now + total / weight;
            self.known.push(Entry { server, weight, place, rest: 0, entered: self.entered });
        }
    }

    /// The server whose turn it is.
    fn next(&mut self) -> Option<usize> {
        let total =
            self.known.iter().map(|e| e.weight).chain(self.fresh.iter().map(|f| f.weight)).sum::<u64>();
        let first = (0..self.known.len()).min_by_key(|at| {
            let e = &self.known[*at];
            (e.place, std::cmp::Reverse(e.weight - e.rest), e.entered)
        });
        let due = first.filter(|at| self.fresh.is_empty() || self.known[*at].place <= self.now);
        let at = if let Some(at) = due {
            at
        } else {
            let Fresh { server, weight } = self.fresh.pop_front()?;
            self.known.push(Entry { server, weight, place: self.now, rest: 0, entered: 0 });
            self.known.len() - 1
        };
        self.now += 1;
        self.entered += 1;
        let entry = &mut self.known[at];
        entry.place += total / entry.weight;
        entry.rest += total % entry.weight;
        if entry.rest >= entry.weight {
            entry.rest -= entry.weight;
            entry.place += 1;
        }
        entry.entered = self.entered;
        Some(entry.server)
    }

    /// Lets so many turns pass.
    pub(crate) fn pass(&mut self, turns: usize) {
        for _ in 0..turns {
            self.next();
        }
    }

    fn shape(&self) -> Shape {
        let mut order: Vec<&Entry> = self.known.iter().collect();
        order.sort_by_key(|e| e.entered);
        let seen = |e: &Entry| (e.server, e.place.wrapping_sub(self.now), e.rest);
        (order.into_iter().map(seen).collect(), self.fresh.len())
    }

    /// The turns that follow.
    pub(crate) fn turns(&self) -> Turns {
        let total: u64 = self.known.iter().map(|e| e.weight).chain(self.fresh.iter().map(|f| f.weight)).sum();
        let divisor =
            self.known.iter().map(|e| e.weight).chain(self.fresh.iter().map(|f| f.weight)).fold(0, gcd);
        let cycle = (total / divisor.max(1)) as usize;
        let mut schedule = self.clone();
        let mut seen: HashMap<Shape, usize> = HashMap::new();
        let mut order = Vec::with_capacity(cycle);
        // Shapes come again after a cycle or a few, and are compared there only.
        for round in 0..=ROUNDS {
            if let Some(again) = seen.insert(schedule.shape(), order.len()) {
                return Turns { order, again };
            }
            if round == ROUNDS {
                break;
            }
            for _ in 0..cycle {
                let Some(server) = schedule.next() else { return Turns { order, again: 0 } };
                order.push(server as u16);
            }
        }
        let again = order.len().saturating_sub(cycle);
        Turns { order, again }
    }
}

/// So many cycles are looked at before the last one is taken to come again.
const ROUNDS: usize = 4;

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Places by weight that do not change, mixed so that each server's are spread (`static-rr`, and hashes that are
/// mapped).
pub(crate) fn places(weights: &[u64]) -> Turns {
    let total: i64 = weights.iter().map(|w| *w as i64).sum();
    let mut credit = vec![0i64; weights.len()];
    let mut order = Vec::with_capacity(total as usize);
    for _ in 0..total {
        credit.iter_mut().zip(weights).for_each(|(c, w)| *c += *w as i64);
        let share = |at: &usize| (credit[*at] + total) / total;
        let candidates = (0..weights.len()).filter(|at| weights[*at] > 0);
        let Some(best) = candidates.min_by_key(|at| (-share(at), *at)) else { break };
        credit[best] -= total;
        order.push(best as u16);
    }
    Turns { order, again: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scheduled(weights: &[u64]) -> Schedule {
        let mut schedule = Schedule::default();
        schedule.update(&weights.iter().copied().enumerate().collect::<Vec<_>>());
        schedule
    }

    fn text(turns: &Turns, n: usize) -> String {
        (0..n).map(|i| char::from(b'1' + turns.at(i).unwrap() as u8)).collect()
    }

    #[test]
    fn turns_are_spread_by_weight() {
        for (weights, order) in [
            (&[1, 1, 1][..], "123123123123"),
            (&[3, 1], "111211121112"),
            (&[5, 3, 2], "1213121213121312121312131212"),
            (&[1, 2, 3, 4], "434234143243423414324342341432"),
            (&[7, 1, 1], "111121113111121113111121113111"),
            (
                &[10, 9, 8, 7],
                "1231243124132143213421321412341231423124312413214321342132141234123142312431241321",
            ),
            (&[13, 17, 19], "323213231231232313213213231232132312312332132132312321323123"),
        ] {
            assert_eq!(text(&scheduled(weights).turns(), order.len()), order, "{weights:?}");
        }
    }

    #[test]
    fn fixed_places_are_mixed() {
        assert_eq!(text(&places(&[5, 3, 2]), 20), "11213121231121312123");
        assert_eq!(text(&places(&[1, 2, 3, 4]), 10), "1243423434");
        assert_eq!(text(&places(&[4, 2, 1]), 7), "1121213");
        assert_eq!(places(&[0, 0]).at(0), None);
    }

    #[test]
    fn those_who_go_leave_the_others_where_they_are() {
        let mut schedule = scheduled(&[5, 3, 2]);
        schedule.pass(12);
        schedule.update(&[(0, 5), (2, 2)]);
        let left = text(&schedule.turns(), 20);
        assert!(!left.contains('2') && left.contains("113"), "{left}");
        schedule.update(&[(0, 5), (1, 3), (2, 2)]);
        assert!(text(&schedule.turns(), 20).contains('2'));
    }

    proptest! {
        #[test]
        fn every_server_gets_its_share(weights in prop::collection::vec(1u64..=60, 1..6)) {
            let turns = scheduled(&weights).turns();
            let total: u64 = weights.iter().sum();
            let n = turns.len() + total as usize;
            for (i, w) in weights.iter().enumerate() {
                let mine = (0..n).filter(|t| turns.at(*t) == Some(i)).count() as i64;
                let due = n as i64 * *w as i64 / total as i64;
                prop_assert!((mine - due).abs() <= 3, "{mine} of {due}");
            }
        }
    }
}
