//! The files, by the paths a browser asks for.

use bytes::Bytes;

/// A file of the page.
#[derive(Debug, Clone)]
pub struct File {
    /// Its media type, with the character set of a text.
    pub content_type: &'static str,
    /// What is in it.
    pub bytes: Bytes,
}

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SHEET: &str = "text/css; charset=utf-8";
const PICTURE: &str = "image/svg+xml";
const TEXT: &str = "text/plain; charset=utf-8";

/// Files of one type, with their paths.
macro_rules! files {
    ($($kind:ident: $($name:literal)*;)*) => {
        &[$($((concat!("/page/", $name), $kind, include_bytes!(concat!("../assets/", $name)))),*),*]
    };
}

/// Path, media type, bytes as they lie.
pub(crate) const FILES: &[(&str, &str, &[u8])] = files! {
    HTML: "index.html";
    SHEET: "style.css" "vendor/uplot.css";
    PICTURE: "icon.svg";
    SCRIPT:
        "js/acts.js"
        "js/address.js"
        "js/agents.js"
        "js/approvals.js"
        "js/artefacts.js"
        "js/asker.js"
        "js/audit.js"
        "js/branches.js"
        "js/budgets.js"
        "js/buses.js"
        "js/chart.js"
        "js/compare.js"
        "js/contract.js"
        "js/conversations.js"
        "js/ended.js"
        "js/engines.js"
        "js/facts.js"
        "js/goal.js"
        "js/goals.js"
        "js/grants.js"
        "js/icons.js"
        "js/lib.js"
        "js/main.js"
        "js/markdown.js"
        "js/metrics.js"
        "js/models.js"
        "js/node.js"
        "js/pieces.js"
        "js/plan.js"
        "js/progress.js"
        "js/rates.js"
        "js/rows.js"
        "js/scores.js"
        "js/sequence.js"
        "js/servers.js"
        "js/sheet.js"
        "js/shell.js"
        "js/spawn.js"
        "js/submit.js"
        "js/swarm.js"
        "js/theme.js"
        "js/timeline.js"
        "js/tools.js"
        "js/tree.js"
        "js/unusual.js"
        "js/words.js"
        "js/work.js"
        "vendor/dagre.js"
        "vendor/hooks.js"
        "vendor/htm.js"
        "vendor/preact.js"
        "vendor/signals-core.js"
        "vendor/signals.js"
        "vendor/uplot.js";
    TEXT:
        "vendor/manifest.toml"
        "vendor/dagre.LICENSE"
        "vendor/htm.LICENSE"
        "vendor/preact.LICENSE"
        "vendor/signals-core.LICENSE"
        "vendor/signals.LICENSE"
        "vendor/uplot.LICENSE";
};

/// Every path but `/`, which is `/page/index.html`.
pub const PATHS: &[&str] = &{
    let mut paths = [""; FILES.len()];
    let mut at = 0;
    while at < FILES.len() {
        paths[at] = FILES[at].0;
        at += 1;
    }
    paths
};
