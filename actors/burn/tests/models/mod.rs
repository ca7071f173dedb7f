//! The two pinned models: from the cache, else fetched. A test that cannot get them fails.

use aios_inference::ModelSource;
use aios_inference::models::{
    ALL_MINILM_L6_V2, Cache, FetchOptions, PinnedModel, SMOLLM2_135M_INSTRUCT, fetch,
};

pub(crate) fn language() -> ModelSource {
    get(&SMOLLM2_135M_INSTRUCT)
}

pub(crate) fn embedding() -> ModelSource {
    get(&ALL_MINILM_L6_V2)
}

fn get(model: &'static PinnedModel) -> ModelSource {
    let cache = Cache::of_user().expect("a cache folder");
    if cache.holds(model) {
        return cache.source(model);
    }
    let options = FetchOptions::from_env(&|name| std::env::var_os(name));
    match fetch(model, &cache, &options, &mut |_| {}) {
        Ok(fetched) => fetched.model,
        Err(error) => panic!(
            "this test needs the model {:?}, which could not be fetched: {error}",
            model.name
        ),
    }
}
