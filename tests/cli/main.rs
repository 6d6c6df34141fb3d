//! The program from outside: the real binary, in a folder of its own, judged by what it prints, leaves and returns.

mod backtest;
mod bea;
mod configuration;
mod demo;
mod faults;
mod generate;
mod help;
mod ledger;
mod seasons;
mod strategies;
mod threads;
mod tools;
mod why;
