//! Names made by a formula: `L{loop}D{detector:3}` is `L1D017` for loop 1 and detector 17.

/// A text with places for numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Number { variable: String, width: usize },
}

impl Template {
    /// Reads `text {variable} text {variable:width}`.
    pub(super) fn parse(text: &str) -> Option<Template> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (inside, behind) = after.split_once('}')?;
            let (variable, width) = match inside.split_once(':') {
                Some((variable, width)) => (variable, width.parse().ok().filter(|w| *w <= 9)?),
                None => (inside, 0),
            };
            parts.push(Part::Text(before.to_owned()));
            parts.push(Part::Number { variable: variable.to_owned(), width });
            rest = behind;
        }
        parts.push(Part::Text(rest.to_owned()));
        (!rest.contains('}')).then_some(Template(parts))
    }

    /// The variables it has places for.
    pub(super) fn variables(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Number { variable, .. } => Some(variable.as_str()),
        })
    }

    /// The text with its numbers.
    pub(super) fn fill(&self, number: impl Fn(&str) -> Option<u16>) -> String {
        let mut filled = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Number { variable, width } => {
                    let number = number(variable).unwrap_or_default();
                    filled.push_str(&format!("{number:0width$}"));
                }
            }
        }
        filled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_filled_with_its_numbers() {
        let template = Template::parse("L{loop}D{detector:3}").expect("a template");
        let name = template.fill(|variable| Some(if variable == "loop" { 1 } else { 17 }));
        assert_eq!(name, "L1D017");
        assert_eq!(template.variables().collect::<Vec<_>>(), ["loop", "detector"]);
    }

    #[test]
    fn a_broken_template_is_refused() {
        for text in ["L{loop", "L}", "L{loop:x}", "L{loop:99}"] {
            assert_eq!(Template::parse(text), None, "{text}");
        }
    }
}
