//! Which styles hide text. Knows as much CSS as that needs: declarations, and rules for a tag, a class or a name.

use std::collections::HashSet;

/// Rules that are kept of a page's style sheets.
const RULES: usize = 4_096;
/// Classes of an element that are looked at, and classes that a rule may ask for.
const CLASSES: usize = 256;
const CLASSES_OF_RULE: usize = 16;
/// A size below which nobody reads, in pixels.
const SMALLEST: f64 = 1.5;
/// Further left or above than any screen, in pixels.
const FAR: f64 = -900.0;

/// A colour by its parts.
pub(super) type Colour = [u8; 3];

pub(super) const WHITE: Colour = [255; 3];
pub(super) const BLACK: Colour = [0; 3];

/// What declarations do to the text of an element.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Effect {
    pub(super) hides: bool,
    pub(super) text: Option<Colour>,
    pub(super) ground: Option<Colour>,
}

impl Effect {
    fn and(self, later: Self) -> Self {
        Self {
            hides: self.hides || later.hides,
            text: later.text.or(self.text),
            ground: later.ground.or(self.ground),
        }
    }

    fn is_nothing(self) -> bool {
        self == Self::default()
    }
}

/// What the declarations of an attribute or a rule do.
pub(super) fn effect(declarations: &str) -> Effect {
    let mut effect = Effect::default();
    let mut zero = [false; 2];
    let (mut clipped, mut away) = (false, false);
    for declaration in declarations.split(';') {
        let Some((name, value)) = declaration.split_once(':') else {
            continue;
        };
        let name = name.trim().to_ascii_lowercase();
        let value = value.to_ascii_lowercase();
        let value = value.split('!').next().unwrap_or_default().trim();
        let none = |value: &str| pixels(value).is_some_and(|size| size.abs() <= f64::EPSILON);
        match name.as_str() {
            "display" => effect.hides |= value == "none",
            "visibility" => effect.hides |= matches!(value, "hidden" | "collapse"),
            "content-visibility" => effect.hides |= value == "hidden",
            "opacity" => effect.hides |= number(value).is_some_and(|opacity| opacity < 0.05),
            "font-size" => effect.hides |= pixels(value).is_some_and(|size| size < SMALLEST),
            "transform" => effect.hides |= value.replace(' ', "").contains("scale(0)"),
            "clip" => effect.hides |= value.replace(' ', "").starts_with("rect(0"),
            "clip-path" => effect.hides |= value.replace(' ', "").starts_with("inset(50%"),
            "text-indent" => effect.hides |= pixels(value).is_some_and(|at| at < FAR),
            "width" | "max-width" => zero[0] |= none(value),
            "height" | "max-height" => zero[1] |= none(value),
            "overflow" | "overflow-x" | "overflow-y" => clipped |= value.contains("hidden"),
            "left" | "top" | "right" | "bottom" | "margin-left" | "margin-top" => {
                away |= pixels(value).is_some_and(|at| at < FAR);
            }
            "color" => effect.text = colour(value).or(effect.text),
            "background" | "background-color" => {
                effect.ground = value.split_whitespace().find_map(colour).or(effect.ground);
            }
            _ => {}
        }
        if name == "color" && value == "transparent" {
            effect.hides = true;
        }
    }
    effect.hides |= away || (clipped && (zero[0] || zero[1]));
    effect
}

fn number(value: &str) -> Option<f64> {
    let value = value.trim();
    match value.strip_suffix('%') {
        Some(percent) => percent
            .trim()
            .parse::<f64>()
            .ok()
            .map(|percent| percent / 100.0),
        None => value.parse().ok(),
    }
}

/// A length in pixels, as near as it matters.
fn pixels(value: &str) -> Option<f64> {
    let value = value.trim();
    let end = value.find(|c: char| !matches!(c, '0'..='9' | '.' | '-' | '+'));
    let (count, unit) = value.split_at(end.unwrap_or(value.len()));
    let count: f64 = count.parse().ok()?;
    let size = match unit.trim() {
        "" | "px" => 1.0,
        "pt" => 1.33,
        "em" | "rem" | "ch" | "ex" => 16.0,
        "%" => 0.16,
        "vw" | "vh" => 10.0,
        "in" => 96.0,
        "cm" => 37.8,
        "mm" => 3.78,
        _ => return None,
    };
    Some(count * size)
}

