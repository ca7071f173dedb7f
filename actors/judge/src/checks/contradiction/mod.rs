//! What the answer says goes up went up, what it calls the highest is the highest, and what a source denies it does not affirm.

mod bounds;
mod compared;
pub(in crate::checks) mod directions;
mod firsts;
mod limits;
mod meant;
mod measured;
mod named;
mod orders;
mod paid;
mod paired;
mod rank;
mod ranking;
mod rates;
mod reckoned;
mod records;
mod single;
mod sources;
mod steps;
mod turned;

use aios_work::Category;

use super::{Finding, Look, at};
use crate::criteria::Criteria;
use crate::reading::Reading;

pub(crate) struct Contradiction;

impl Look for Contradiction {
    fn name(&self) -> &'static str {
        "contradiction"
    }

    fn dimension(&self) -> Category {
        Category::Accuracy
    }

    fn look(&self, reading: &Reading<'_>, _: &Criteria) -> Finding {
        let mut finding = Finding::default();
        let given = orders::Given::of(reading);
        for (table, grid) in reading.ground.grids.iter().enumerate() {
            firsts::look(reading, table, grid, &given, &mut finding);
            single::look(reading, grid, &mut finding);
            records::look(reading, table, grid, &mut finding);
            paired::look(reading, table, grid, &mut finding);
            compared::look(reading, table, grid, &given, &mut finding);
            directions::look(reading, grid, &mut finding);
            ranking::look(reading, table, grid, &mut finding);
        }
        measured::look(reading, &mut finding);
        paid::look(reading, &mut finding);
        sources::decided(reading, &mut finding);
        sources::answered(reading, &mut finding);
        compared::held_against(reading, &mut finding);
        bounds::beyond(reading, &mut finding);
        steps::look(reading, &mut finding);
        for piece in reading.said() {
            reckoned::look(reading, piece, &mut finding);
            limits::look(reading, piece, &mut finding);
            rates::look(reading, piece, &mut finding);
            sources::placed(reading, piece, &mut finding);
            bounds::excepted(reading, piece, &mut finding);
            sources::absolute(reading, piece, &mut finding);
            sources::shared(reading, piece, &mut finding);
            sources::denied(reading, piece, &mut finding);
            named::look(reading, piece, &mut finding);
            turned::look(reading, piece, &mut finding);
            let before = finding.issues.len();
            sources::opposed(reading, piece, &mut finding);
            if finding.issues.len() == before {
                sources::opposed_as_a_whole(reading, piece, &mut finding);
            }
        }
        finding
    }
}
