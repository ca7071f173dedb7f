//! What one Critic has proven already, and the files of goals that it has read.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use aios_protocols::{Sealed, Timestamp};
use aios_work::InputFile;
use aios_work::content::TaskResult;
use parking_lot::Mutex;
use serde_json::Value;

/// Results that one Critic remembers to have proven. A goal has at most 32 tasks, so this is a few goals at once.
const PROVEN: usize = 256;
/// Bytes of memory that it gives to them, frames and what was read from them: some of the largest, thousands of the usual.
const PROVEN_BYTES: usize = 64 << 20;
/// Goals whose files it remembers to have read; those of one that is forgotten meanwhile are read again.
const GOALS: usize = 256;

/// A result with its proof.
#[derive(Clone)]
pub(crate) struct Witnessed {
    pub(crate) frame: Sealed,
    pub(crate) result: Arc<TaskResult>,
    /// When it was given.
    pub(crate) at: Timestamp,
    /// Memory that it takes.
    bytes: usize,
}

impl Witnessed {
    pub(crate) fn new(frame: Sealed, result: TaskResult, at: Timestamp) -> Self {
        let files = result.output.artifacts.iter();
        let bytes = frame.len()
            + held(&result.output.value)
            + result.output.log.len()
            + files
                .map(|file| {
                    size_of_val(file) + file.path.as_os_str().len() + file.description.len()
                })
                .sum::<usize>();
        Self {
            frame,
            result: Arc::new(result),
            at,
            bytes,
        }
    }
}

/// Memory that a value takes, at most: a list or an object may have room for twice what is in it.
fn held(value: &Value) -> usize {
    /// An object's field beside its name and its value: the name's place, its hash and its place in the index.
    const FIELD: usize = size_of::<String>() + 4 * size_of::<usize>();
    let (mut bytes, mut left) = (0, vec![value]);
    while let Some(value) = left.pop() {
        bytes += 2 * size_of::<Value>();
        match value {
            Value::String(text) => bytes += text.len(),
            Value::Array(items) => left.extend(items),
            Value::Object(fields) => {
                bytes += fields
                    .keys()
                    .map(|name| name.len() + 2 * FIELD)
                    .sum::<usize>();
                left.extend(fields.values());
            }
            _ => {}
        }
    }
    bytes
}

/// What one Critic has proven. A result is judged before its answer is, so its frame is proven and read once; and an executor that has
/// left since was there when it signed.
#[derive(Default)]
pub(crate) struct Proofs(Mutex<Remembered>);

impl Proofs {
    /// What was proven under this name, if it was of this very frame.
    pub(crate) fn find(&self, name: &str, frame: &Sealed) -> Option<Witnessed> {
        let known = self.0.lock().by_name.get(name).cloned();
        known.filter(|known| known.frame == *frame)
    }

    pub(crate) fn keep(&self, name: String, one: Witnessed) {
        self.0.lock().keep(name, one);
    }

    /// Where the files of a goal are, or will be once they are read.
    pub(crate) fn files(&self, goal: String) -> ReadFiles {
        self.0.lock().files(goal)
    }
}

/// The files of a goal once they have been read. Whoever looks holds it, so that works judged at the same time do not each read them.
pub(crate) type ReadFiles = Arc<tokio::sync::Mutex<Option<Vec<InputFile>>>>;

#[derive(Default)]
struct Remembered {
    by_name: HashMap<String, Witnessed>,
    /// The oldest first.
    order: VecDeque<String>,
    bytes: usize,
    /// The files of goals as they were read, and of which goal first.
    files: HashMap<String, ReadFiles>,
    files_order: VecDeque<String>,
}

impl Remembered {
    fn files(&mut self, goal: String) -> ReadFiles {
        if let Some(read) = self.files.get(&goal) {
            return Arc::clone(read);
        }
        let read = ReadFiles::default();
        self.files.insert(goal.clone(), Arc::clone(&read));
        self.files_order.push_back(goal);
        while self.files_order.len() > GOALS {
            let Some(oldest) = self.files_order.pop_front() else {
                break;
            };
            self.files.remove(&oldest);
        }
        read
    }

    fn keep(&mut self, name: String, one: Witnessed) {
        self.bytes += one.bytes;
        match self.by_name.insert(name.clone(), one) {
            Some(before) => self.bytes -= before.bytes,
            None => self.order.push_back(name),
        }
        while self.order.len() > PROVEN || self.bytes > PROVEN_BYTES {
            let Some(oldest) = self.order.pop_front() else {
                break;
            };
            if let Some(gone) = self.by_name.remove(&oldest) {
                self.bytes -= gone.bytes;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn frame(bytes: usize) -> Sealed {
        Sealed::from_bytes(vec![0; bytes])
    }

    fn witnessed(value: Value) -> Witnessed {
        let bytes = value.to_string().len();
        let result = TaskResult {
            task_id: "t".to_owned(),
            operation: "g/t".to_owned(),
            asked: String::new(),
            output: aios_work::ToolOutput {
                value,
                ..aios_work::ToolOutput::default()
            },
            duration_ms: 0.0,
            agent: String::new(),
        };
        Witnessed::new(frame(bytes), result, Timestamp::from_micros(1).unwrap())
    }

    #[test]
    fn what_was_read_from_a_frame_counts_and_not_the_frame_alone() {
        // 300 KB of brackets take several megabytes once they are read.
        let hollow = witnessed(json!(vec![json!([]); 100_000]));
        assert!(
            hollow.bytes > 100_000 * size_of::<Value>(),
            "{}",
            hollow.bytes
        );
        let named = witnessed(json!(vec![json!({ "a": 1 }); 10_000]));
        assert!(named.bytes > 1_000_000, "{}", named.bytes);
        let mut remembered = Remembered::default();
        for number in 0..40 {
            remembered.keep(number.to_string(), hollow.clone());
            remembered.keep("again".to_owned(), named.clone());
            let held: usize = remembered.by_name.values().map(|one| one.bytes).sum();
            assert_eq!(remembered.bytes, held);
            assert!(held <= PROVEN_BYTES, "{held}");
        }
        assert!(remembered.by_name.len() < 40);
        assert!(remembered.by_name.contains_key("39"), "the newest stays");
    }
}