/// A colour by name or number; names beside these are no colour that a page has.
pub(super) fn colour(value: &str) -> Option<Colour> {
    let value = value.trim().to_ascii_lowercase();
    if let Some(digits) = value.strip_prefix('#') {
        let digit = |at: usize| {
            digits
                .get(at..=at)
                .and_then(|one| u8::from_str_radix(one, 16).ok())
        };
        return match digits.len() {
            3 | 4 => Some([digit(0)? * 17, digit(1)? * 17, digit(2)? * 17]),
            6 | 8 => {
                let pair = |at: usize| Some(digit(at)? * 16 + digit(at + 1)?);
                Some([pair(0)?, pair(2)?, pair(4)?])
            }
            _ => None,
        };
    }
    if let Some(parts) = value.strip_prefix("rgb") {
        let mut parts = parts
            .split(|c: char| !matches!(c, '0'..='9' | '.'))
            .filter_map(|part| part.parse::<f64>().ok())
            .map(|part| part as u8);
        return Some([parts.next()?, parts.next()?, parts.next()?]);
    }
    let named: &[(&str, Colour)] = &[
        ("white", WHITE),
        ("black", BLACK),
        ("snow", [255, 250, 250]),
        ("ivory", [255, 255, 240]),
        ("whitesmoke", [245; 3]),
        ("red", [255, 0, 0]),
        ("green", [0, 128, 0]),
        ("blue", [0, 0, 255]),
        ("yellow", [255, 255, 0]),
        ("gray", [128; 3]),
        ("grey", [128; 3]),
        ("silver", [192; 3]),
        ("navy", [0, 0, 128]),
        ("maroon", [128, 0, 0]),
    ];
    named
        .iter()
        .find(|(name, _)| *name == value)
        .map(|(_, colour)| *colour)
}

/// Whether text of one colour cannot be told from its ground.
pub(super) fn are_same(text: Colour, ground: Colour) -> bool {
    text.iter()
        .zip(ground)
        .all(|(one, other)| one.abs_diff(other) <= 12)
}

/// The rules of a page's style sheets that do something to how text is seen.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    rules: Vec<(Selector, Effect)>,
    /// Classes, names and tags of these rules: most elements have none of them.
    known: HashSet<String>,
}

/// A tag, classes and a name that an element must have all.
#[derive(Debug, Default)]
struct Selector {
    tag: Option<String>,
    id: Option<String>,
    classes: Vec<String>,
}

impl Sheet {
    /// Takes in what stands in a `style` element. Rules that speak of what lies around an element are left out: a reader who is shown
    /// too much is told what a page says, one who is shown too little is not.
    pub(super) fn add(&mut self, css: &str) {
        for rule in without_comments(css).split('}') {
            let Some((selectors, declarations)) = rule.rsplit_once('{') else {
                continue;
            };
            // What only holds on paper or elsewhere stands in a block of its own.
            let (around, selectors) = match selectors.rsplit_once('{') {
                Some((around, selectors)) => (around, selectors),
                None => ("", selectors),
            };
            if around.contains("print") || selectors.contains("@font-face") {
                continue;
            }
            let effect = effect(declarations);
            if effect.is_nothing() {
                continue;
            }
            for selector in selectors.split(',').filter_map(Selector::read) {
                if self.rules.len() >= RULES {
                    return;
                }
                let names = selector
                    .tag
                    .iter()
                    .chain(&selector.id)
                    .chain(&selector.classes);
                self.known.extend(names.cloned());
                self.rules.push((selector, effect));
            }
        }
    }

    /// What they do to an element.
    pub(super) fn of(&self, tag: &str, id: &str, classes: &str) -> Effect {
        let has = |name: &str| self.known.contains(name);
        // A class that no rule speaks of takes no place.
        let classes = classes.split_whitespace().filter(|class| has(class));
        let classes: HashSet<&str> = classes.take(CLASSES).collect();
        if self.rules.is_empty() || !(has(tag) || has(id) || !classes.is_empty()) {
            return Effect::default();
        }
        let holds = |selector: &Selector| {
            selector.tag.as_ref().is_none_or(|wanted| wanted == tag)
                && selector.id.as_ref().is_none_or(|wanted| wanted == id)
                && selector
                    .classes
                    .iter()
                    .all(|wanted| classes.contains(wanted.as_str()))
        };
        self.rules
            .iter()
            .filter(|(selector, _)| holds(selector))
            .fold(Effect::default(), |effect, (_, later)| effect.and(*later))
    }
}

