//! The worker threads together, as other threads ask them.

use std::time::Duration;

use tokio::sync::oneshot;

use crate::run::{Control, Order};

/// How long a thread may take to answer before the others' answers are all there is.
const PATIENCE: Duration = Duration::from_secs(1);

/// The worker threads.
#[derive(Clone, Debug, Default)]
pub struct Crew(Vec<Control>);

impl Crew {
    /// The threads with these controls, in the order of their numbers.
    pub fn new(controls: Vec<Control>) -> Self {
        Self(controls)
    }

    /// Lets each thread do something, whenever it gets to it.
    pub fn tell(&self, work: impl Fn() + Clone + Send + 'static) {
        for control in &self.0 {
            // A thread that has gone has nothing left to do it to.
            let _ = control.give(Order::Run(Box::new(work.clone())));
        }
    }

    /// Asks each thread; `None` stands for one that does not answer in time.
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl Fn() -> T + Clone + Send + 'static,
    ) -> Vec<Option<T>> {
        self.ask_within(PATIENCE, question).await
    }

    async fn ask_within<T: Send + 'static>(
        &self,
        patience: Duration,
        question: impl Fn() -> T + Clone + Send + 'static,
    ) -> Vec<Option<T>> {
        let asked: Vec<_> = self
            .0
            .iter()
            .map(|control| {
                let (answer, answered) = oneshot::channel();
                let question = question.clone();
                let work = move || {
                    // Whoever asked may have given up.
                    let _ = answer.send(question());
                };
                control.give(Order::Run(Box::new(work))).then_some(answered)
            })
            .collect();
        let deadline = tokio::time::Instant::now() + patience;
        let mut answers = Vec::with_capacity(asked.len());
        for answered in asked {
            answers.push(match answered {
                Some(answered) => tokio::time::timeout_at(deadline, answered).await.ok().and_then(Result::ok),
                None => None,
            });
        }
        answers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_answer_are_heard() {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().build().unwrap().block_on(async {
            let ((awake, mut orders), (asleep, _unread)) = (Control::new(), Control::new());
            let (gone, _) = Control::new();
            tokio::spawn(async move {
                if let Some(Order::Run(work)) = orders.recv().await {
                    work();
                }
            });
            let crew = Crew::new(vec![awake, asleep, gone]);
            assert_eq!(crew.ask_within(Duration::from_millis(50), || 7).await, [Some(7), None, None]);
        });
    }
}
