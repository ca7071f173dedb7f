use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::*;

/// What the whole page may weigh on its way, in bytes.
const WEIGHT_MAX: usize = 200 * 1024;

fn assets() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets")
}

fn text(path: &str) -> String {
    String::from_utf8(file(path).unwrap().bytes.to_vec()).unwrap()
}

fn scripts() -> impl Iterator<Item = &'static str> {
    PATHS.iter().copied().filter(|path| path.ends_with(".js"))
}

#[derive(Deserialize)]
struct Manifest {
    file: Vec<Vendored>,
}

#[derive(Deserialize)]
struct Vendored {
    name: String,
    license: String,
    license_file: String,
    sha256: String,
    license_sha256: String,
}

fn digest(path: &Path) -> String {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[test]
fn what_others_wrote_is_as_they_published_it_and_has_its_licence() {
    let vendor = assets().join("vendor");
    let manifest = fs::read_to_string(vendor.join("manifest.toml")).unwrap();
    let manifest: Manifest = toml::from_str(&manifest).unwrap();
    let mut listed = BTreeSet::from(["manifest.toml".to_owned()]);
    for file in manifest.file {
        assert_eq!(
            digest(&vendor.join(&file.name)),
            file.sha256,
            "{}",
            file.name
        );
        assert_eq!(
            digest(&vendor.join(&file.license_file)),
            file.license_sha256,
            "{}",
            file.license_file
        );
        assert!(
            ["MIT", "Apache-2.0"].contains(&&*file.license),
            "{}",
            file.name
        );
        listed.extend([file.name, file.license_file]);
    }
    let there = fs::read_dir(vendor)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(there.collect::<BTreeSet<_>>(), listed);
}

#[test]
fn every_file_is_handed_out_and_nothing_else_is() {
    let mut there = BTreeSet::new();
    for folder in ["", "js", "vendor"] {
        for entry in fs::read_dir(assets().join(folder)).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                let name = Path::new("/page").join(folder).join(entry.file_name());
                there.insert(name.to_str().unwrap().to_owned());
            }
        }
    }
    let handed: BTreeSet<String> = PATHS.iter().map(|path| (*path).to_owned()).collect();
    assert_eq!(handed, there);
    for path in PATHS {
        assert!(!file(path).unwrap().bytes.is_empty(), "{path}");
    }
    assert_eq!(
        file("/").unwrap().bytes,
        file("/page/index.html").unwrap().bytes
    );
    for path in [
        "",
        "/page",
        "/page/",
        "/page/js",
        "/page/../Cargo.toml",
        "/v1/view",
        "/page/vendor/elk.js",
    ] {
        assert!(file(path).is_none(), "{path}");
    }
}

#[test]
fn the_page_weighs_little_on_its_way() {
    let mut weight = 0;
    for path in PATHS.iter().filter(|path| !path.ends_with(".LICENSE")) {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packed.write_all(&file(path).unwrap().bytes).unwrap();
        weight += packed.finish().unwrap().len();
    }
    assert!(
        weight <= WEIGHT_MAX,
        "{weight} bytes, {WEIGHT_MAX} are allowed"
    );
}

/// What follows each `word "` or `word"` up to the closing quote.
fn named<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(word)
        .skip(1)
        .filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next())
}

#[test]
fn every_module_that_is_named_is_there() {
    for path in scripts() {
        let text = text(path);
        let folder = path.rsplit_once('/').unwrap().0;
        for name in named(&text, " from")
            .chain(named(&text, "}from"))
            .chain(named(&text, "import("))
        {
            let target = match (name.strip_prefix("./"), name.strip_prefix("../")) {
                (Some(beside), _) => format!("{folder}/{beside}"),
                (_, Some(above)) => format!("{}/{above}", folder.rsplit_once('/').unwrap().0),
                _ => panic!("{path} names {name:?}, which is no path"),
            };
            assert!(file(&target).is_some(), "{path} names {name:?}");
        }
    }
    let page = text("/");
    // So that a browser asks for all of them at once, not for one after the other.
    for path in scripts().filter(|path| path.starts_with("/page/js/")) {
        assert!(page.contains(path), "the page does not name {path}");
    }
    for word in ["src=", "href="] {
        for name in named(&page, word) {
            assert!(file(name).is_some(), "the page names {name:?}");
        }
    }
}

#[test]
fn nothing_leads_elsewhere_and_no_text_becomes_markup() {
    for path in PATHS.iter().filter(|path| {
        path.starts_with("/page/js/") || path.ends_with(".html") || path.ends_with("style.css")
    }) {
        let text = text(path);
        for word in [
            "innerHTML",
            "outerHTML",
            "dangerouslySetInnerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            "https://",
            "http://",
            "@import",
        ] {
            assert!(!text.contains(word), "{path} holds {word:?}");
        }
    }
    for path in scripts().chain(["/page/style.css"]) {
        // A mark of the same drawing is no address.
        let text = text(path);
        assert_eq!(
            text.matches("url(").count(),
            text.matches("url(#").count(),
            "{path}"
        );
    }
    let page = text("/");
    assert!(!page.contains("<style") && !page.contains(" style="));
    assert_eq!(
        page.matches("<script").count(),
        page.matches("<script type=\"module\" src=\"/page/").count()
    );
    assert!(!POLICY.contains("unsafe") && !POLICY.contains('*') && !POLICY.contains("http"));
}
