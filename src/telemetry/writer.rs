//! Lines on their way to standard error.
//!
//! Whoever reads them may stop, as a log collector that hangs does, and then a write waits for
//! ever. A thread of its own does the waiting. What does not fit into its queue is dropped and
//! counted, and how much it was is told as soon as somebody reads again, and by a metric all the
//! time: a health check must not stand still because nobody reads its log.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

use crate::metrics::log_line_dropped;

/// Lines that wait for the thread.
const QUEUE: usize = 4_096;
/// How often it is looked whether all is written, at the end.
const PAUSE: Duration = Duration::from_millis(5);
/// So often at most: for a second.
const MOST_LOOKS: u32 = 200;

/// Where lines are put; clones share the queue.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    queue: SyncSender<Vec<u8>>,
    count: Arc<Count>,
}

/// How many lines went where.
#[derive(Debug, Default)]
struct Count {
    taken: AtomicU64,
    written: AtomicU64,
    dropped: AtomicU64,
}

impl Lines {
    /// Starts the thread that writes to `sink`.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub(super) fn to(sink: impl Write + Send + 'static) -> io::Result<Self> {
        let (queue, lines) = sync_channel(QUEUE);
        let count = Arc::new(Count::default());
        let counted = Arc::clone(&count);
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write(&lines, &counted, sink))?;
        Ok(Self { queue, count })
    }

    fn put(&self, line: Vec<u8>) {
        let counted = if self.queue.try_send(line).is_ok() {
            &self.count.taken
        } else {
            log_line_dropped();
            &self.count.dropped
        };
        counted.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits until everything is written, for a moment at most.
    pub(super) fn flush(&self) {
        for _ in 0..MOST_LOOKS {
            let taken = self.count.taken.load(Ordering::Relaxed);
            if self.count.written.load(Ordering::Acquire) >= taken {
                return;
            }
            thread::sleep(PAUSE);
        }
    }
}

fn write(lines: &Receiver<Vec<u8>>, count: &Count, mut sink: impl Write) {
    for line in lines {
        if sink.write_all(&line).is_err() {
            log_line_dropped();
        }
        let dropped = count.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            let told =
                format!("why403: {dropped} log lines were dropped, because nobody read them\n");
            sink.write_all(told.as_bytes()).unwrap_or_default();
        }
        sink.flush().unwrap_or_default();
        count.written.fetch_add(1, Ordering::Release);
    }
}

/// One line; it is put into the queue when it is complete.
#[derive(Debug)]
pub(super) struct Line {
    text: Vec<u8>,
    lines: Lines,
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if !self.text.is_empty() {
            self.lines.put(std::mem::take(&mut self.text));
        }
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line {
            text: Vec::new(),
            lines: self.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, mpsc};

    use super::*;
    use crate::metrics::log_lines_dropped;

    /// A reader that begins to read when it is told to.
    struct Gate {
        opened: Option<Receiver<()>>,
        read: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if let Some(opened) = self.opened.take() {
                opened.recv().unwrap();
            }
            self.read.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn nobody_waits_for_a_reader_and_what_was_dropped_is_told() {
        let (open, opened) = mpsc::channel();
        let read = Arc::default();
        let gate = Gate {
            opened: Some(opened),
            read: Arc::clone(&read),
        };
        let lines = Lines::to(gate).unwrap();
        let before = log_lines_dropped();
        let most = QUEUE as u64 + 1;
        for number in 0..2 * most {
            writeln!(lines.make_writer(), "line {number}").unwrap();
        }
        let dropped = lines.count.dropped.load(Ordering::Relaxed);
        let taken = lines.count.taken.load(Ordering::Relaxed);
        assert_eq!(taken + dropped, 2 * most);
        // Others may lose lines at the same time.
        assert!(log_lines_dropped() >= before + dropped);
        assert!(taken == most || taken == most - 1, "{taken}");
        open.send(()).unwrap();
        while lines.count.written.load(Ordering::Acquire) < taken {
            thread::yield_now();
        }
        let text = String::from_utf8(read.lock().unwrap().clone()).unwrap();
        assert!(text.starts_with("line 0\n"));
        assert_eq!(text.matches("line ").count() as u64, taken);
        assert!(
            text.contains(&format!("{dropped} log lines were dropped")),
            "{text}"
        );
    }

    #[test]
    fn what_is_left_is_written_at_the_end() {
        let read: Arc<Mutex<Vec<u8>>> = Arc::default();
        let gate = Gate {
            opened: None,
            read: Arc::clone(&read),
        };
        let lines = Lines::to(gate).unwrap();
        writeln!(lines.make_writer(), "the last words").unwrap();
        lines.flush();
        assert_eq!(*read.lock().unwrap(), b"the last words\n");
    }
}
