//! The model hub: one plain file for each of the model's.

use super::FetchJob;
use super::content::{beside, is_pinned, settle};
use super::download::{Wanted, agent, download};
use super::error::{Stop, folder_error};

pub(super) fn fetch(work: &mut FetchJob<'_>) -> Result<(), Stop> {
    let agent = agent(work.options)?;
    let (model, mut before) = (work.model, 0);
    for file in model.files {
        let path = work.cache.file(file);
        let local = |error: std::io::Error| folder_error(&path, &error, file.bytes);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(local)?;
        }
        if !is_pinned(&path, file.bytes, file.sha256).map_err(local)? {
            let url = format!(
                "{}/{}/resolve/main/{}",
                work.options.hub, file.hub.repository, file.hub.name
            );
            let part = beside(&path, ".part");
            let wanted = Wanted {
                url: &url,
                name: file.hub.name,
                bytes: file.bytes,
                sha256: file.sha256,
                before,
                total: model.bytes(),
            };
            download(work, &agent, &wanted, &part)?;
            settle(&part, &path, file.sha256).map_err(local)?;
        }
        before += file.bytes;
    }
    Ok(())
}
