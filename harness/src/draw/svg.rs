//! SVG as text: a few shapes, every number short, every text escaped.

use std::fmt::Write as _;

use schism_facts::foreign::on_one_line;

use super::text::cut;

/// All pictures are drawn on this width and scaled by the page: wide enough for 60 s of strikes
/// with labels of 11 px.
pub const WIDTH: f64 = 1040.0;

/// Room for the names at the left, the same in all pictures, so that their times line up.
pub const LEFT: f64 = 64.0;

/// Room at the right, for half of the last tick's label.
pub const RIGHT: f64 = 14.0;

/// The mean width of a character of the 11 px labels, with a margin: system fonts differ.
pub const CHAR_WIDTH: f64 = 6.3;

#[derive(Default)]
pub struct Svg {
    body: String,
}

impl Svg {
    /// A rectangle with rounded corners and, where given, words for the pointer.
    pub fn rect(&mut self, (x, y, w, h): (f64, f64, f64, f64), class: &str, title: &str) {
        let (x, y, w, h) = (num(x), num(y), num(w.max(0.0)), num(h.max(0.0)));
        let _ = write!(
            self.body,
            r#"<rect x="{x}" y="{y}" width="{w}" height="{h}" class="{}""#,
            escape(class)
        );
        self.close("rect", title);
    }

    pub fn line(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64), class: &str) {
        let (x1, y1, x2, y2) = (num(x1), num(y1), num(x2), num(y2));
        let class = escape(class);
        let _ =
            write!(self.body, r#"<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" class="{class}"/>"#);
    }

    pub fn path(&mut self, d: &str, class: &str, title: &str) {
        let _ = write!(self.body, r#"<path d="{}" class="{}""#, escape(d), escape(class));
        self.close("path", title);
    }

    /// Text whose baseline is at `y`. The class says where it is anchored: `end`, `mid`.
    pub fn text(&mut self, (x, y): (f64, f64), class: &str, text: &str) {
        let (x, y, class, text) = (num(x), num(y), escape(class), escape(text));
        let _ = write!(self.body, r#"<text x="{x}" y="{y}" class="{class}">{text}</text>"#);
    }

    /// The tip of an arrow that ends here, coming in this direction (a vector of length 1).
    pub fn tip(&mut self, (x, y): (f64, f64), (dx, dy): (f64, f64), class: &str) {
        let (back_x, back_y) = (x - dx * 9.0, y - dy * 9.0);
        let [left_x, left_y] = [back_x - dy * 4.0, back_y + dx * 4.0].map(num);
        let [right_x, right_y] = [back_x + dy * 4.0, back_y - dx * 4.0].map(num);
        let (x, y) = (num(x), num(y));
        self.path(&format!("M{x} {y}L{left_x} {left_y}L{right_x} {right_y}Z"), class, "");
    }

    /// A line across the picture at a height that the label names, left of it.
    pub fn level(&mut self, y: f64, label: &str) {
        self.line((LEFT, y), (WIDTH - RIGHT, y), "hair");
        self.text((LEFT - 8.0, y + 4.0), "tick end", label);
    }

    /// The line that a picture stands on.
    pub fn base(&mut self, y: f64) {
        self.line((LEFT, y), (WIDTH - RIGHT, y), "base");
    }

    /// The element, `height` high, with a name for those who cannot see it.
    pub fn finish(self, height: f64, class: &str, name: &str) -> String {
        let (height, class, name) = (num(height), escape(class), escape(name));
        format!(
            r#"<svg viewBox="0 0 {} {height}" class="{class}" role="img" aria-label="{name}">{}</svg>"#,
            num(WIDTH),
            self.body
        )
    }

    fn close(&mut self, element: &str, title: &str) {
        if title.is_empty() {
            self.body.push_str("/>");
        } else {
            let _ = write!(self.body, "><title>{}</title></{element}>", escape(title));
        }
    }
}

/// A number with one decimal at most: a tenth of a pixel is below what a screen shows.
pub fn num(value: f64) -> String {
    let tenths = (value * 10.0).round() / 10.0;
    if tenths.fract() == 0.0 { format!("{tenths:.0}") } else { format!("{tenths:.1}") }
}

/// Text made harmless in elements and attributes, of HTML and of XML.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in on_one_line(text).chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

/// As much of `text` as fits `width` pixels; nothing when that would be less than 3 characters.
pub fn fit(text: &str, width: f64) -> String {
    let room = (width / CHAR_WIDTH).max(0.0) as usize;
    if text.chars().count() <= room {
        text.to_owned()
    } else if room < 3 {
        String::new()
    } else {
        cut(text, room)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_is_harmless() {
        let mut svg = Svg::default();
        svg.text((1.0, 2.0), "\"><script>", "<script>alert('1')</script>\u{1}");
        svg.rect((0.0, 0.0, 1.0, 1.0), "a", "</title><script>");
        let text = svg.finish(1.0, "x", "\" onload=\"alert(1)");
        assert!(!text.contains("<script"), "{text}");
        assert!(!text.contains("\" onload"), "{text}");
    }

    #[test]
    fn labels_fit_or_vanish() {
        assert_eq!(fit("partition", 100.0), "partition");
        assert_eq!(fit("partition", 32.0), "part…");
        assert_eq!(fit("partition", 12.0), "");
        assert_eq!((num(1.0), num(0.25), num(-0.04)), ("1".into(), "0.3".into(), "-0".into()));
    }
}
