//! How much power this machine has, as the system says.

use std::fs;
use std::path::Path;

use aios_inference::router::Power;

/// Where Linux tells of batteries and mains.
const SUPPLIES: &str = "/sys/class/power_supply";

/// The fullest battery and whether it is being drawn on; none without a battery.
pub(crate) fn now() -> Option<Power> {
    of(Path::new(SUPPLIES))
}

fn of(supplies: &Path) -> Option<Power> {
    let read = |path: &Path, name: &str| {
        let text = fs::read_to_string(path.join(name)).ok()?;
        Some(text.trim().to_owned())
    };
    let batteries = fs::read_dir(supplies).ok()?.flatten().filter_map(|entry| {
        let path = entry.path();
        let battery =
            read(&path, "type")? == "Battery" && read(&path, "scope").as_deref() != Some("Device");
        let percent: f64 = read(&path, "capacity")?.parse().ok()?;
        let drawn = read(&path, "status")? == "Discharging";
        battery.then_some((percent.clamp(0.0, 100.0) / 100.0, drawn))
    });
    batteries.fold(None, |power: Option<Power>, (charge, drawn)| {
        Some(match power {
            None => Power {
                charge,
                on_battery: drawn,
            },
            Some(power) => Power {
                charge: power.charge.max(charge),
                on_battery: power.on_battery || drawn,
            },
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batteries_of_the_machine_count_and_those_of_a_mouse_do_not() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(of(folder.path()), None);
        let supply = |name: &str, files: &[(&str, &str)]| {
            fs::create_dir(folder.path().join(name)).unwrap();
            for (file, text) in files {
                fs::write(folder.path().join(name).join(file), format!("{text}\n")).unwrap();
            }
        };
        supply("AC", &[("type", "Mains"), ("online", "1")]);
        supply(
            "mouse",
            &[
                ("type", "Battery"),
                ("scope", "Device"),
                ("capacity", "5"),
                ("status", "Discharging"),
            ],
        );
        assert_eq!(of(folder.path()), None);
        supply(
            "BAT0",
            &[
                ("type", "Battery"),
                ("capacity", "42"),
                ("status", "Discharging"),
            ],
        );
        let power = Power {
            charge: 0.42,
            on_battery: true,
        };
        assert_eq!(of(folder.path()), Some(power));
    }
}
