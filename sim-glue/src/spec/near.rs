//! Which of the known words somebody may have meant.

/// How many suggestions are made.
const SUGGESTIONS: usize = 4;

/// Known words that begin with `word` or are within two edits of it (one for words of up to three letters), nearest
/// first.
pub(super) fn near<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let limit = if word.len() <= 3 { 1 } else { 2 };
    let word = word.to_ascii_lowercase();
    let mut found: Vec<_> = known
        .map(|candidate| (away(&word, &candidate.to_ascii_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .collect();
    found.sort_by_key(|(distance, _)| *distance);
    found.into_iter().map(|(_, candidate)| candidate).take(SUGGESTIONS).collect()
}

fn away(word: &str, candidate: &str) -> usize {
    if word.len() >= 3 && candidate.starts_with(word) { 1 } else { distance(word, candidate) }
}

/// Insertions, removals and exchanges of a letter from one to the other (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, letter) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, other) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("ga102", "ga102"), 0);
        assert_eq!(distance("ga12", "ga102"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn the_nearest_come_first_and_strangers_not_at_all() {
        let known = ["GA102", "GA103", "TU102", "GB202"];
        assert_eq!(near("ga12", known.into_iter()), ["GA102", "GA103"]);
        assert!(near("rtx3090", known.into_iter()).is_empty());
    }
}
