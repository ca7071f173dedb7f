//! Both ends in one question: "the lowest and the highest daily takings", "who earned the most and who the least". One order has one end,
//! so the other one is asked as a question of its own; where the two are not joined, the second word says something that is not understood.

use aios_languages::Ask;

use super::marks::What;
use super::question::{Make, Question, Wanted};
use super::resolve::Reader;

impl Reader<'_> {
    /// The same question for the other end, where both are asked for. A second end that is not joined to the first goes unheard.
    pub(super) fn other_end(
        &mut self,
        from: usize,
        to: usize,
        question: &Question,
    ) -> Option<Question> {
        question.order.as_ref()?;
        let end = |at: usize| match self.mark(at)?.what {
            What::Ask(Ask::Highest | Ask::Top) | What::Superlative(Ask::Highest, _) => Some(true),
            What::Ask(Ask::Lowest | Ask::Bottom) | What::Superlative(Ask::Lowest, _) => Some(false),
            _ => None,
        };
        let (first, one) = (from..to).find_map(|at| Some((at, end(at)?)))?;
        let last = (first + 1..to).find(|at| end(*at) == Some(!one))?;
        // Figures may be of both ends already.
        let both = match &question.wanted {
            Wanted::Figures(figures) => [Make::Greatest, Make::Least]
                .iter()
                .all(|make| figures.iter().any(|figure| figure.make == *make)),
            _ => false,
        };
        if both {
            return None;
        }
        let joined = (first..last).any(|at| self.is_ask(at, Ask::And) || self.is_ask(at, Ask::Or));
        if !joined {
            self.unheard_ends.push(last);
            return None;
        }
        let mut other = question.clone();
        let order = other.order.as_mut()?;
        order.largest = !order.largest;
        Some(other)
    }
}
