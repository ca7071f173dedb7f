//! Fields as they stand in the agent files of ten public repositories: their names and the shapes of their values, not their texts.

use super::*;

fn names() -> Vec<String> {
    ["peek", "put", "sum", "time__now"]
        .map(str::to_owned)
        .to_vec()
}

const ELSEWHERE: &[(&str, &str)] = &[("Read", "peek"), ("Write", "put"), ("Edit", "gone")];

fn imported(file: &str) -> Imported {
    let names = names();
    let tools = KnownTools {
        names: &names,
        elsewhere: ELSEWHERE,
    };
    import("some-agent", file, tools).unwrap()
}

/// A file with these lines in its front matter.
fn with(lines: &str) -> Imported {
    imported(&format!(
        "---\nname: some-agent\ndescription: Does things.\n{lines}\n---\nDo them.\n"
    ))
}

/// The repositories, the fields their agent files have beside name and description, and those of the fields that are not honoured whole.
/// A file without `tools` is told so.
#[test]
fn ten_repositories_import_or_say_exactly_what_they_could_not() {
    let rows: [(&str, &str, &[&str]); 12] = [
        ("wshobson/agents", "model: opus", &["model", "tools"]),
        (
            "wshobson/agents, a team",
            "tools: Read, Glob, Grep, Bash, Agent, TaskList\nmodel: opus\ncolor: blue",
            &["tools", "model", "color"],
        ),
        (
            "VoltAgent/awesome-claude-code-subagents",
            "tools: Read, Write, Bash\nmodel: inherit",
            &["tools"],
        ),
        (
            "msitarzewski/agency-agents",
            "color: \"#059669\"\nemoji: x\nvibe: A word\ntools: WebFetch, Read\nauthor: A (@b)\nservices:\n  - name: s",
            &["color", "emoji", "vibe", "tools", "author", "services"],
        ),
        (
            "SuperClaude-Org/SuperClaude_Framework",
            "category: analysis",
            &["category", "tools"],
        ),
        (
            "github/awesome-copilot",
            "tools: ['codebase', 'search']\nmodel: 'GPT-4.1'\nargument-hint: words\nuser-invocable: false\nmcp-servers:\n  a:\n    url: https://example.org\ndisable-model-invocation: true\nagents: ['SWE', 'QA']\nhandoffs:\n  - label: x\ntarget: 'vscode'",
            &[
                "tools",
                "model",
                "argument-hint",
                "user-invocable",
                "mcp-servers",
                "disable-model-invocation",
                "handoffs",
                "target",
            ],
        ),
        (
            "github/awesome-copilot, others",
            "mode: subagent\nhidden: true\napplyTo: '**'\ntags: [a]\ntitle: \"T\"\nauthors:\n  - x\nlastUpdated: 2026-01-01",
            &[
                "mode",
                "hidden",
                "applyTo",
                "tags",
                "title",
                "authors",
                "lastUpdated",
                "tools",
            ],
        ),
        (
            "lst97/claude-code-sub-agents",
            "tools: Read, mcp__context7__resolve-library-id, Task\nmodel: haiku",
            &["tools", "tools", "model"],
        ),
        (
            "Donchitos/Claude-Code-Game-Studios",
            "tools: Read, Glob, Write\nmodel: sonnet\nmaxTurns: 20\nmemory: project\ndisallowedTools: Bash, Write\nskills: [code-review, estimate]\nisolation: worktree",
            &["tools", "model", "memory", "skills", "isolation"],
        ),
        (
            "nicobailon/pi-subagents",
            "tools: read, write, web_search\nsystemPromptMode: replace\ninheritProjectContext: true\ninheritSkills: false\nthinking: high\ndefaultProgress: true\naliases: a, b\ndefaultContext: fork\noutput: context.md\ndefaultReads: a.md, b.md",
            &[
                "tools",
                "systemPromptMode",
                "inheritProjectContext",
                "inheritSkills",
                "thinking",
                "defaultProgress",
                "aliases",
                "defaultContext",
                "output",
                "defaultReads",
            ],
        ),
        (
            "contains-studio/agents",
            "color: gold\ntools: Read, Write, MultiEdit",
            &["color", "tools"],
        ),
        (
            "anthropics/claude-code",
            "model: inherit\ncolor: green\ntools: [\"Read\", \"Grep\"]",
            &["color", "tools"],
        ),
    ];
    for (repository, fields, expected) in rows {
        let imported = with(fields);
        let told: Vec<&str> = imported
            .notes
            .iter()
            .map(|note| note.field.as_str())
            .collect();
        let mut expected = expected.to_vec();
        let mut got = told.clone();
        got.sort_unstable();
        expected.sort_unstable();
        assert_eq!(got, expected, "{repository}: {:#?}", imported.notes);
        assert!(
            imported
                .notes
                .iter()
                .all(|note| note.why != "no such field is known here"),
            "{repository}: {:#?}",
            imported.notes
        );
        assert_eq!(
            Charter::parse(&imported.charter.write()),
            Ok(imported.charter),
            "{repository}"
        );
    }
}

