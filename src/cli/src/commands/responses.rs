//! The commands on the responses of authorities: `show ssl ocsp-response` and its kin.

use keyword::Answer;
use keyword::command::CommandCx;
use tls::Form;

use super::certificates::{notice, store, text};

/// `show ssl ocsp-response`.
pub(super) fn show(cx: &mut CommandCx<'_>) -> Answer {
    let form = match cx.bytes(0) {
        b"" => return Answer::text(store(cx).responses()),
        b"text" => Some(Form::Text),
        b"base64" => Some(Form::Base64),
        _ => None,
    };
    // A word that is no form, with another one behind it, is taken for what it says it is.
    let at = usize::from(form.is_some());
    if cx.bytes(at).is_empty() {
        return Answer::error("'show ssl ocsp-response [text|base64]' expects a valid certid.\n");
    }
    text(store(cx).response(&cx.arg(at), form))
}

/// `set ssl ocsp-response`.
pub(super) fn set(cx: &mut CommandCx<'_>) -> Answer {
    let given = cx.payload.filter(|payload| !payload.is_empty()).unwrap_or_else(|| cx.bytes(0));
    if given.is_empty() {
        return Answer::error("'set ssl ocsp-response' expects response in base64 encoding.\n");
    }
    notice(store(cx).set_response(given))
}

/// `show ssl ocsp-updates`.
pub(super) fn updates(cx: &mut CommandCx<'_>) -> Answer {
    let date = |seconds: i64| {
        let micros = u64::try_from(seconds).unwrap_or(0).saturating_mul(1_000_000);
        log::zoned_date(base::clock::WallTime(micros))
    };
    Answer::text(store(cx).updates(date))
}

/// `update ssl ocsp-response`.
pub(super) fn update(cx: &mut CommandCx<'_>) -> Answer {
    if cx.bytes(0).is_empty() {
        return Answer::error("'update ssl ocsp-response' expects a filename\n");
    }
    match store(cx).update_response(&cx.arg(0)) {
        Ok(()) => Answer::text(""),
        Err(why) => Answer::error(why),
    }
}

#[cfg(test)]
mod tests {
    use keyword::command::Level::{Admin, Operator};

    use crate::testing::{answers, shared};

    const SITE: &str = "defaults\n timeout client 1s\nfrontend f\n bind 127.0.0.1:9\n";

    fn says(input: &str) -> String {
        answers(&shared(SITE), Admin, &format!("{input}\n"))
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (command, answer) in [
            ("show ssl ocsp-response", "# Certificate IDs\n\n"),
            (
                "show ssl ocsp-response x",
                "'show ssl ocsp-response' expects a valid certid or certificate path.\n\n",
            ),
            (
                "show ssl ocsp-response text",
                "'show ssl ocsp-response [text|base64]' expects a valid certid.\n\n",
            ),
            ("show ssl ocsp-response base64 3", "Certificate ID or path does not match any certificate.\n\n"),
            ("set ssl ocsp-response", "'set ssl ocsp-response' expects response in base64 encoding.\n\n"),
            (
                "set ssl ocsp-response ###",
                "'set ssl ocsp-response' received invalid base64 encoded response.\n\n",
            ),
            ("update ssl ocsp-response", "'update ssl ocsp-response' expects a filename\n\n"),
            (
                "show ssl ocsp-updates",
                "OCSP Certid | Path | Next Update | Last Update | Successes | Failures | Last Update Status | Last Update Status (str)\n\n",
            ),
            ("set ssl ocsp-response aaaa", "Unable to parse OCSP response.\n\n"),
            ("set ssl ocsp-response MAMKAQY=", "OCSP response status not successful.\n\n"),
        ] {
            assert_eq!(says(command), answer, "{command}");
        }
    }

    #[test]
    fn responses_are_for_administrators() {
        let commands = [
            "show ssl ocsp-response",
            "show ssl ocsp-updates",
            "set ssl ocsp-response a",
            "update ssl ocsp-response a",
        ];
        for command in commands {
            let answer = answers(&shared(SITE), Operator, &format!("{command}\n"));
            assert_eq!(answer, "Permission denied\n\n", "{command}");
        }
    }
}
