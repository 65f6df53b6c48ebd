//! Making a failing thing smaller while it still fails. It never returns what does not fail.

/// A smallest sub-list that still fails, in the same order: no single element of it can be left
/// out (delta debugging). `fails` must hold for the whole list.
pub fn minimize<T: Clone>(mut kept: Vec<T>, fails: &mut dyn FnMut(&[T]) -> bool) -> Vec<T> {
    let mut chunk = kept.len().div_ceil(2);
    while chunk > 0 {
        let mut at = 0;
        let mut removed = false;
        while at < kept.len() {
            let end = (at + chunk).min(kept.len());
            let mut without = kept[..at].to_vec();
            without.extend_from_slice(&kept[end..]);
            if fails(&without) {
                kept = without;
                removed = true;
            } else {
                at = end;
            }
        }
        // Single elements are tried until none can go.
        chunk = match chunk {
            1 if removed => 1,
            _ => chunk / 2,
        };
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::minimize;

    #[test]
    fn only_what_is_needed_stays() {
        let mut tries = 0;
        let mut fails = |list: &[u32]| {
            tries += 1;
            list.contains(&3) && list.contains(&700) && list.contains(&999)
        };
        assert_eq!(minimize((0..1000).collect(), &mut fails), [3, 700, 999]);
        assert!(tries < 200, "{tries} tries");
    }

    #[test]
    fn nothing_is_needed_of_what_always_fails() {
        assert_eq!(minimize(vec![1, 2, 3], &mut |_| true), Vec::<i32>::new());
        assert_eq!(minimize(Vec::<i32>::new(), &mut |_| true), Vec::<i32>::new());
    }
}
