//! The pages, one file each.

pub mod about;
pub mod home;
