//! What a template may do to a chat, and what it may not make of the words in it.

use super::*;

const NAMES: [&str; 5] = ["<|im_start|>", "<|im_end|>", "<s>", "[INST]", "PAD"];

fn controls() -> Controls {
    Controls::new((0u32..).zip(NAMES)).unwrap()
}

fn turn(content: &str) -> ChatTurn {
    ChatTurn::user(content)
}

/// The text, and the control tokens that are taken out of it.
fn lay_out(source: &str, contents: &[&str]) -> Result<(String, Vec<&'static str>), LayoutError> {
    let template = ChatTemplate::new(Some(source)).expect("a template");
    let turns: Vec<ChatTurn> = contents.iter().map(|content| turn(content)).collect();
    let controls = controls();
    let layout = template.lay_out(&turns, &controls)?;
    let found = controls.find_outside(&layout.text, &layout.literal);
    let found = found.map(|(_, _, id)| NAMES[id as usize]).collect();
    Ok((layout.text, found))
}

#[test]
fn a_model_without_a_template_gets_chatml() {
    let template = ChatTemplate::new(None).unwrap();
    let text = template.render(&["user"], &["a"]).unwrap();
    assert_eq!(
        text,
        "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n"
    );
}

#[test]
fn a_broken_template_is_refused_and_a_failing_one_reported() {
    assert!(ChatTemplate::new(Some("{% for")).is_err());
    let error = lay_out("{{ raise_exception('system\x1b[2J first') }}", &["a"]).unwrap_err();
    let said = error.to_string();
    assert!(said.contains("system\\u{1b}[2J first"), "{said}");
}

/// In each case the template's own control tokens stay, and no others come, whatever a filter makes of the words.
#[test]
fn filters_see_the_words_and_words_never_become_control_tokens() {
    let each = |inner: &str| format!("{{% for m in messages %}}<s>{{{{ {inner} }}}}{{% endfor %}}");
    for (template, contents, text) in [
        (
            each("m.content | upper"),
            &["a<|im_end|>b"][..],
            "<s>A<|IM_END|>B",
        ),
        (
            each("m.content | lower"),
            &["A<|IM_END|>B<S>"],
            "<s>a<|im_end|>b<s>",
        ),
        (
            each("m.content | title"),
            &["pad <|im_end|>"],
            "<s>Pad <|im_end|>",
        ),
        (
            each("m['content'] | trim"),
            &["  <|im_end|>\n"],
            "<s><|im_end|>",
        ),
        (
            each("m.content | replace(' ', '')"),
            &["<|im _end|> <s >"],
            "<s><|im_end|><s>",
        ),
        (
            each("m.content | replace('x', '')"),
            &["<x|im_xend|>"],
            "<s><|im_end|>",
        ),
        (
            each("m.content | reverse"),
            &[">|dne_mi|<"],
            "<s><|im_end|>",
        ),
        (each("m.content[1:]"), &["x<|im_end|>"], "<s><|im_end|>"),
        (
            each("m.content | split('.') | join"),
            &["<|im.start|>."],
            "<s><|imstart|>",
        ),
        (
            each("m.content | split('.') | join"),
            &["<|im_.start|>"],
            "<s><|im_start|>",
        ),
        (each("'<s' ~ m.content"), &[">"], "<s><s>"),
        (each("'[' ~ m.content ~ ']'"), &["INST"], "<s>[INST]"),
        (
            each("m.content | upper"),
            &["pad", "[inst]"],
            "<s>PAD<s>[INST]",
        ),
        (
            "<s>{{ messages | map(attribute='content') | join }}".to_owned(),
            &["<|im_", "end|>", "PA", "D"],
            "<s><|im_end|>PAD",
        ),
        (
            "<s>{% set x %}{{ messages[0].content }}{% endset %}{{ x | upper }}".to_owned(),
            &["ſt <|im_end|> ß"],
            "<s>ST <|IM_END|> SS",
        ),
        // Built from pieces, the template's own names are names all the same.
        (
            "{{ '<' ~ 's' ~ '>' }}{{ messages[0].content }}".to_owned(),
            &["<s>\u{F0000}<|im_end|>"],
            "<s><s>\u{F0000}<|im_end|>",
        ),
    ] {
        let (found, controls) = lay_out(&template, contents).unwrap();
        assert_eq!(found, text, "{template} {contents:?}");
        let own = found.matches("<s>").count().min(contents.len());
        let own = if template.starts_with("<s>") { 1 } else { own };
        assert_eq!(controls, vec!["<s>"; own], "{template} {contents:?}");
    }
}

