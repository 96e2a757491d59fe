//! Early allocation: what is asked for, in which order memory is searched for it, and why nothing was found.

mod attempts;
mod direction;
mod error;
mod request;

pub use attempts::{Attempt, Attempts, SearchSettings};
pub use direction::Direction;
pub use error::{AllocError, AllocFailure, Shortage};
pub use request::Request;
