//! The figures as tables: printed, and written to `docs/PERFORMANCE.md`.

use super::{
    flight::Flight,
    load::{CONNECTIONS, Measured, ROUNDS, SECONDS},
    size::{Size, Sizes},
    sockets::{Sockets, Traffic},
};
use crate::process::{Result, output, program, root};
use std::{fmt, fs};

/// Between these the document is the bench's own; around them it is a person's.
const BEGIN: &str = "<!-- cargo xtask bench: begin -->";
const END: &str = "<!-- cargo xtask bench: end -->";

/// A ratio, and what it should be.
pub(crate) struct Goal {
    what: &'static str,
    ratio: f64,
    bound: Bound,
}

enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Goal {
    pub(crate) fn at_least(what: &'static str, ratio: f64, least: f64) -> Self {
        let bound = Bound::AtLeast(least);
        Self { what, ratio, bound }
    }

    pub(crate) fn at_most(what: &'static str, ratio: f64, most: f64) -> Self {
        let bound = Bound::AtMost(most);
        Self { what, ratio, bound }
    }

    fn is_met(&self) -> bool {
        match self.bound {
            Bound::AtLeast(least) => self.ratio >= least,
            Bound::AtMost(most) => self.ratio <= most,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(least) => write!(f, "at least {least:.2}"),
            Self::AtMost(most) => write!(f, "at most {most:.2}"),
        }
    }
}

/// Everything that a run of the bench found out.
pub(crate) struct Report<'a> {
    /// The load average before the servers were loaded.
    pub(crate) busy: String,
    pub(crate) calls: &'a [Measured],
    pub(crate) pages: &'a [Measured],
    pub(crate) bundles: &'a [Measured],
    pub(crate) guards: &'a [Measured],
    pub(crate) reads: &'a [Measured],
    pub(crate) sockets: &'a Sockets,
    pub(crate) flight: &'a Flight,
    pub(crate) sizes: &'a Sizes,
    pub(crate) goals: &'a [Goal],
}

impl Report<'_> {
    /// Prints the report and puts it into the document.
    pub(crate) fn publish(&self) -> Result {
        let text = self.write()?;
        println!("\n{text}");
        let file = root().join("docs/PERFORMANCE.md");
        let document = fs::read_to_string(&file).unwrap_or_else(|_| default_document());
        fs::write(&file, replace(&document, &text))
            .map_err(|error| format!("{}: {error}", file.display()))?;
        println!("Written to docs/PERFORMANCE.md.");
        Ok(())
    }

    fn write(&self) -> Result<String> {
        let sections = [
            circumstances(&self.busy)?,
            section("Goals", &self.goals()),
            section("Calls", &load(self.calls)),
            section("Pages", &load(self.pages)),
            section("Bundles", &load(self.bundles)),
            section("Guards", &load(self.guards)),
            section("Cached contexts", &load(self.reads)),
            section("Channels", &traffic(&self.sockets.traffic())),
            section("Idle sockets", &self.idle()),
            section("From a mutation to fresh data", &self.flight()),
            section("What the browser downloads", &self.sizes()),
        ];
        Ok(sections.join("\n"))
    }

    fn goals(&self) -> Vec<Vec<String>> {
        let mut rows = vec![row(["Mizan's ...", "goal", "measured", ""])];
        rows.extend(self.goals.iter().map(|goal| {
            let verdict = if goal.is_met() { "met" } else { "**missed**" };
            vec![
                goal.what.to_owned(),
                goal.bound.to_string(),
                format!("{:.3}", goal.ratio),
                verdict.to_owned(),
            ]
        }));
        rows
    }

    /// Which have joined a channel.
    fn idle(&self) -> Vec<Vec<String>> {
        let idle = &self.sockets.idle;
        let size =
            |label: &str, bytes: f64| vec![label.to_owned(), format!("{:.1} kB", bytes / 1e3)];
        vec![
            row(["server", "memory for each of 10,000"]),
            size("axum sockets", idle.axum),
            size("Mizan's channel", idle.mizan),
        ]
    }

    /// Over a link that delays 10 ms each way, with bodies of 1 ms.
    fn flight(&self) -> Vec<Vec<String>> {
        let time = |label: &str, time: f64| vec![label.to_owned(), format!("{time:.1} ms")];
        vec![
            row(["10 ms each way, bodies of 1 ms", "median"]),
            time("single flight", self.flight.single),
            time("mutation, then refetch", self.flight.double),
        ]
    }

    fn sizes(&self) -> Vec<Vec<String>> {
        let row_of = |label: &str, size: &Size| {
            let sizes = [size.wasm, size.brotli, size.javascript];
            let kilobytes = sizes.map(|bytes| format!("{:.1} kB", bytes as f64 / 1e3));
            std::iter::once(label.to_owned()).chain(kilobytes).collect()
        };
        let header = ["client", "wasm", "wasm, brotli", "JavaScript, brotli"];
        vec![
            row(header),
            row_of("Leptos", &self.sizes.leptos),
            row_of("Mizan", &self.sizes.mizan),
            row_of("Mizan, ten members more", &self.sizes.ten_more),
            row_of("Mizan, a channel", &self.sizes.channel),
            row_of("Mizan, a live context", &self.sizes.live),
            row_of("Mizan, a call over the socket", &self.sizes.websocket),
            row_of("Mizan, a form", &self.sizes.form),
            row_of("Mizan, another form beside it", &self.sizes.further_form),
        ]
    }
}

