//! Where the parts that others wrote find each other. They name each other as packages do, and a browser follows paths; a map of names in the
//! page would be a script in its text, which the policy forbids. So each name becomes a path when the file is handed out, and the files
//! themselves stay as they were published.

use std::sync::LazyLock;

use bytes::Bytes;

/// A file, what is replaced in it, and what stands behind it.
type Wire = (
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static str,
);

const PREACT: (&str, &str) = ("from\"preact\"", "from\"./preact.js\"");

const WIRES: [Wire; 3] = [
    ("/page/vendor/hooks.js", &[PREACT], ""),
    (
        "/page/vendor/signals.js",
        &[
            PREACT,
            ("from\"preact/hooks\"", "from\"./hooks.js\""),
            ("from\"@preact/signals-core\"", "from\"./signals-core.js\""),
        ],
        "",
    ),
    // It is no module; what it defines is handed on.
    ("/page/vendor/uplot.js", &[], "\nexport default uPlot;\n"),
];

static WIRED: LazyLock<Vec<(&'static str, Bytes)>> = LazyLock::new(|| {
    let wired = WIRES.iter().map(|(path, replaced, behind)| {
        let found = super::files::FILES.iter().find(|(name, ..)| name == path);
        let bytes = found.map_or(&[][..], |(_, _, bytes)| bytes);
        let mut text = String::from_utf8_lossy(bytes).into_owned();
        for (name, way) in *replaced {
            text = text.replace(name, way);
        }
        text.push_str(behind);
        (*path, Bytes::from(text))
    });
    wired.collect()
});

/// The file as a browser gets it.
pub(crate) fn wired(path: &str, bytes: Bytes) -> Bytes {
    let found = WIRED.iter().find(|(name, _)| *name == path);
    found.map_or(bytes, |(_, wired)| wired.clone())
}
