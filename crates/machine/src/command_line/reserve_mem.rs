//! Named memory reservations: `reserve_mem=SIZE:ALIGN:NAME`.

use memblock::ReserveMem;

use crate::command_line::values::remark::Remarks;

const SOURCE: &str = "mm/memblock.c:reserve_mem (6.12)";
/// `RESERVE_MEM_MAX_ENTRIES`.
const MAX_ENTRIES: usize = 8;

/// A reservation requested by one `reserve_mem=`. Names are unique, and there are at most eight reservations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedReservation {
    /// Bytes, at least 1.
    pub size: u64,
    /// Alignment in bytes; values below a cache line are raised to that.
    pub align: u64,
    /// 1 to 15 bytes, not all of them blank.
    pub name: String,
}

impl NamedReservation {
    /// The arguments for [`memblock::Memblock::reserve_mem`].
    pub fn request(&self) -> ReserveMem<'_> {
        ReserveMem { size: self.size, align: self.align, name: &self.name }
    }
}

pub(super) fn parse(list: &mut Vec<NamedReservation>, value: Option<&str>, remarks: &mut Remarks) {
    if list.len() >= MAX_ENTRIES {
        return remarks.say(format!("ignored in silence: {MAX_ENTRIES} names are taken"), SOURCE);
    }
    let parameter = match ReserveMem::parse(value.unwrap_or_default()) {
        Ok(parameter) => parameter,
        Err(error) => return remarks.say(format!("ignored in silence: {error}"), SOURCE),
    };
    if list.iter().any(|taken| taken.name == parameter.name) {
        return remarks.say("ignored in silence: the name is taken", SOURCE);
    }
    let ReserveMem { size, align, name } = parameter;
    list.push(NamedReservation { size, align, name: name.to_owned() });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_used_once_and_the_ninth_is_ignored() {
        let mut list = Vec::new();
        let mut remarks = Remarks::default();
        parse(&mut list, Some("20M:2M:trace"), &mut remarks);
        parse(&mut list, Some("4K:0:trace"), &mut remarks);
        parse(&mut list, Some("4K"), &mut remarks);
        assert_eq!(remarks.list.len(), 2);
        for number in 0..8 {
            parse(&mut list, Some(&format!("4K:0:name{number}")), &mut remarks);
        }
        assert_eq!((list.len(), remarks.list.len()), (8, 3));
        assert_eq!(list[0].request(), ReserveMem { size: 20 << 20, align: 2 << 20, name: "trace" });
    }
}
