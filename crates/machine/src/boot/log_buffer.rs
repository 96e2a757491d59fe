//! The kernel log's buffer, which a large `log_buf_len=` makes one of the largest early allocations.

use memblock::Request;

use crate::boot::early::{Early, Halt};
use crate::boot::input::BootInput;
use crate::boot::trace::Step;
use crate::command_line::BootParameters;

const STEP: Step = Step { name: "setup_log_buf", source: "kernel/printk/printk.c:setup_log_buf (6.12)" };

/// Bytes of text that a message is taken to have on average: so many messages fit, and each has a record.
const TEXT_PER_MESSAGE: u64 = 32;
/// Bytes of a message's descriptor, and of its information.
const DESCRIPTOR: u64 = 24;
const INFORMATION: u64 = 88;

/// Allocates text, descriptors and information, as large as `log_buf_len=` asks for, all three or none.
/// Without it the buffer is the one that is built in, or grows with the number of processors, which happens
/// later.
pub(crate) fn allocate(
    early: &mut Early<'_>,
    input: &BootInput,
    parameters: &BootParameters,
) -> Result<(), Halt> {
    let Some(bytes) = parameters.debug.log_buffer(input.build.log_buffer) else {
        return Ok(());
    };
    early.begin(STEP);
    let messages = bytes / TEXT_PER_MESSAGE;
    let parts = [
        (bytes, "the log's text, log_buf_len="),
        (messages.saturating_mul(DESCRIPTOR), "a descriptor for each message of the log"),
        (messages.saturating_mul(INFORMATION), "the information for each message of the log"),
    ];
    let mut taken = Vec::new();
    for (size, why) in parts {
        let request = Request { align: 8, ..Request::new(size) };
        let Some(range) = early.try_alloc(&request, why)? else {
            for range in taken {
                early.free(range, "the log keeps the buffer that is built in")?;
            }
            break;
        };
        taken.push(range);
    }
    Ok(())
}
