//! A report as a page for a browser. The report's Markdown is our own and small: headings, paragraphs, lists, tables, statements, pictures;
//! anything else is shown as text.

use aios_work::shown::{markup, read_markdown};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem;color:#111;background:#fff}\
table{border-collapse:collapse}th,td{padding:.2rem .6rem;border-bottom:1px solid #767676;text-align:left}\
.n{text-align:right}pre{overflow-x:auto;background:#f2f2f2;padding:.6rem}img{max-width:100%}";

/// The page.
pub(crate) fn html(markdown: &str) -> String {
    let title = markdown
        .lines()
        .find_map(|line| line.strip_prefix("# "))
        .unwrap_or("Report");
    let mut out = format!(
        "<!doctype html>\n<html><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>{}</title><style>{STYLE}</style></head><body>\n",
        text(title)
    );
    let mut lines = markdown.lines().peekable();
    while let Some(line) = lines.next() {
        if line.trim().is_empty() {
            continue;
        }
        if line.starts_with("```") {
            out.push_str("<pre><code>");
            for code in lines.by_ref().take_while(|code| !code.starts_with("```")) {
                out.push_str(&markup(code));
                out.push('\n');
            }
            out.push_str("</code></pre>\n");
        } else if let Some(heading) = line.strip_prefix("## ") {
            out.push_str(&format!("<h2>{}</h2>\n", text(heading)));
        } else if let Some(heading) = line.strip_prefix("# ") {
            out.push_str(&format!("<h1>{}</h1>\n", text(heading)));
        } else if let Some((alt, target)) = picture(line) {
            out.push_str(&format!(
                "<figure><img src=\"{}\" alt=\"{}\"></figure>\n",
                markup(target),
                text(alt)
            ));
        } else if let Some(item) = line.strip_prefix("- ") {
            out.push_str(&format!("<ul>\n<li>{}</li>\n", text(item)));
            while let Some(item) = lines.next_if(|line| line.starts_with("- ")) {
                out.push_str(&format!(
                    "<li>{}</li>\n",
                    text(item.get(2..).unwrap_or_default())
                ));
            }
            out.push_str("</ul>\n");
        } else if line.starts_with('|') {
            let mut rows = vec![line];
            while let Some(row) = lines.next_if(|line| line.starts_with('|')) {
                rows.push(row);
            }
            table(&rows, &mut out);
        } else {
            out.push_str(&format!("<p>{}</p>\n", text(line)));
        }
    }
    out.push_str("</body></html>\n");
    out
}

fn text(markdown: &str) -> String {
    markup(&read_markdown(markdown))
}

/// A picture beside the report; what leads elsewhere is none.
fn picture(line: &str) -> Option<(&str, &str)> {
    let rest = line.strip_prefix("![")?;
    let (alt, target) = rest.strip_suffix(')')?.rsplit_once("](")?;
    (!target.contains(':') && !target.starts_with('/')).then_some((alt, target))
}

fn table(rows: &[&str], out: &mut String) {
    let cells = |row: &str| -> Vec<String> {
        let inner = row.trim().trim_start_matches('|').trim_end_matches('|');
        inner
            .split('|')
            .map(|cell| cell.trim().to_owned())
            .collect()
    };
    let numbers: Vec<bool> = rows.get(1).map_or_else(Vec::new, |rule| {
        cells(rule).iter().map(|cell| cell.ends_with(':')).collect()
    });
    out.push_str("<table>\n");
    for (at, row) in rows.iter().enumerate().filter(|(at, _)| *at != 1) {
        out.push_str("<tr>");
        for (place, cell) in cells(row).iter().enumerate() {
            let class = match numbers.get(place) {
                Some(true) => " class=\"n\"",
                _ => "",
            };
            let (name, scope) = if at == 0 {
                ("th", " scope=\"col\"")
            } else {
                ("td", "")
            };
            out.push_str(&format!("<{name}{scope}{class}>{}</{name}>", text(cell)));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</table>\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_becomes_a_page_and_nothing_in_it_becomes_markup() {
        let report = "# Total \\<b\\>\n\n## Answer\n\nIt is 5 &lt;script&gt;.\n\n| A | B |\n|---|---:|\n| x | 1 |\n\n- one\n- two\n\n```sql\nSELECT '<i>'\n```\n\n![a chart](chart.svg)\n\n![away](https://x.example/y.png)\n";
        let page = html(report);
        for part in [
            "<h1>Total &lt;b&gt;</h1>",
            "<h2>Answer</h2>",
            "<p>It is 5 &lt;script&gt;.</p>",
            "<th scope=\"col\" class=\"n\">B</th>",
            "<td>x</td><td class=\"n\">1</td>",
            "<li>one</li>\n<li>two</li>",
            "SELECT &#39;&lt;i&gt;&#39;",
            "<img src=\"chart.svg\" alt=\"a chart\">",
        ] {
            assert!(page.contains(part), "{part}\n{page}");
        }
        assert!(
            !page.contains("<script") && !page.contains("src=\"https"),
            "{page}"
        );
    }
}
