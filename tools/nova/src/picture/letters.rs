//! Letters made of dots, for pictures made of dots: no font of the system is looked for, so they look the same everywhere.

use font8x8::{BASIC_FONTS, UnicodeFonts as _};

/// Width and height of a letter.
const CELL: u32 = 8;

/// How many times as large as a letter of 8 dots one of this height is.
fn scale(height: f64) -> u32 {
    if height >= 20.0 { 2 } else { 1 }
}

/// The size of a text.
pub(super) fn size(text: &str, height: f64) -> (u32, u32) {
    let (letters, scale) = (u32::try_from(text.chars().count()).unwrap_or(u32::MAX), scale(height));
    (letters.saturating_mul(CELL * scale), CELL * scale)
}

/// The dots of a text, from its upper left corner.
pub(super) fn dots(text: &str, height: f64) -> Vec<(i32, i32)> {
    let scale = scale(height).cast_signed();
    let mut dots = Vec::new();
    for (place, letter) in (0..).zip(text.chars()) {
        let rows = BASIC_FONTS.get(letter).or_else(|| BASIC_FONTS.get('?')).unwrap_or_default();
        for (y, row) in (0..).zip(rows) {
            for x in (0..8).filter(|x| row >> x & 1 == 1) {
                for (dx, dy) in (0..scale * scale).map(|at| (at % scale, at / scale)) {
                    dots.push(((place * 8 + x) * scale + dx, y * scale + dy));
                }
            }
        }
    }
    dots
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_lie_inside_their_size() {
        for (text, height) in [("gj|WQ_", 14.0), ("µ?", 22.0), ("", 14.0)] {
            let (width, tall) = size(text, height);
            let inside = |(x, y): &(i32, i32)| {
                (0..width.cast_signed()).contains(x) && (0..tall.cast_signed()).contains(y)
            };
            assert!(dots(text, height).iter().all(inside), "{text}");
        }
        assert!(!dots("A", 14.0).is_empty());
        assert_eq!(dots("A", 22.0).len(), dots("A", 14.0).len() * 4);
    }
}