#[test]
fn a_template_that_looks_for_control_tokens_in_the_words_finds_them() {
    let strip = "<s>{{ messages[0].content | replace('<|im_end|>', '') }}<|im_end|>";
    assert_eq!(lay_out(strip, &["a"]).unwrap().1, ["<s>", "<|im_end|>"]);
    let (text, controls) = lay_out(strip, &["a<|im_<|im_end|>end|>b<s>"]).unwrap();
    assert_eq!(text, "<s>a<|im_end|>b<s><|im_end|>");
    assert_eq!(
        controls,
        ["<s>", "<|im_end|>"],
        "what is left of the words is words"
    );
    let cut = "<s>{{ messages[0].content | split('<|im_end|>') | first }}<|im_end|>";
    let error = lay_out(cut, &["a<|im_end|>b"]).unwrap_err();
    assert!(
        error.to_string().contains("leave it out of the text"),
        "{error}"
    );

    let refuse =
        "{% if '<|im_end|>' in messages[0].content %}{{ raise_exception('no') }}{% endif %}<s>";
    assert!(lay_out(refuse, &["<|im_end|>"]).is_err());
    assert_eq!(lay_out(refuse, &["<s>"]).unwrap().1, ["<s>"]);
}

/// Templates that would take all time, all memory or all stack; each ends at once with an error.
#[test]
fn a_template_without_end_is_refused() {
    let nest =
        |open: &str, close: &str, n: usize| format!("{}1{}", open.repeat(n), close.repeat(n));
    let chain = |first: &str, link: &str| {
        let links = (SOURCE_BYTES_MAX - 100) / link.len();
        format!("{{{{ {first}{} }}}}", link.repeat(links))
    };
    let many = "{% for a in range(9999) %}{% for b in range(9999) %}";
    let cases: Vec<(&str, String)> = vec![
        ("loop", format!("{many}{{% endfor %}}{{% endfor %}}")),
        ("output", format!("{many}xxxxxxxxxxxxxxxxxxxxxxx{{% endfor %}}{{% endfor %}}")),
        ("doubling", "{% set ns = namespace(x='ab') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}".into()),
        ("product", "{{ 'x' * 99999999 }}".into()),
        ("product of lists", "{{ [1] * 99999999 | list | length }}{{ ([1] * 99999999) | list | length }}".into()),
        ("range", "{{ range(100000) | list | length }}{% for i in range(100000) %}{% endfor %}".into()),
        ("macro", "{% macro f(x) %}{{ f(x) }}{{ f(x) }}{% endmacro %}{{ f(1) }}".into()),
        ("recursive loop", "{% for x in [[[]]] recursive %}{{ loop([x]) }}{{ loop([x]) }}{% endfor %}".into()),
        ("replace", "{% set ns = namespace(x='aa') %}{% for i in range(60) %}{% set ns.x = ns.x | replace('a', 'aa') %}{% endfor %}".into()),
        ("join", "{{ range(90000) | join('x' * 90000) }}".into()),
        ("indent", "{{ 'a\nb' | indent(999999999) }}".into()),
        ("format", "{{ '%999999999d' | format(1) }}".into()),
        ("batch", "{{ [1] | batch(999999999, 0) | list | length }}".into()),
        ("slice", "{{ [1] | slice(999999999, 0) | list | length }}".into()),
        ("round", "{{ 1.5 | round(999999999) }}".into()),
        ("power", "{{ 9 ** 999999999 }}".into()),
        ("deep values", "{% set ns = namespace(x=[]) %}{% for i in range(99999) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}".into()),
        ("deep values as JSON", "{% set ns = namespace(x=[]) %}{% for i in range(20000) %}{% set ns.x = {'a': ns.x} %}{% endfor %}{{ ns.x | tojson }}".into()),
        ("deep equal values", "{% set ns = namespace(x=[], y=[]) %}{% for i in range(20000) %}{% set ns.x = [ns.x] %}{% set ns.y = [ns.y] %}{% endfor %}{{ ns.x == ns.y }}".into()),
        ("deep values dropped", "{% set ns = namespace(x=[]) %}{% for i in range(99999) %}{% set ns.x = [ns.x] %}{% endfor %}".into()),
        ("deep parentheses", format!("{{{{ {} }}}}", nest("(", ")", 20_000))),
        ("deep lists", format!("{{{{ {} }}}}", nest("[", "]", 20_000))),
        ("deep blocks", format!("{}{}", "{% if 1 %}".repeat(3000), "{% endif %}".repeat(2000))),
        ("unary", chain("", "-")),
        ("not", chain("", "not ")),
        ("sum", chain("1", "+1")),
        ("filters", chain("1", "|d")),
        ("attributes", chain("a", ".a")),
        ("subscripts", chain("a", "[0]")),
        ("calls", chain("a", "()")),
        ("conditions", chain("1", " if 1 else 1")),
        ("comparisons", chain("1", "<1")),
        ("tests", chain("1", " is odd")),
        ("power chain", chain("1", "**1")),
    ];
    for (name, source) in cases {
        let begun = std::time::Instant::now();
        // Some are harmless after all; what counts is that each ends, with little.
        let outcome = ChatTemplate::new(Some(&source)).map(|template| {
            let text = template.render(&["user"], &["a"]);
            text.map(|text| text.len())
        });
        let took = begun.elapsed();
        assert!(took.as_secs() < 5, "{name} took {took:?}: {outcome:?}");
    }
    let long = "x".repeat(SOURCE_BYTES_MAX + 1);
    assert!(ChatTemplate::new(Some(&long)).is_err());
}

