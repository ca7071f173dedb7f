//! Questions in words: a goal becomes tokens, tokens become marks, marks a typed question, its results facts and sentences.
//!
//! [`words`] cuts a goal and reads its numbers; [`schema`] is the tables as a goal meets them; [`marks`] takes each word for one thing;
//! [`period`] reads times; [`resolve`] puts a question together with `rows` (which rows), `figures` (what is measured) and `join` (of which
//! tables); [`sql`] writes it; [`answer`] reads what came of it; [`say`] holds the words of the answer. All of it is pure. No word of the
//! goal goes unheard: each is used, means nothing, or is named as not understood.

mod alone;
mod alternatives;
mod another;
mod answer;
mod asides;
mod asked_noun;
mod asks;
mod check;
mod chosen;
mod clause;
mod clocks;
mod conditions;
mod contradicted;
mod counted;
mod dealt;
mod derived;
mod elapsed;
mod ends;
mod equal;
mod facts;
mod figures;
mod filled;
mod grouped;
mod groups;
mod heard;
mod join;
mod kin;
mod letters;
mod limits;
mod makes;
mod marking;
mod marks;
mod money;
mod named;
mod numerals;
mod opposite;
mod order;
mod outcomes;
mod overview;
mod paired;
mod parts;
mod per;
mod period;
mod periods;
mod plainly;
mod price_paid;
mod question;
mod rates;
mod remarks;
mod report;
mod resolve;
mod rows;
mod say;
mod schema;
mod second;
mod sorted;
mod spread;
mod sql;
mod stack;
mod times;
mod understand;
mod units;
mod unmatched;
mod unnamed;
mod wanted;
mod ways;
mod words;

#[cfg(test)]
mod tests;

pub(crate) use alone::overview;
pub(crate) use check::check;
pub(crate) use kin::did;
pub(crate) use question::{Filter, Understood};
pub(crate) use report::{draw, id, read, tasks};
pub(crate) use say::Speech;
pub(crate) use schema::{Found, Seen, Values};
pub(crate) use sql::conditions;
pub(crate) use understand::{Reading, understand};
pub(crate) use words::canon;
