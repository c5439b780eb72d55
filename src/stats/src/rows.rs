//! The lines of `show stat` and their forms.

use std::fmt::Write as _;

use crate::columns::{COLUMNS, Column, Object, PROTOCOLS};
use crate::field::{Descriptions, Form, Value, describe, write_json_members, write_typed};

/// What is known of one object.
#[derive(Clone, Debug)]
pub struct Row {
    object: Object,
    proxy: u32,
    id: u32,
    cells: Vec<Option<Value>>,
}

impl Row {
    /// A row of an object of the proxy with this id; frontends and backends have the id 0 themselves.
    pub fn new(object: Object, proxy: u32, id: u32) -> Self {
        let mut row = Self { object, proxy, id, cells: vec![None; COLUMNS.len()] };
        row.set(Column::Pid, Value::U32(1));
        row.set(Column::Iid, Value::U32(proxy));
        row.set(Column::Sid, Value::U32(id));
        row.set(Column::Type, Value::U32(object.number()));
        row
    }

    /// What it tells of.
    pub fn object(&self) -> Object {
        self.object
    }

    /// Sets a column.
    pub fn set(&mut self, column: Column, value: Value) {
        self.cells[column as usize] = Some(value);
    }

    /// Leaves a column empty.
    pub fn clear(&mut self, column: Column) {
        self.cells[column as usize] = None;
    }

    /// Sets columns of 64-bit counters.
    pub fn counters(&mut self, counters: &[(Column, u64)]) {
        for (column, value) in counters {
            self.set(*column, Value::U64(*value));
        }
    }

    /// Sets columns of 32-bit figures.
    pub fn figures(&mut self, figures: &[(Column, u64)]) {
        for (column, value) in figures {
            self.set(*column, Value::narrow(*value));
        }
    }

    /// Sets columns of texts.
    pub fn words(&mut self, words: &[(Column, &'static str)]) {
        for (column, word) in words {
            self.set(*column, Value::word(word));
        }
    }

    /// The value of a column.
    pub fn get(&self, column: Column) -> Option<&Value> {
        self.cells[column as usize].as_ref()
    }

    /// Writes the row; `first` is for JSON's commas.
    pub fn write(&self, form: Form, descriptions: Descriptions, first: First, out: &mut String) {
        match form {
            Form::Plain => self.write_csv(out),
            Form::Typed => self.write_typed(descriptions, out),
            Form::Json => self.write_json(first, out),
        }
    }

    fn write_csv(&self, out: &mut String) {
        for (i, cell) in self.cells.iter().enumerate() {
            if i == PROTOCOLS {
                out.push_str("-,");
            }
            if let Some(value) = cell {
                value.write_csv(out);
            }
            out.push(',');
        }
        out.push('\n');
    }

    fn present(&self) -> impl Iterator<Item = (usize, Column, &Value)> {
        let cells = self.cells.iter().zip(Column::ALL).enumerate();
        cells.filter_map(|(i, (cell, column))| cell.as_ref().map(|value| (i, *column, value)))
    }

    fn write_typed(&self, descriptions: Descriptions, out: &mut String) {
        for (i, column, value) in self.present() {
            let _ = write!(out, "{}.{}.{}.{i}.", self.object.letter(), self.proxy, self.id);
            write_typed(column.field(), column.tags(self.object), value, out);
            describe(column.field(), descriptions, out);
            out.push('\n');
        }
    }

    fn write_json(&self, first: First, out: &mut String) {
        out.push_str(if first == First::Yes { "[" } else { ",[" });
        for (n, (i, column, value)) in self.present().enumerate() {
            let _ = write!(
                out,
                "{}{{\"objType\":\"{}\",\"proxyId\":{},\"id\":{},",
                if n == 0 { "" } else { "," },
                self.object.name(),
                self.proxy,
                self.id
            );
            write_json_members(i, column.field(), column.tags(self.object), value, out);
            out.push('}');
        }
        out.push(']');
    }
}

/// Whether a row is the first of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum First {
    /// It is.
    Yes,
    /// Others came before.
    No,
}

/// What comes before the rows.
pub fn head(form: Form) -> String {
    match form {
        Form::Plain => {
            let mut out = "# ".to_owned();
            for (i, field) in COLUMNS.iter().enumerate() {
                out.push_str(if i == PROTOCOLS { "-," } else { "" });
                out.push_str(field.name);
                out.push(',');
            }
            out + "\n"
        }
        Form::Typed => String::new(),
        Form::Json => "[".to_owned(),
    }
}

/// What comes after them.
pub fn tail(form: Form) -> &'static str {
    if form == Form::Json { "]\n" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        let mut row = Row::new(Object::Server, 3, 1);
        row.words(&[(Column::Pxname, "be"), (Column::Svname, "s,1")]);
        row.counters(&[(Column::Stot, 8)]);
        row.figures(&[(Column::Act, 1)]);
        row
    }

    fn written(form: Form) -> String {
        let mut out = String::new();
        row().write(form, Descriptions::Omitted, First::Yes, &mut out);
        out
    }

    #[test]
    fn head_and_rows_have_the_same_columns() {
        let head = head(Form::Plain);
        assert!(
            head.starts_with("# pxname,svname,qcur,") && head.contains(",cache_hint_hits,-,h2_headers_rcvd,")
        );
        assert!(head.ends_with(",h1_spliced_bytes_out,\n"));
        assert_eq!(head.matches(',').count(), 146);
        assert_eq!(written(Form::Plain).matches(',').count(), 147, "one of them in a quoted name");
    }

    #[test]
    fn typed_lines_carry_position_and_marks() {
        assert_eq!(
            written(Form::Typed),
            "S.3.1.0.pxname.1:KNSV:str:be\nS.3.1.1.svname.1:KNSV:str:s,1\nS.3.1.7.stot.1:MCPP:u64:8\n\
             S.3.1.19.act.1:SGPV:u32:1\nS.3.1.26.pid.1:KGPV:u32:1\nS.3.1.27.iid.1:KGSV:u32:3\n\
             S.3.1.28.sid.1:KGSV:u32:1\nS.3.1.32.type.1:CGSV:u32:2\n"
        );
    }

    #[test]
    fn json_rows_are_lists_of_objects() {
        let json = written(Form::Json);
        assert!(json.starts_with(
            r#"[{"objType":"Server","proxyId":3,"id":1,"field":{"pos":0,"name":"pxname"},"processNum":1,"tags":{"origin":"Key","nature":"Name","scope":"Service"},"value":{"type":"str","value":"be"}},{"#
        ));
        assert!(json.ends_with("}]"));
    }
}
