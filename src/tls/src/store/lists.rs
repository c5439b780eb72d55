//! `add ssl crt-list` and `del ssl crt-list`.

use config::directive::Switch;

use super::{Listener, Name, Refused, State, Store, list_name};
use crate::directory::Strictness;
use crate::line::{self, Line, Standing};
use crate::ocsp::now;

/// A line of a list that a command is about.
struct Chosen {
    id: usize,
    name: Name,
}

impl Store {
    /// `add ssl crt-list`: another line, or a certificate, in a list.
    ///
    /// # Errors
    /// When there is no such list or no such certificate, or the line is wrong.
    pub fn add_line(&self, list: &str, text: &str) -> Result<String, Refused> {
        self.state().add_line(list_name(list), text)
    }

    /// `del ssl crt-list`: a line less in a list; `written` is a certificate, with the line's number behind a colon
    /// where it has several.
    ///
    /// # Errors
    /// When there is no such line, or it serves those who ask for nothing that is here.
    pub fn delete_line(&self, list: &str, written: &str) -> Result<String, Refused> {
        let list = list_name(list);
        let mut state = self.state();
        let deleted = state.delete_line(list, written);
        deleted.map_err(|why| format!("Can't delete the entry: {why}\n"))
    }
}

impl State {
    fn add_line(&mut self, list: &str, text: &str) -> Result<String, Refused> {
        let refused = |why: String| format!("Can't edit the crt-list: {why}\n");
        if !self.lists.contains_key(list) {
            return Err(refused(format!("crt-list '{list}' does not exist!")));
        }
        let (name, line) = self.read_line(text).map_err(refused)?;
        let number = self.lists[list].lines.last().map_or(1, |l| l.number + 1);
        let begun = format!("Inserting certificate '{name}' in crt-list '{list}'");
        let Some(kept) = self.lists.get_mut(list) else { return Ok(begun) };
        let id = kept.push(number, name, line);
        let placed = kept.lines.last().map(|line| line.placed(list));
        let failed = |kept: &mut Self, why: String| {
            kept.forget(list, id);
            Ok(format!("{begun}.\n{why}.\nFailed!\n"))
        };
        let Some(placed) = placed else { return Ok(begun) };
        if self.ready(&placed.name).is_none() && self.listens(list) {
            let why = format!("unable to load SSL private key into SSL Context '{}'", placed.name);
            return failed(self, why);
        }
        let mut dots = 0;
        for i in 0..self.listeners.len() {
            if !self.listeners[i].lists.iter().any(|l| **l == *list) {
                continue;
            }
            if let Some(options) = &placed.options
                && let Err(why) = self.listeners[i].prepare(options, &self.files)
            {
                let Listener { frontend, written, place, .. } = &self.listeners[i];
                let why = format!("Proxy '{frontend}': {why} for bind '{written}' at [{place}]");
                return failed(self, why);
            }
            dots += 1;
        }
        for listener in self.listeners.iter_mut().filter(|l| l.lists.iter().any(|l| **l == *list)) {
            listener.uses.push(placed.clone());
        }
        self.refresh(list);
        self.link(&placed.name, now());
        self.schedule(now());
        Ok(format!("{begun}{}\nSuccess!\n", ".".repeat(dots)))
    }

    /// Reads a line as it was sent, with the certificate that it means.
    fn read_line(&mut self, text: &str) -> Result<(Name, Line), String> {
        let text = text.trim_end();
        if text.contains('\n') {
            return Err("only one line of payload is supported!".to_owned());
        }
        let base = self.bases.authorities.as_deref();
        let line = line::parse(text, base).map_err(|why| match why.strip_prefix('\'') {
            Some(_) => why,
            None => format!("parsing [CLI:1]: {why}"),
        })?;
        let line = line.ok_or_else(|| "parsing [CLI:1]: no certificate".to_owned())?;
        if let Some((option, which)) =
            line.options.files().filter(|(_, which)| !self.files.has(&which.name)).last()
        {
            return Err(format!("'{option}' : unable to load {}", which.name));
        }
        let told = line.key.is_some() || line.ocsp.is_some() || line.issuer.is_some();
        if told || line.tokens == Switch::On {
            let why = "a certificate that is there already takes no 'key', 'ocsp', 'issuer' or 'jwt'";
            return Err(why.to_owned());
        }
        let name = line::resolved(&line.certificate, self.bases.certificates.as_deref());
        match self.entries.get(&name).map(|e| &e.content) {
            None => Err(format!("certificate '{name}' does not exist!")),
            Some(super::Content::Empty) => Err(format!("certificate '{name}' is empty!")),
            Some(_) => {
                self.agree(&name, &line.told()).map_err(|why| format!("'{name}' {why}"))?;
                Ok((name, line))
            }
        }
    }

