use std::collections::HashMap;

pub fn fail(code: i32, message: &str) -> ! {
    eprintln!("{message}");
    std::process::exit(code)
}

/// The `--name value` pairs. Those it has no use for are ignored: all peers are called with the same ones.
pub struct Options(HashMap<String, String>);

impl Options {
    pub fn parse() -> Options {
        let mut values = HashMap::new();
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            match (argument.strip_prefix("--"), arguments.next()) {
                (Some(name), Some(value)) => values.insert(name.to_string(), value),
                _ => fail(2, "usage: tokio_peer --work WORK [--option value]..."),
            };
        }
        Options(values)
    }

    pub fn text<'a>(&'a self, name: &str, otherwise: &'a str) -> &'a str {
        self.0.get(name).map_or(otherwise, |text| text)
    }

    /// A number of at least 1.
    pub fn count(&self, name: &str, otherwise: u64) -> u64 {
        match self.0.get(name).map(|text| text.parse()) {
            None => otherwise,
            Some(Ok(value)) if value > 0 => value,
            Some(_) => fail(2, &format!("--{name} must be a whole number of at least 1")),
        }
    }

    /// One of the choices; the first is taken when nothing is said.
    pub fn choice<'a>(&'a self, name: &str, choices: &[&'a str]) -> &'a str {
        let text = self.text(name, choices[0]);
        if !choices.contains(&text) {
            fail(2, &format!("--{name} takes one of {choices:?}"));
        }
        text
    }
}
