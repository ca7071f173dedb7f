//! What is not seen, or moves what is, is the same for everybody who shows text.

#[test]
fn messages_and_tools_agree_on_what_does_something_where_it_is_shown() {
    let differ: Vec<char> = (char::MIN..=char::MAX)
        .filter(|c| aios_protocols::is_printable(*c) == aios_work::shown::is_harmful(*c))
        .collect();
    assert!(differ.is_empty(), "{differ:?}");
}
