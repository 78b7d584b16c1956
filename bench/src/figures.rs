//! Minimum, median and maximum of what was measured, and the ratio round by round.

use harness::progress::say;

/// What both sides measured, one value a round.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    ours: Vec<f64>,
    peers: Vec<f64>,
}

impl Figures {
    /// Adds a round.
    pub(crate) fn push(&mut self, ours: f64, peer: f64) {
        self.ours.push(ours);
        self.peers.push(peer);
    }

    /// Prints the table.
    pub(crate) fn print(&self, ours: &str, peer: &str, unit: &str) {
        let ratios: Vec<f64> = self.ours.iter().zip(&self.peers).map(|(a, b)| a / b).collect();
        say(&format!("{:<44} {:>10} {:>10} {:>10}", "", "min", "median", "max"));
        for (name, values) in [
            (format!("{ours} ({unit})"), &self.ours),
            (format!("{peer} ({unit})"), &self.peers),
            (format!("ratio over {} rounds", ratios.len()), &ratios),
        ] {
            let mut sorted = values.clone();
            sorted.sort_by(f64::total_cmp);
            let (low, high) = (sorted.first(), sorted.last());
            let middle = sorted.get(sorted.len() / 2);
            let shown = [low, middle, high].map(|v| format!("{:>10.3}", v.unwrap_or(&f64::NAN)));
            say(&format!("{name:<44} {}", shown.join(" ")));
        }
    }
}
