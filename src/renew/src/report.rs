//! What is logged of a request that did not go as it should.

use base::clock::WallTime;
use client::{Failure, Outcome, Request};

/// The line of a request in the form of HTTP logs; none when all went well at once.
pub(crate) fn line(request: &Request, outcome: &Outcome, begun: WallTime) -> Option<String> {
    let course = outcome.course;
    let (status, bytes, ended) = match &outcome.result {
        Ok(_) if course.retries == 0 => return None,
        Ok(answer) => (answer.status, answer.body.len(), "--"),
        Err(Failure::Request(_) | Failure::Name(_) | Failure::Connect(_)) => (503, 0, "SC"),
        Err(Failure::Answer(_)) => (502, 0, "SH"),
        Err(Failure::Late) => (504, 0, "sH"),
        Err(Failure::Long) => (502, 0, "PD"),
    };
    let time = |time: Option<u64>| time.map_or(-1, u64::cast_signed);
    let answer = if outcome.result.is_ok() { time(course.answer) } else { -1 };
    let (connect, total, retries) = (time(course.connect), course.total, course.retries);
    let date = log::local_date(begun);
    let Request { method, url, .. } = request;
    Some(format!(
        "-:- [{date}] <OCSP-UPDATE> -/- 0/0/{connect}/{answer}/{total} {status} {bytes} - - {ended}-- 0/0/0/0/{retries} 0/0 {{}} \"{method} {url} HTTP/1.1\""
    ))
}

#[cfg(test)]
mod tests {
    use client::{Answer, Course};

    use super::*;

    fn said(result: Result<Answer, Failure>, course: Course) -> Option<String> {
        line(&Request::get("http://a/x"), &Outcome { result, course }, WallTime(0))
    }

    #[test]
    fn failures_are_told() {
        let course = Course { retries: 3, connect: None, answer: None, total: 3003 };
        let text = said(Err(Failure::Connect(String::new())), course).unwrap_or_default();
        let rest =
            "<OCSP-UPDATE> -/- 0/0/-1/-1/3003 503 0 - - SC-- 0/0/0/0/3 0/0 {} \"GET http://a/x HTTP/1.1\"";
        assert!(text.starts_with("-:- [") && text.ends_with(rest), "{text}");
        let course = Course { connect: Some(2), total: 3, ..course };
        let text = said(Err(Failure::Answer(String::new())), course).unwrap_or_default();
        assert!(text.contains(" 0/0/2/-1/3 502 0 - - SH-- "), "{text}");
    }

    #[test]
    fn what_went_well_at_once_is_not() {
        let answer = Answer { status: 200, ..Answer::default() };
        assert_eq!(said(Ok(answer.clone()), Course::default()), None);
        let text = said(Ok(answer), Course { retries: 1, ..Course::default() }).unwrap_or_default();
        assert!(text.contains(" 200 0 - - ---- 0/0/0/0/1 "), "{text}");
    }
}