#[test]
fn what_can_be_kept_is_kept() {
    let Imported { charter, .. } = with(
        "tools: Read, Write, mcp__time__now, mcp__git__log, Bash(git:*), Read\ndisallowedTools: Write\nmaxTurns: 20\nagents: ['The Tester']",
    );
    assert_eq!(charter.tools, ["peek", "time__now", "git__log"]);
    assert_eq!(charter.budget.turns, 20);
    assert_eq!(charter.delegates, ["the-tester"]);
    let own = with(
        "tools: {read: true, write: false}\nbudget: {tokens: 900}\nrestart: temporary\nmaxTurns: 7",
    )
    .charter;
    assert_eq!(
        (own.tools, own.budget.tokens, own.budget.turns),
        (vec!["peek".to_owned()], 900, 7)
    );
}

#[test]
fn an_unknown_field_is_named_and_nothing_more_is_granted_than_was_named() {
    let Imported { charter, notes } = with("tools: \"*\"\nsuperpowers: all");
    assert!(charter.tools.is_empty());
    let told: Vec<_> = notes
        .iter()
        .map(|note| (note.field.as_str(), note.why.as_str()))
        .collect();
    assert_eq!(told[0].0, "tools");
    assert_eq!(told[1], ("superpowers", "no such field is known here"));
}

#[test]
fn a_front_matter_that_is_no_yaml_is_read_by_its_lines_and_said_so() {
    let file = "---\nname: Whimsy Maker\ndescription: Use it: often.\n\n<example>\nuser: \"Do: it\"\nassistant: \"I'll: do\"\n</example>\ncolor: gold\ntools: Read, Write\n---\nBe whimsical.";
    let Imported { charter, notes } = imported(file);
    assert_eq!(charter.name, "whimsy-maker");
    assert!(
        charter.description.starts_with("Use it: often.")
            && charter.description.ends_with("</example>")
    );
    assert_eq!(charter.tools, ["peek", "put"]);
    let told: Vec<&str> = notes.iter().map(|note| note.field.as_str()).collect();
    assert_eq!(told, ["front matter", "name", "color"]);
}

#[test]
fn names_become_those_of_identities() {
    for (written, name) in [
        ("code-reviewer", "code-reviewer"),
        ("AEM Frontend Specialist", "aem-frontend-specialist"),
        ("C++ Pro!", "c-pro"),
        ("007 bond", "bond"),
        ("a__b", "a_b"),
        (
            "Very Long Name Of An Agent That Goes On",
            "very-long-name-of-an-agent-that",
        ),
    ] {
        assert_eq!(as_name(written), name);
    }
    let names = names();
    let tools = KnownTools {
        names: &names,
        elsewhere: ELSEWHERE,
    };
    for (file, said) in [
        ("# Just text", "three hyphens"),
        ("---\nname: a\n---\nbody", "no `description`"),
        ("---\nname: a\ndescription: b\n---\n", "no `instructions`"),
        (
            "---\nname: \u{65e5}\u{672c}\ndescription: b\n---\nbody",
            "`name` cannot be used",
        ),
    ] {
        let error = import("some-agent", file, tools).unwrap_err().to_string();
        assert!(error.contains(said), "{file}: {error}");
    }
}
