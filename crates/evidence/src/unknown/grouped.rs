//! Unknowns put together, for people: what one thing leaves unknown is said once.

use super::{CAPTURE, Unknown};

/// The unknowns with what belongs together in one entry, each entry where its first one stood:
///
/// - what the form of the input lacks ([`Unknown::in_form`]);
/// - whatever differs only in what it is about.
///
/// O(n²) in groups, which are few.
///
/// ```
/// use evidence::{Unknown, grouped};
///
/// let of = |range: &str| Unknown::new(&format!("who provided {range}"), "nothing shows it", "taken as boot");
/// let [one] = grouped(&[of("1000-1fff"), of("3000-3fff")]).try_into().unwrap();
/// assert_eq!(one.what, "who provided 1000-1fff, 3000-3fff");
/// ```
pub fn grouped(unknown: &[Unknown]) -> Vec<Unknown> {
    let mut groups: Vec<Vec<&Unknown>> = Vec::new();
    for one in unknown {
        let is_lacking = |one: &Unknown| one.remedy.as_deref() == Some(CAPTURE);
        let belongs = |first: &Unknown| {
            is_lacking(first) && is_lacking(one)
                || first.why == one.why && first.effect == one.effect && first.remedy == one.remedy
        };
        match groups.iter_mut().find(|group| group.first().is_some_and(|first| belongs(first))) {
            Some(group) => group.push(one),
            None => groups.push(vec![one]),
        }
    }
    groups.iter().filter_map(|group| merged(group)).collect()
}

fn merged(group: &[&Unknown]) -> Option<Unknown> {
    let first = group.first()?;
    let all = |part: fn(&Unknown) -> &str| -> Vec<&str> {
        let mut parts: Vec<&str> = Vec::new();
        for one in group {
            if !parts.contains(&part(one)) {
                parts.push(part(one));
            }
        }
        parts
    };
    Some(Unknown {
        what: listed(&all(|one| &one.what)),
        why: listed(&all(|one| &one.why)),
        effect: all(|one| &one.effect).join("; "),
        remedy: first.remedy.clone(),
    })
}

/// `who provided A`, `who provided B`: `who provided A, B`.
fn listed(texts: &[&str]) -> String {
    let Some((first, rest)) = texts.split_first() else { return String::new() };
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let of_first = words(first);
    let common = rest.iter().fold(of_first.len(), |common, text| {
        of_first.iter().zip(words(text)).take(common).take_while(|(a, b)| *a == b).count()
    });
    let tails = rest.iter().map(|text| words(text).get(common..).unwrap_or_default().join(" "));
    std::iter::once((*first).to_owned()).chain(tails).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Source;

    #[test]
    fn what_a_form_lacks_is_one_entry_and_the_rest_stays() {
        let missing = |what: &str, effect: &str| {
            Unknown::from_source(what, &Source::<u8>::Missing, effect).unwrap().in_form("a sosreport")
        };
        let other = Unknown::new("a fact", "a reason", "an effect");
        let list = [missing("/proc/a", "no a"), other.clone(), missing("/proc/b", "no b")];
        let [lacking, left] = grouped(&list).try_into().unwrap();
        assert_eq!(lacking.what, "/proc/a, /proc/b");
        assert_eq!(lacking.why, "a sosreport does not hold /proc/a, /proc/b");
        assert_eq!(lacking.effect, "no a; no b");
        assert_eq!(left, other);
    }

    #[test]
    fn other_effects_are_other_entries() {
        let of = |range: &str, class: &str| Unknown::new(range, "nothing shows it", class);
        assert_eq!(grouped(&[of("1-2", "boot"), of("3-4", "added"), of("5-6", "boot")]).len(), 2);
    }
}
