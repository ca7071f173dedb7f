//! What a bench ends with: one object for programs, one table for people.

use std::fmt;

use serde::Serialize;

/// The result of one bench.
#[derive(Debug, Serialize)]
pub struct Report {
    name: &'static str,
    machine: Machine,
    figures: serde_json::Map<String, serde_json::Value>,
    bars: Vec<Bar>,
    /// Peers that are not installed, with how to install them.
    skipped: Vec<String>,
    /// What people read beside the figures; programs find the same in the figures.
    #[serde(skip)]
    table: String,
}

/// Where it was measured.
#[derive(Debug, Serialize)]
struct Machine {
    os: &'static str,
    arch: &'static str,
    cpu: Option<String>,
    /// Processors this process may use.
    cores: usize,
    /// Processes that wanted a processor in the last minute, before the bench began; far above 0 the figures are noisy.
    load: Option<f64>,
    /// `release` or `debug`.
    build: &'static str,
    version: &'static str,
}

/// A promise and whether this run kept it.
#[derive(Debug, Serialize)]
pub struct Bar {
    id: &'static str,
    what: &'static str,
    value: f64,
    limit: f64,
    unit: &'static str,
    /// Whether the limit is the least that is promised, and not the most.
    #[serde(skip)]
    floor: bool,
    holds: bool,
}

impl Bar {
    /// A bar that holds while the value is at most the limit.
    pub fn at_most(
        id: &'static str,
        what: &'static str,
        value: f64,
        limit: f64,
        unit: &'static str,
    ) -> Self {
        let value = rounded(value);
        Self {
            id,
            what,
            value,
            limit,
            unit,
            floor: false,
            holds: value <= limit,
        }
    }

    /// A bar that holds while the value is at least the limit.
    pub fn at_least(
        id: &'static str,
        what: &'static str,
        value: f64,
        limit: f64,
        unit: &'static str,
    ) -> Self {
        let value = rounded(value);
        Self {
            floor: true,
            holds: value >= limit && value.is_finite(),
            ..Self::at_most(id, what, value, limit, unit)
        }
    }
}

impl Report {
    /// An empty report of this machine; made before measuring, so that the load seen is not the bench's own.
    pub fn begin(name: &'static str) -> Self {
        Self {
            name,
            machine: Machine::this(),
            figures: serde_json::Map::new(),
            bars: Vec::new(),
            skipped: Vec::new(),
            table: String::new(),
        }
    }

    /// Adds a raw value; its name ends with its unit.
    pub fn figure(&mut self, name: impl Into<String>, value: f64) {
        self.figures.insert(name.into(), rounded(value).into());
    }

    /// Adds what was seen where a number says too little.
    pub(crate) fn observe(&mut self, name: impl Into<String>, what: serde_json::Value) {
        self.figures.insert(name.into(), what);
    }

    /// Adds what is shown to people in the place of observations.
    pub(crate) fn table(&mut self, table: String) {
        self.table = table;
    }

    /// Adds a promise.
    pub fn bar(&mut self, bar: Bar) {
        self.bars.push(bar);
    }

    /// Notes a peer that could not be measured, with what to do to have it.
    pub fn skip(&mut self, peer: impl Into<String>) {
        self.skipped.push(peer.into());
    }

    /// Whether every promise was kept in this run.
    pub fn holds(&self) -> bool {
        self.bars.iter().all(|bar| bar.holds)
    }
}

/// Four decimals are more than anybody should believe.
fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

impl Machine {
    fn this() -> Self {
        Self {
            os: std::env::consts::OS,
            arch: std::env::consts::ARCH,
            cpu: cpu(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            load: load(),
            build: if cfg!(debug_assertions) {
                "debug"
            } else {
                "release"
            },
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

#[cfg(target_os = "linux")]
fn cpu() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let (_, name) = text
        .lines()
        .find(|line| line.starts_with("model name"))?
        .split_once(':')?;
    Some(name.trim().to_owned())
}

#[cfg(target_os = "macos")]
fn cpu() -> Option<String> {
    let asked = std::process::Command::new("sysctl")
        .args(["-n", "machdep.cpu.brand_string"])
        .output()
        .ok()?;
    let name = String::from_utf8(asked.stdout).ok()?;
    asked.status.success().then(|| name.trim().to_owned())
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn cpu() -> Option<String> {
    None
}

/// Linux tells it in a file; elsewhere it is not worth a dependency.
fn load() -> Option<f64> {
    std::fs::read_to_string("/proc/loadavg")
        .ok()?
        .split_whitespace()
        .next()?
        .parse()
        .ok()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine {
            os,
            arch,
            cpu,
            cores,
            load,
            build,
            version,
        } = &self.machine;
        let cpu = cpu.as_deref().unwrap_or("an unknown processor");
        write!(
            f,
            "{}: aios {version} ({build}) on {cores} cores of {cpu}, {os} {arch}",
            self.name
        )?;
        if let Some(load) = load {
            write!(f, ", load {load} at the start")?;
        }
        writeln!(f, "\n")?;
        f.write_str(&self.table)?;
        for (name, value) in &self.figures {
            if !value.is_object() {
                let value = value.as_f64().unwrap_or(f64::NAN);
                writeln!(f, "{name:34}{value:14.1}")?;
            }
        }
        writeln!(f)?;
        for Bar {
            id,
            what,
            value,
            limit,
            unit,
            floor,
            holds,
        } in &self.bars
        {
            let verdict = if *holds { "holds" } else { "broken" };
            let bound = if *floor { "at least" } else { "at most" };
            writeln!(
                f,
                "{verdict:8}{id}: {what}: {value:.2} {unit}, {bound} {limit}"
            )?;
        }
        for peer in &self.skipped {
            writeln!(f, "skipped {peer}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_holds_up_to_its_limit_and_never_without_a_number() {
        for (value, holds) in [
            (1.49, true),
            (1.5, true),
            (1.5001, false),
            (f64::NAN, false),
            (f64::INFINITY, false),
        ] {
            assert_eq!(
                Bar::at_most("b", "", value, 1.5, "times").holds,
                holds,
                "{value}"
            );
        }
    }

    #[test]
    fn a_floor_is_kept_from_its_limit_upwards() {
        for (value, holds) in [(0.8, true), (0.79, false), (f64::NAN, false)] {
            assert_eq!(
                Bar::at_least("b", "", value, 0.8, "times").holds,
                holds,
                "{value}"
            );
        }
    }

    #[test]
    fn the_object_has_the_fields_that_programs_read() {
        let mut report = Report::begin("messages");
        report.skip("otp: install erlang-base");
        report.figure("ask_us", 81.234_56);
        report.bar(Bar::at_most("ask", "an ask", 1.2, 1.5, "times"));
        let object = serde_json::to_value(&report).expect("it serialises");
        let names: Vec<_> = object.as_object().expect("an object").keys().collect();
        assert_eq!(names, ["name", "machine", "figures", "bars", "skipped"]);
        assert_eq!(object["figures"]["ask_us"], 81.2346);
        let bar: Vec<_> = object["bars"][0]
            .as_object()
            .expect("an object")
            .keys()
            .collect();
        assert_eq!(bar, ["id", "what", "value", "limit", "unit", "holds"]);
        assert_eq!(object["skipped"][0], "otp: install erlang-base");
    }
}