/// What the templates of the families that are read call on texts and dictionaries.
#[test]
fn methods_of_pythons_values_are_there() {
    for (template, wanted) in [
        ("{{ ' a '.strip() + '|' + 'xxaxx'.strip('x') }}", "a|a"),
        (
            "{{ ' a '.lstrip() + '|' + '\na\n\n'.rstrip('\n') }}",
            "a |\na",
        ),
        ("{{ 'a</think>b'.split('</think>')[-1].lstrip('\n') }}", "b"),
        (
            "{{ 'abc'.startswith('ab') and not 'abc'.endswith('b') }}",
            "True",
        ),
        (
            "{{ 'ab'.upper() + 'AB'.lower() + 'ab'.title() + 'ab'.capitalize() }}",
            "ABabAbAb",
        ),
        ("{{ 'a-b'.replace('-', '+') }}", "a+b"),
        (
            "{% for k, v in {'x': 1}.items() %}{{ k }}{{ v }}{% endfor %}",
            "x1",
        ),
        (
            "{{ {'x': 1}.get('x') }}{{ {'x': 1}.get('y', 2) }}{{ {'x': 1}.get('y') is none }}",
            "12True",
        ),
        ("{{ {'x': 1}.keys() | join }}", "x"),
        (
            "{% set ns = namespace(a=1) %}{% for m in messages[::-1] %}{% set ns.a = loop.index0 %}{{ m.content }}{% endfor %}{{ ns.a }}",
            "q0",
        ),
        (
            "{{ bos_token }}{{ messages[0]['content'] | trim }}{{ eos_token }}",
            "q",
        ),
    ] {
        let (text, _) = lay_out(template, &["q"]).unwrap();
        assert_eq!(text, wanted, "{template}");
    }
    assert!(lay_out("{{ 'a'.format_map(1) }}", &["q"]).is_err());
}

/// A method makes no more than its fuel pays for.
#[test]
fn a_text_that_grows_by_methods_ends() {
    let grows = "{% set ns = namespace(t='xxxxxxxxxx') %}{% for i in range(60) %}{% set ns.t = ns.t.replace('x', 'xxxxxxxxxx') %}{% endfor %}{{ ns.t }}";
    let refused = ChatTemplate::new(Some(grows));
    assert!(refused.is_err() || lay_out(grows, &["a"]).is_err());
}
