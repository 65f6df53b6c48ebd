//! On which line of its file each event stands. Most follow each other, so only the jumps are
//! kept.

#[derive(Clone, Debug, Default)]
pub(crate) struct Lines {
    /// From this event on, events stand on consecutive lines from this line.
    runs: Vec<(u64, u64)>,
    events: u64,
}

impl Lines {
    /// The next event stands here.
    pub fn push(&mut self, line: u64) {
        let expected = self.runs.last().map(|(event, first)| first + (self.events - event));
        if expected != Some(line) {
            self.runs.push((self.events, line));
        }
        self.events += 1;
    }

    /// Adds the events of a piece of the file that begins after `before` lines.
    pub fn append(&mut self, piece: &Lines, before: u64) {
        for &(event, line) in &piece.runs {
            let event = self.events + event;
            let expected = self.runs.last().map(|(first, at)| at + (event - first));
            if expected != Some(line + before) {
                self.runs.push((event, line + before));
            }
        }
        self.events += piece.events;
    }

    /// The line of the event at this place in the file. Where nothing is known of it, lines count
    /// events from 1.
    pub fn line(&self, at: usize) -> u64 {
        let at = at as u64;
        let run = self.runs.partition_point(|(event, _)| *event <= at);
        match run.checked_sub(1).map(|run| self.runs[run]) {
            Some((event, line)) if at < self.events => line + (at - event),
            _ => at + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_again() {
        let stand = [1, 2, 3, 5, 6, 9, 9, 10];
        let mut lines = Lines::default();
        for line in stand {
            lines.push(line);
        }
        assert_eq!(lines.runs.len(), 4);
        let mut twice = lines.clone();
        twice.append(&lines, 10);
        for (at, &line) in stand.iter().enumerate() {
            assert_eq!(
                (lines.line(at), twice.line(at), twice.line(at + 8)),
                (line, line, line + 10)
            );
        }
        assert_eq!(twice.runs.len(), 7);
        assert_eq!(Lines::default().line(4), 5);
    }
}
