//! The model hub: one plain file for each of the model's.

use super::FetchJob;
use super::content::{beside, is_pinned, settle};
use super::download::{Wanted, agent, download};
use super::error::{SourceError, Stop, folder_error};

pub(super) fn fetch(work: &mut FetchJob<'_>) -> Result<(), Stop> {
    let agent = agent(work.options)?;
    let (model, mut before) = (work.model, 0);
    for file in model.files {
        let Some(hub) = file.hub else {
            return Err(SourceError::HasNot { name: model.name }.into());
        };
        let path = work.cache.file(file);
        let local = |error: std::io::Error| folder_error(&path, &error, file.bytes);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(local)?;
        }
        if !is_pinned(&path, file.bytes, file.sha256).map_err(local)? {
            let url = format!(
                "{}/{}/resolve/main/{}",
                work.options.hub, hub.repository, hub.name
            );
            let part = beside(&path, ".part");
            let wanted = Wanted {
                url: &url,
                name: hub.name,
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