/// The table of servers under load.
fn load(measured: &[Measured]) -> Vec<Vec<String>> {
    let header = [
        "server",
        "answers/s",
        "lowest - highest",
        "server CPU",
        "median latency",
        "answer",
    ];
    let mut rows = vec![row(header)];
    rows.extend(measured.iter().map(|measured| {
        let (lowest, highest) = measured.rates.range();
        vec![
            measured.label.to_owned(),
            format!("{:.0}", measured.rates.median()),
            format!("{lowest:.0} - {highest:.0}"),
            format!("{:.1} µs", measured.cpu),
            format!("{:.2} ms", measured.latency),
            format!("{} bytes", measured.bytes),
        ]
    }));
    rows
}

/// The table of sockets under load.
fn traffic(measured: &[&Traffic]) -> Vec<Vec<String>> {
    let header = ["server", "frames/s", "lowest - highest", "server CPU"];
    let mut rows = vec![row(header)];
    rows.extend(measured.iter().map(|measured| {
        let (lowest, highest) = measured.rates.range();
        vec![
            measured.label.to_owned(),
            format!("{:.0}", measured.rates.median()),
            format!("{lowest:.0} - {highest:.0}"),
            format!("{:.1} µs", measured.cpu),
        ]
    }));
    rows
}

fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).into()
}

/// When, where and how.
fn circumstances(busy: &str) -> Result<String> {
    let date = output(program("date").args(["--utc", "+%F"]))?;
    let system = output(program("uname").args(["--kernel-name", "--kernel-release", "--machine"]))?;
    let rustc = output(program("rustc").arg("--version"))?;
    let rustc = rustc.split(" (").next().unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let processor = processor();
    Ok(format!(
        "Measured on {date}: {processor}, {cores} cores, {system}, {rustc}. Load by wrk, 1 thread, \
         {CONNECTIONS} connections; {ROUNDS} turns of {SECONDS} s for each server, the servers \
         taking turns; figures are medians of the turns, ratios medians of the ratios within each \
         round. The load average was {busy} before the first turn: beyond 1, other programs took \
         part.\n\n{SOCKETS}"
    ))
}

/// How sockets are measured.
const SOCKETS: &str = "\
Sockets: their other end is tokio-tungstenite in a process of its own, and all of them read into
4 KiB. A message goes to 1,000 sockets, and the next one when all have it, or ten do so together;
Mizan's is pushed, axum's sent over `tokio::sync::broadcast`, encoded once. Each of 256 sockets says
something and waits until it hears it, of Mizan out of `receive`, in a group of its own. Mizan's pace
of 500 frames in a second is lifted for that, with `Mizan::frames_per_second`. An idle socket has
joined a channel; its memory is what the server's process grows by, from none to 10,000. Who comes
back missed 20 messages, and 20 more are said meanwhile.
";

/// How many programs wanted a processor in the last minute, on average.
pub(crate) fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("unknown").to_owned()
}

/// The processor's name, as far as it tells.
fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    text.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(key, _)| key.trim() == "model name")
        .map_or_else(
            || "unnamed processor".to_owned(),
            |(_, name)| name.trim().to_owned(),
        )
}

/// A heading and a table in Markdown, its columns aligned for those who read the source.
fn section(title: &str, rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width_of = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width_of).collect();
    let mut text = format!("## {title}\n\n");
    for (index, row) in rows.iter().enumerate() {
        for (cell, width) in row.iter().zip(&widths) {
            text += &format!("| {cell:width$} ");
        }
        text += "|\n";
        if index == 0 {
            for width in &widths {
                text += &format!("| {} ", "-".repeat(*width));
            }
            text += "|\n";
        }
    }
    text
}

/// Puts the report where the last one was.
fn replace(document: &str, report: &str) -> String {
    let parts = document
        .split_once(BEGIN)
        .and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) = parts.unwrap_or((document, "\n"));
    format!("{before}{BEGIN}\n\n{report}\n{END}{after}")
}

fn default_document() -> String {
    format!("# Performance\n\n{BEGIN}\n{END}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_wrote_around_the_report_stays() {
        let first = replace("# Title\n\nBefore.\n\n", "one");
        let second = replace(&format!("{first}After.\n"), "two");
        assert!(second.starts_with("# Title\n\nBefore.\n"), "{second}");
        assert!(second.ends_with("After.\n"), "{second}");
        assert!(
            second.contains("two") && !second.contains("one"),
            "{second}"
        );
    }

    #[test]
    fn a_goal_is_met_at_its_bound() {
        assert!(Goal::at_least("a", 0.95, 0.95).is_met());
        assert!(!Goal::at_least("a", 0.949, 0.95).is_met());
        assert!(Goal::at_most("a", 1.1, 1.1).is_met());
        assert!(!Goal::at_most("a", 1.101, 1.1).is_met());
    }
}
