//! Getting the models, with a progress bar for whoever watches.

use aios_inference::models::{
    self, Cache, FetchError, FetchOptions, Fetched, PinnedModel, Progress, Source,
};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::console::{self, Screen};
use crate::failure::{Failure, Kind};

/// The models that a name on the command line means: one of them, or all.
///
/// # Errors
/// Names the models there are.
pub(crate) fn named(name: Option<&str>) -> Result<Vec<&'static PinnedModel>, Failure> {
    let all = models::all();
    match name {
        None => Ok(all.to_vec()),
        Some(name) => all
            .into_iter()
            .find(|model| model.name == name)
            .map(|model| vec![model])
            .ok_or_else(|| {
                let known: Vec<&str> = all.iter().map(|model| model.name).collect();
                Failure::usage(format!(
                    "no model is called {name:?}; known models are {}",
                    known.join(", ")
                ))
            }),
    }
}

/// The user's model cache.
///
/// # Errors
/// When no folder can be derived from the environment.
pub(crate) fn cache() -> Result<Cache, Failure> {
    Cache::of_user().map_err(|error| Failure::new(Kind::Model, error.to_string()))
}

/// Where it is kept what servers were found to honour.
///
/// # Errors
/// As [`cache`].
pub(crate) fn probes() -> Result<std::path::PathBuf, Failure> {
    Ok(cache()?.root().join("probes"))
}

/// Fetches a model unless it is there, showing how far it is on standard error.
///
/// # Errors
/// Why it could not be had, and what to do next.
pub(crate) fn fetch(model: &'static PinnedModel, cache: &Cache) -> Result<Fetched, Failure> {
    let options = FetchOptions::from_env(&|name| std::env::var_os(name));
    fetching(model.name, model.bytes(), |progress| {
        models::fetch(model, cache, &options, progress)
    })
}

/// Fetches something, showing how far it is on standard error.
///
/// # Errors
/// Why it could not be had, and what to do next.
pub(crate) fn fetching<T>(
    name: &'static str,
    bytes: u64,
    fetch: impl FnOnce(&mut dyn FnMut(&Progress)) -> Result<T, FetchError>,
) -> Result<T, Failure> {
    let screen = Screen::detect();
    let bar = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::hidden());
    let template = if screen.colour {
        "{msg:28} {bar:32.green} {bytes:>10}/{total_bytes} {bytes_per_sec} {eta}"
    } else {
        "{msg:28} {bar:32} {bytes:>10}/{total_bytes} {bytes_per_sec} {eta}"
    };
    bar.set_style(
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    bar.set_message(name);
    let mut shown = false;
    let mut tenth = 0;
    let fetched = fetch(&mut |progress: &Progress| {
        if progress.source == Source::Cache {
            return;
        }
        if !shown {
            shown = true;
            if screen.live {
                bar.set_draw_target(ProgressDrawTarget::stderr());
            }
        }
        if screen.live {
            bar.set_length(progress.total);
            bar.set_position(progress.bytes);
        } else if let Some(now) = (progress.bytes * 10).checked_div(progress.total)
            && now > tenth
        {
            tenth = now;
            console::note(&format!("fetching {name}: {} %", now * 10));
        }
    });
    bar.finish_and_clear();
    fetched.map_err(|error| Failure::new(Kind::Model, format!("cannot fetch {name}: {error}")))
}
