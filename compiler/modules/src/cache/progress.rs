//! `go: downloading` lines and the one progress bar, which only terminals see.

use indicatif::{ProgressBar, ProgressStyle};
use source::system::System;
use std::sync::{Arc, Mutex, MutexGuard};

/// The line of downloads and the bar.
pub(super) struct Progress {
    pub(super) system: Arc<dyn System>,
    pub(super) bar: Mutex<Option<ProgressBar>>,
    pub(super) quiet: bool,
}

impl Progress {
    pub(super) fn downloading(&self, module: &str, version: &str) {
        if self.quiet {
            return;
        }
        let line = format!("go: downloading {module} {version}");
        let bar = self.lock();
        match bar.as_ref() {
            Some(bar) => bar.println(line),
            None => self.system.eprint_line(&line),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<ProgressBar>> {
        self.bar
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Shows a bar of bytes while `work` runs, if standard error is a terminal.
    pub(super) fn start(&self) {
        if self.quiet || !self.system.stderr_is_terminal() {
            return;
        }
        let mut bar = self.lock();
        if bar.is_none() {
            let new = ProgressBar::new(0);
            if let Ok(style) = ProgressStyle::with_template(
                "{spinner} {bytes}/{total_bytes} {bar:40} {bytes_per_sec}",
            ) {
                new.set_style(style);
            }
            *bar = Some(new);
        }
    }

    pub(super) fn expect(&self, bytes: u64) {
        if let Some(bar) = self.lock().as_ref() {
            bar.inc_length(bytes);
        }
    }

    pub(super) fn advance(&self, bytes: u64) {
        if let Some(bar) = self.lock().as_ref() {
            bar.inc(bytes);
        }
    }

    pub(super) fn finish(&self) {
        if let Some(bar) = self.lock().take() {
            bar.finish_and_clear();
        }
    }
}