    fn delete_line(&mut self, list: &str, written: &str) -> Result<String, String> {
        if !self.lists.contains_key(list) {
            return Err(format!("crt-list '{list}' does not exist!"));
        }
        let chosen = self.choose(list, written)?;
        let from = (Name::from(list), chosen.id);
        // Where nobody gets a certificate without asking for it, none is missed; nor is another one than the first.
        let lenient = self.listeners.iter().filter(|l| l.acceptor.terms().strictness == Strictness::Lenient);
        let defaults = lenient.filter(|l| {
            let mut all = l.uses.iter().filter(|p| p.meaning.default == Standing::Default);
            all.next().is_some_and(|first| first.from.as_ref() == Some(&from))
        });
        let places: Vec<String> = defaults.map(|l| format!("\t- {}\n", l.place)).collect();
        if !places.is_empty() {
            let why = "cannot be deleted, it is used as default certificate by the following frontends:";
            return Err(format!("certificate '{}' {why}\n{}", chosen.name, places.concat().trim_end()));
        }
        self.forget(list, chosen.id);
        self.refresh(list);
        self.schedule(now());
        Ok(format!("Entry '{}' deleted in crtlist '{list}'!\n", chosen.name))
    }

    fn choose(&self, list: &str, written: &str) -> Result<Chosen, String> {
        let (name, number) = match written.rsplit_once(':') {
            Some((name, digits)) => match digits.parse::<usize>() {
                Ok(number) => (name, Some(number).filter(|n| *n > 0)),
                Err(_) => return Err(format!("wrong line number after colons in '{written}'!")),
            },
            None => (written, None),
        };
        if !self.entries.contains_key(name) {
            return Err(format!("certificate '{name}' does not exist!"));
        }
        let lines: Vec<_> = self.lists[list].lines.iter().filter(|l| *l.name == *name).collect();
        let numbers = || lines.iter().map(|l| l.number.to_string()).collect::<Vec<_>>().join(", ");
        let found = match (number, lines.as_slice()) {
            (_, []) => return Err(format!("certificate '{name}' can't be found in crt-list '{list}'!")),
            (None, [one]) => one,
            (None, _) => {
                let how = "please specify a line number preceded by colons";
                return Err(format!(
                    "found the certificate '{name}' in several entries, {how} ({})!",
                    numbers()
                ));
            }
            (Some(number), all) => all.iter().find(|l| l.number == number).ok_or_else(|| {
                let how = "please specify a correct line number preceded by colons";
                let what = "but the line number is incorrect";
                format!("found a certificate '{name}' {what}, {how} ({})!", numbers())
            })?,
        };
        Ok(Chosen { id: found.id, name: found.name.clone() })
    }

    fn forget(&mut self, list: &str, id: usize) {
        if let Some(list) = self.lists.get_mut(list) {
            list.lines.retain(|line| line.id != id);
        }
        for listener in &mut self.listeners {
            listener.uses.retain(|p| p.from.as_ref().is_none_or(|(l, i)| **l != *list || *i != id));
        }
    }

    fn listens(&self, list: &str) -> bool {
        self.listeners.iter().any(|l| l.lists.iter().any(|l| **l == *list))
    }

    /// Gives the listeners that use a list what is in it now.
    fn refresh(&self, list: &str) {
        for listener in self.listeners.iter().filter(|l| l.lists.iter().any(|l| **l == *list)) {
            self.present(listener);
        }
    }
}
