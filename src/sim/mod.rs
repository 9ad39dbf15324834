//! A small, honest Genesys Cloud.