impl Selector {
    fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() || text.contains([' ', '>', '+', '~', ':', '[', '@', '*']) {
            return None;
        }
        let mut selector = Self::default();
        let mut rest = text;
        while !rest.is_empty() {
            let sign = rest.chars().next().filter(|c| matches!(c, '.' | '#'));
            let body = rest.strip_prefix(['.', '#']).unwrap_or(rest);
            let end = body.find(['.', '#']).unwrap_or(body.len());
            let (name, more) = body.split_at(end);
            if name.is_empty() {
                return None;
            }
            match sign {
                Some('.') => selector.classes.push(name.to_owned()),
                Some(_) => selector.id = Some(name.to_owned()),
                None => selector.tag = Some(name.to_ascii_lowercase()),
            }
            rest = more;
        }
        if selector.classes.len() > CLASSES_OF_RULE {
            return None;
        }
        Some(selector)
    }
}

fn without_comments(css: &str) -> String {
    let mut out = String::with_capacity(css.len());
    let mut rest = css;
    while let Some((head, behind)) = rest.split_once("/*") {
        out.push_str(head);
        rest = behind.split_once("*/").map_or("", |(_, more)| more);
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_style_hides_text_or_it_does_not() {
        let rows = [
            ("display:none", true),
            (" DISPLAY : None !important ", true),
            ("display:block", false),
            ("visibility: hidden", true),
            ("opacity:0", true),
            ("opacity: 0.9", false),
            ("font-size:0", true),
            ("font-size:1px", true),
            ("font-size: 0.9em", false),
            ("font-size:12pt", false),
            ("width:0;height:0;overflow:hidden", true),
            ("width:0", false),
            ("position:absolute;left:-9999px", true),
            ("margin-left:-8px", false),
            ("text-indent:-100em", true),
            ("clip: rect(0, 0, 0, 0)", true),
            ("color:transparent", true),
            ("color:red", false),
            ("", false),
        ];
        for (style, hides) in rows {
            assert_eq!(effect(style).hides, hides, "{style}");
        }
    }

    #[test]
    fn colours_are_told_apart_as_an_eye_does() {
        for (one, other, same) in [
            ("#fff", "white", true),
            ("rgb(254, 254, 254)", "#ffffff", true),
            ("#fefefe", "white", true),
            ("grey", "white", false),
            ("#000000ff", "black", true),
        ] {
            let (one, other) = (colour(one).unwrap(), colour(other).unwrap());
            assert_eq!(are_same(one, other), same);
        }
        assert_eq!(colour("inherit"), None);
        assert_eq!(colour("#ggg"), None);
    }

    #[test]
    fn rules_hold_for_the_elements_that_they_name() {
        let mut sheet = Sheet::default();
        sheet.add(
            "/* .p{display:none} */ .x, #y { display:none } div.z.w{opacity:0} @media print { .q { display:none } } p a { display:none }",
        );
        for (tag, id, classes, hides) in [
            ("p", "", "x", true),
            ("p", "", "a x b", true),
            ("p", "y", "", true),
            ("div", "", "z w", true),
            ("div", "", "z", false),
            ("p", "", "z w", false),
            ("p", "", "p", false),
            ("p", "", "q", false),
            ("a", "", "", false),
        ] {
            assert_eq!(
                sheet.of(tag, id, classes).hides,
                hides,
                "{tag}#{id}.{classes}"
            );
        }
    }

    #[test]
    fn the_classes_of_an_element_and_of_a_rule_are_bounded() {
        let many = |sign: &str, count: usize| -> String {
            (0..count).map(|at| format!("{sign}c{at}")).collect()
        };
        let mut sheet = Sheet::default();
        for count in [CLASSES_OF_RULE, CLASSES_OF_RULE + 1] {
            sheet.add(&format!("{}{{display:none}}", many(".", count)));
        }
        assert_eq!(sheet.rules.len(), 1);
        assert!(sheet.of("p", "", &many(" ", 10_000)).hides);
        assert!(!sheet.of("p", "", &many(" ", CLASSES_OF_RULE - 1)).hides);
    }
}
