//! Early allocation: the request, the order in which memory is searched for it, and why a search failed.

mod attempts;
mod direction;
mod error;
mod request;

pub use attempts::{Attempt, Attempts, SearchSettings};
pub use direction::Direction;
pub use error::{AllocError, AllocFailure, Shortage};
pub use request::Request;
