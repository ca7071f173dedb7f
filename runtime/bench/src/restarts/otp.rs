//! OTP's own supervisor, when Erlang is there: the script beside this file.

use std::{collections::BTreeMap, process::Command};

use super::{Case, Fault, Observation, Runtime};

const SCRIPT: &str = include_str!("otp.escript");
pub(super) const NAME: &str = "otp";

/// What to install to have the oracle.
pub(super) const MISSING: &str =
    "otp, the oracle: needs `escript` on the path (Debian and Ubuntu: apt-get install erlang-base)";

/// What it shows in each case; `None` without Erlang.
pub(super) fn answers(cases: &[Case]) -> Result<Option<Runtime>, Fault> {
    let file = std::env::temp_dir().join(format!("aios-restarts-{}.escript", std::process::id()));
    std::fs::write(&file, SCRIPT)?;
    let run = Command::new("escript").arg(&file).output();
    std::fs::remove_file(&file)?;
    let output = match run {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        run => run?,
    };
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let mut otp = read(&String::from_utf8(output.stdout)?);
    for case in cases {
        otp.answers
            .entry(case.id.clone())
            .or_insert_with(|| Observation::Broke("the script did not say".into()));
    }
    Ok(Some(otp))
}

fn read(told: &str) -> Runtime {
    let mut version = String::new();
    let mut answers = BTreeMap::new();
    for line in told.lines() {
        match line.split('\t').collect::<Vec<_>>()[..] {
            ["version", release] => version = release.to_owned(),
            [case, "seen", seen] => {
                answers.insert(case.to_owned(), Observation::Seen(seen.to_owned()));
            }
            [case, "not_offered", why] => {
                answers.insert(case.to_owned(), Observation::NotOffered(why.to_owned()));
            }
            _ => {}
        }
    }
    Runtime {
        name: NAME,
        version,
        answers,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_an_answer_or_says_why_there_is_none() {
        let otp = read(
            "version\t25\none\tseen\t+w 1\ntwo\tseen\t\nthree\tnot_offered\tno waits\nnoise\n",
        );
        assert_eq!((otp.name, &*otp.version), (NAME, "25"));
        let answers: Vec<_> = otp.answers.into_iter().collect();
        assert_eq!(
            answers,
            [
                ("one".into(), Observation::Seen("+w 1".into())),
                ("three".into(), Observation::NotOffered("no waits".into())),
                ("two".into(), Observation::Seen(String::new())),
            ]
        );
    }
}
