mod build;
mod executions;
mod merging;
mod properties;
mod readings;
mod traps;
mod trees;
