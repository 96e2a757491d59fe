//! The kernel log buffer, which a large `log_buf_len=` turns into one of the largest early allocations.

use memblock::Request;

use crate::boot::early::{Early, Halt};
use crate::boot::input::BootInput;
use crate::boot::trace::Step;
use crate::command_line::BootParameters;

const STEP: Step = Step { name: "setup_log_buf", source: "kernel/printk/printk.c:setup_log_buf (6.12)" };

/// Assumed average bytes of text per message, which gives the number of messages, each with a record.
const TEXT_PER_MESSAGE: u64 = 32;
/// Bytes of a message's descriptor, and of its info record, to which CONFIG_PRINTK_EXECUTION_CTX adds who printed it:
/// the name of the task and the processor.
const DESCRIPTOR: u64 = 24;
const INFORMATION: u64 = 88;
const EXECUTION_CONTEXT: u64 = 24;

/// Allocates text, descriptors and info records, as large as `log_buf_len=` requests, all three or none. Without the
/// parameter the built-in buffer is used, or one that grows with the number of processors, which happens later.
pub(crate) fn allocate(
    early: &mut Early<'_>,
    input: &BootInput,
    parameters: &BootParameters,
) -> Result<(), Halt> {
    let Some(bytes) = parameters.debug.log_buffer(input.build.log_buffer) else {
        return Ok(());
    };
    early.begin(STEP);
    let context = if input.build.logs_execution_context { EXECUTION_CONTEXT } else { 0 };
    let information = INFORMATION.saturating_add(context);
    let messages = bytes / TEXT_PER_MESSAGE;
    let parts = [
        (bytes, "the log's text, log_buf_len="),
        (messages.saturating_mul(DESCRIPTOR), "a descriptor for each message of the log"),
        (messages.saturating_mul(information), "the information for each message of the log"),
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
