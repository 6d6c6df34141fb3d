//! The door to LIVE: what must be there together before a bet costs money, and what shuts it again.

mod ending;
mod inbox;
mod keeper;
mod paper;
mod pinnacle;
mod preflight;
mod rows;
mod token;

pub use ending::Ending;
pub use inbox::leave;
pub use keeper::{Admitted, Doorkeeper};
pub use preflight::{Checks, Preflight, Row, preflight};
pub use token::{Armed, Token};
