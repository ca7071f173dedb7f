//! The text form of Prometheus, read: names, labels, values. What is no sample is passed over.

/// What a sample is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    /// It only grows.
    Counter,
    /// It stands somewhere.
    Gauge,
    /// It is a part of a distribution: a bucket, the sum or the count. All of them only grow.
    Histogram,
}

/// One figure at one moment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    /// The whole name, with what a distribution's parts have behind it.
    pub(crate) name: String,
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) value: f64,
    pub(crate) sort: Sort,
}

/// Reads them all.
pub(crate) fn read(text: &str) -> Vec<Sample> {
    let (mut samples, mut family, mut sort) = (Vec::new(), "", Sort::Gauge);
    for line in text.lines() {
        if let Some(typed) = line.strip_prefix("# TYPE ") {
            let (name, word) = typed.split_once(' ').unwrap_or((typed, ""));
            family = name;
            sort = match word {
                "counter" => Sort::Counter,
                "histogram" => Sort::Histogram,
                _ => Sort::Gauge,
            };
            continue;
        }
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(mut sample) = one(line) {
            if sample.name.starts_with(family) {
                sample.sort = sort;
            }
            samples.push(sample);
        }
    }
    samples
}

fn one(line: &str) -> Option<Sample> {
    let (head, value) = match line.find('{') {
        Some(open) => {
            let (labels, rest) = labels(&line[open + 1..])?;
            ((&line[..open], labels), rest)
        }
        None => {
            let (name, rest) = line.split_once(' ')?;
            ((name, Vec::new()), rest)
        }
    };
    let value = value.split_whitespace().next()?.parse().ok()?;
    Some(Sample {
        name: head.0.to_owned(),
        labels: head.1,
        value,
        sort: Sort::Gauge,
    })
}

/// Labels and what stands behind them; values may hold anything, with a backslash before a quotation mark.
fn labels(mut text: &str) -> Option<(Vec<(String, String)>, &str)> {
    let mut labels = Vec::new();
    loop {
        if let Some(rest) = text.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, rest) = text.split_once("=\"")?;
        let (mut value, mut end, mut escaped) = (String::new(), None, false);
        for (at, letter) in rest.char_indices() {
            match letter {
                _ if escaped => {
                    value.push(if letter == 'n' { '\n' } else { letter });
                    escaped = false;
                }
                '\\' => escaped = true,
                '"' => {
                    end = Some(at);
                    break;
                }
                _ => value.push(letter),
            }
        }
        labels.push((name.trim_start_matches(',').to_owned(), value));
        text = &rest[end? + 1..];
        text = text.strip_prefix(',').unwrap_or(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_labels_and_values_are_read_and_nothing_else_is() {
        let text = "# HELP a_total what it is\n# TYPE a_total counter\na_total{x=\"1\",y=\"a \\\"b\\\" \\\\ {c}\"} 7\n\n\
                    # TYPE b_seconds histogram\nb_seconds_bucket{le=\"+Inf\"} 3\nb_seconds_sum 0.5\nb_seconds_count 3\n\
                    # TYPE c gauge\nc 1.5e3\nno value\nd{x=\"open} 1\ne NaNN\n";
        let read = read(text);
        let line = |sample: &Sample| (sample.name.clone(), sample.value, sample.sort);
        assert_eq!(
            read.iter().map(line).collect::<Vec<_>>(),
            [
                ("a_total".to_owned(), 7.0, Sort::Counter),
                ("b_seconds_bucket".to_owned(), 3.0, Sort::Histogram),
                ("b_seconds_sum".to_owned(), 0.5, Sort::Histogram),
                ("b_seconds_count".to_owned(), 3.0, Sort::Histogram),
                ("c".to_owned(), 1500.0, Sort::Gauge),
            ]
        );
        assert_eq!(
            read[0].labels[1],
            ("y".to_owned(), "a \"b\" \\ {c}".to_owned())
        );
    }
}
